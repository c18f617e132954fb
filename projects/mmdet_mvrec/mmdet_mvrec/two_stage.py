"""A detector finds the defects, MVREC names them."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from rich.progress import track

from mmvrec.apis import DefectInferencer
from mmvrec.structures.borders import cut_box
from mmvrec.utils.images import read_image
from mmvrec.utils.resources import read_config

from .detectors import DETECTORS, Detections


class TwoStageInferencer:
    """Boxes or masks of a detector, classified by a saved :class:`DefectInferencer`.

    Args:
        detector (dict | Callable): config of a first stage (``DETECTORS``), or anything that makes
            :class:`Detections` of an RGB image.
        classifier (str | Path | DefectInferencer): fitted, or the file of one.
        score_threshold (float): detections with lower scores are not classified. Defaults to 0.3.
        max_per_image (int): the surest detections of an image that are classified. Defaults to
            100.

    Raises:
        FileNotFoundError: config, weights or the saved classifier are missing.
        ValueError: the threshold is no number, or negative.
    """

    def __init__(
        self,
        detector: dict | Callable[[np.ndarray], Detections],
        classifier: str | Path | DefectInferencer,
        score_threshold: float = 0.3,
        max_per_image: int = 100,
    ):
        if not score_threshold >= 0:
            raise ValueError(f'score_threshold must be at least 0, got {score_threshold}')
        self.detector = DETECTORS.build(detector) if isinstance(detector, dict) else detector
        if not isinstance(classifier, DefectInferencer):
            classifier = DefectInferencer.load(classifier)
        self.classifier = classifier
        self.score_threshold = score_threshold
        self.max_per_image = max_per_image

    @classmethod
    def from_config(cls, path: str | Path, options: dict | None = None) -> 'TwoStageInferencer':
        """Build both stages from one config with the arguments of this class.

        Args:
            path (str | Path): the config.
            options (dict, optional): overrides, by dotted names.

        Raises:
            FileNotFoundError: no such config, or see the class.
            ValueError: it cannot be read, or its fields are not the arguments.
        """
        cfg = read_config(str(path))
        cfg.merge_from_dict(options or {})
        fields, known = cfg.to_dict(), list(inspect.signature(cls).parameters)
        unknown = sorted(set(fields) - set(known))
        missing = sorted({'detector', 'classifier'} - set(fields))
        if unknown or missing:
            raise ValueError(
                f'{path}: fields that are unknown: {unknown}, that are missing: {missing}; a '
                f'config of two stages has {known}'
            )
        return cls(**fields)

    def __call__(
        self,
        images: Sequence[str | Path],
        show: bool = False,
        out_dir: str | Path | None = None,
    ) -> list[list[dict]]:
        """Find and classify the defects of images.

        Args:
            images (Sequence[str | Path]): image files.
            show (bool): see :class:`DefectInferencer`. Defaults to False.
            out_dir (str | Path, optional): see :class:`DefectInferencer`.

        Returns:
            list[list[dict]]: per image, the surest detection first, the results of
            :class:`DefectInferencer`, with the detector's score as ``det_score``.

        Raises:
            FileNotFoundError: an image is missing.
            ValueError: an image is broken, or the detector gives NaN.
        """
        images = [str(image) for image in images]
        found = [
            self._detect(image) for image in track(images, f'Detecting on {len(images)} images')
        ]
        instances = [asdict(one) for one in found]
        return self.classifier(images, instances, show=show, out_dir=out_dir)

    def _detect(self, image: str) -> Detections:
        """The surest detections; what is not within the image is left out, and told."""
        pixels = read_image(image)
        found = self.detector(pixels)
        if not np.isfinite(found.scores).all():
            raise ValueError(f'{image}: the detector gives scores of NaN; check its weights')
        sure = np.flatnonzero(found.scores >= self.score_threshold)
        usable = _in_image(found, *pixels.shape[:2])[sure]
        if not usable.all():
            print_log(
                f'{image}: {(~usable).sum()} detections have no pixel in the image or leave it, '
                'and are left out',
                logger='current',
                level=30,
            )
        keep = sure[usable][: self.max_per_image]
        masks = None if found.masks is None else found.masks[keep]
        return Detections(found.bboxes[keep], found.scores[keep], masks)


def _in_image(found: Detections, height: int, width: int) -> np.ndarray:
    """Which detections can be classified on the image, bool, (N,)."""
    usable = np.array([_is_inside(box, height, width) for box in found.bboxes], bool)
    return usable if found.masks is None else usable & found.masks.any((1, 2))


def _is_inside(box: np.ndarray, height: int, width: int) -> bool:
    try:
        x1, y1, x2, y2 = cut_box(box, height, width)[0]
    except ValueError:
        return False
    return x2 > x1 and y2 > y1
