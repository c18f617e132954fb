"""An exported classifier, with the answers of mmvrec's inferencer."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from threading import Lock
from types import SimpleNamespace

import numpy as np

from mmvrec_runtime.images import ImageSource, image_name, read_image
from mmvrec_runtime.instances import Instance, image_instances
from mmvrec_runtime.model import ExportedModel, read_model, write_model
from mmvrec_runtime.shared.early_exit import decides, exit_steps, view_order
from mmvrec_runtime.shared.enrolled_data import EnrolledData
from mmvrec_runtime.shared.scoring import head_logits, probabilities, similarities, typicality
from mmvrec_runtime.shared.sessions import Session
from mmvrec_runtime.shared.verdicts import VerdictRule
from mmvrec_runtime.support import with_instances, without_instances
from mmvrec_runtime.views import make_views


class Classifier:
    """Classifies instances of images with a file that ``mmvrec export`` has written.

    .. code-block:: python

        classifier = Classifier('defects.onnx')
        for result in classifier('part.png', boxes=[[40, 30, 120, 100]]):
            print(result['label'], result['score'], result['verdict'])

    It may be called by several threads; one embeds at a time.

    Args:
        path (str | Path): the ONNX file.
        engine (str, optional): ``onnx`` or ``openvino``. Defaults to None: what it was exported
            for.
        threads (int, optional): of the engine. Defaults to None: all cores.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, of another version, or the engine cannot run it.
    """

    def __init__(self, path: str | Path, engine: str | None = None, threads: int | None = None):
        self.path = Path(path)
        self.model: ExportedModel = read_model(path)
        info = self.model.info
        self.engine = engine or info['engine']
        self._session = Session(path, self.engine, info['precision'], threads)
        self._lock = Lock()

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the scores."""
        return list(self.model.info['classes'])

    def __call__(
        self,
        image: ImageSource,
        boxes: Sequence | np.ndarray | None = None,
        masks: Sequence | np.ndarray | None = None,
        neighbours: int = 3,
        name: str | None = None,
        max_error: float = 0.02,
        polygons: Sequence | None = None,
    ) -> list[dict]:
        """Classify the instances of an image.

        Args:
            image (ImageSource): see :func:`read_image`.
            boxes (Sequence | np.ndarray, optional): see :func:`image_instances`.
            masks (Sequence | np.ndarray, optional): see :func:`image_instances`. Without boxes,
                masks and polygons the whole image is one instance.
            neighbours (int): support instances that are named as evidence. Defaults to 3.
            name (str, optional): what the image is called in ids. Defaults to its path.
            max_error (float): share of wrong answers that is allowed among those called sure.
                Defaults to 0.02.
            polygons (Sequence, optional): see :func:`image_instances`.

        Returns:
            list[dict]: of every instance ``id``, ``bbox``, ``label``, ``score``, ``scores``,
            ``similarity``, ``unknown``, ``neighbours``, ``verdict``, ``warnings`` and
            ``view_boxes``, as mmvrec's ``DefectInferencer`` gives them; JSON-able.

        Raises:
            FileNotFoundError: there is no such image.
            ValueError: a broken image or instance.
        """
        pixels = self.read(image)
        instances = image_instances(*pixels.shape[:2], boxes, masks, polygons)
        name = image_name(image) if name is None else name
        return self.classify(pixels, instances, name, neighbours, max_error)

    def read(self, image: ImageSource) -> np.ndarray:
        """Pixels of an image, uint8, RGB, (H, W, 3); see :func:`read_image`."""
        return read_image(image, self.model.info['views']['bit_depth'])

    def classify(
        self,
        pixels: np.ndarray,
        instances: Sequence[Instance],
        name: str,
        neighbours: int = 3,
        max_error: float = 0.02,
    ) -> list[dict]:
        """Classify instances that are read already, see :meth:`__call__`.

        Args:
            pixels (np.ndarray): uint8, RGB, (H, W, 3).
            instances (Sequence[Instance]): of this image.
            name (str): what the image is called in ids.
            neighbours (int): see :meth:`__call__`. Defaults to 3.
            max_error (float): see :meth:`__call__`. Defaults to 0.02.
        """
        # Another thread may add instances meanwhile.
        model = self.model
        rule, data = VerdictRule.of(model, max_error), EnrolledData.of(model.facts)
        results = []
        for instance in instances:
            feats, view_boxes = self._look(model, pixels, instance)
            prediction = _prediction(model, feats, neighbours)
            warnings = [] if data is None else data.warnings(instance.facts(name, pixels))
            results.append(
                {
                    'id': name + instance.place,
                    'bbox': instance.bbox,
                    **prediction,
                    'verdict': rule.verdict(SimpleNamespace(**prediction), warnings),
                    'warnings': warnings,
                    'view_boxes': view_boxes.tolist(),
                }
            )
        return results

    def add(
        self,
        label: str,
        image: ImageSource,
        boxes: Sequence | np.ndarray | None = None,
        masks: Sequence | np.ndarray | None = None,
        name: str | None = None,
        polygons: Sequence | None = None,
    ) -> list[str]:
        """Add labelled instances to the support; the label may be a new class.

        The head is fitted again, in closed form. :meth:`save` writes it.

        Args:
            label (str): class of all instances.
            image (ImageSource): see :meth:`__call__`; the others too.
            boxes (Sequence | np.ndarray, optional): see :meth:`__call__`.
            masks (Sequence | np.ndarray, optional): see :meth:`__call__`.
            name (str, optional): see :meth:`__call__`.
            polygons (Sequence, optional): see :meth:`__call__`.

        Returns:
            list[str]: ids of the instances.

        Raises:
            ValueError: a broken image, instance or label, an instance that is there already, or a
                head that is not closed form.
        """
        pixels = self.read(image)
        name = image_name(image) if name is None else name
        instances = image_instances(*pixels.shape[:2], boxes, masks, polygons)
        return self.add_instances(label, pixels, instances, name)

    def add_instances(
        self, label: str, pixels: np.ndarray, instances: Sequence[Instance], name: str
    ) -> list[str]:
        """Add instances that are read already, see :meth:`add` and :meth:`classify`."""
        ids = [name + instance.place for instance in instances]
        if ids:
            feats = np.stack([self._embed(pixels, instance)[0] for instance in instances])
            facts = [instance.facts(name, pixels) for instance in instances]
            self.model = with_instances(self.model, feats, label, ids, facts)
        return ids

    def remove(self, label: str | None = None, ids: Sequence[str] = ()) -> None:
        """Remove a class, or instances by their ids, from the support.

        Raises:
            ValueError: there are none, fewer than two classes would be left, or the head is not
                closed form.
        """
        self.model = without_instances(self.model, label, ids)

    def save(self, path: str | Path | None = None) -> None:
        """Write the classifier, whole or not at all.

        Args:
            path (str | Path, optional): defaults to None: the file that it was read from.
        """
        write_model(self.path, path or self.path, self.model)

    def embed_views(self, views: np.ndarray) -> np.ndarray:
        """Features, float32, (N, C), of views, uint8, (N, 4 or 3, S, S)."""
        with self._lock:
            return self._session(views)

    def _look(
        self, model: ExportedModel, pixels: np.ndarray, instance: Instance
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features of the views that decide, (v, C), and their boxes, (v, 4)."""
        order, ends = view_steps(model.info)
        feats, boxes = [], []
        for step, (begin, end) in enumerate(pairwise((0, *ends))):
            own_feats, own_boxes = self._embed(pixels, instance, order[begin:end])
            feats.append(own_feats)
            boxes.append(own_boxes)
            if end < len(order) and is_decided(model, np.concatenate(feats), step):
                break
        return np.concatenate(feats), np.concatenate(boxes)

    def _embed(
        self, pixels: np.ndarray, instance: Instance, positions: Sequence[int] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Features, float32, (v, C), and boxes, (v, 4), of the views at some positions, or all."""
        mask, settings = instance.mask(*pixels.shape[:2]), self.model.info['views']
        views, boxes = make_views(pixels, mask, instance.bbox, settings, positions)
        return self.embed_views(views), boxes


def view_steps(info: dict) -> tuple[list[int], list[int]]:
    """Views in their order, and after how many of them may be left, all of them last."""
    order = view_order(info['views'])
    if info.get('early_exit') is None:
        return sorted(order), [len(order)]
    return order, [*exit_steps(len(order)), len(order)]


def is_decided(model: ExportedModel, feats: np.ndarray, step: int) -> bool:
    """Whether the views up to a step, (v, C), decide, see :func:`decides`."""
    early_exit, head = model.info['early_exit'], model.info['head']
    logits = head_logits(feats[None], head, model.arrays)
    typical = typicality(feats[None], head, model.arrays)
    return bool(decides(logits, typical, early_exit['margin'], early_exit['thresholds'][step])[0])


def _is_unknown(model: ExportedModel, feats: np.ndarray) -> bool | None:
    """Whether an instance is less like the support than known ones; None where nothing tells."""
    info = model.info
    typical, threshold = typicality(feats[None], info['head'], model.arrays), info['threshold']
    if typical is None or threshold is None:
        return None
    # One that was left early was known by the views that were looked at.
    return len(feats) == len(view_order(info['views'])) and bool(typical[0] < threshold)


def _prediction(model: ExportedModel, feats: np.ndarray, neighbours: int) -> dict:
    """What the classifier makes of one instance, by the views that were looked at, (v, C)."""
    info = model.info
    logits = head_logits(feats[None], info['head'], model.arrays)
    scores = probabilities(logits, info['temperature'])[0]
    best = int(scores.argmax())
    nearest = _nearest(model, feats, max(neighbours, 1))
    return {
        'label': info['classes'][best],
        'score': float(scores[best]),
        'scores': dict(zip(info['classes'], scores.tolist(), strict=True)),
        'similarity': nearest[0]['similarity'] if nearest else None,
        'unknown': _is_unknown(model, feats),
        'neighbours': nearest[:neighbours],
    }


def _nearest(model: ExportedModel, feats: np.ndarray, number: int) -> list[dict]:
    """The most similar support instances, the nearest first."""
    support = model.arrays.get('support_feats')
    if support is None:
        return []
    cosines = similarities(feats[None], support)[0]
    rows = np.argsort(-cosines, kind='stable')[:number].tolist()
    ids, labels = model.info['ids'], model.info['labels']
    return [
        {'id': ids[row], 'label': labels[row], 'similarity': float(cosines[row])} for row in rows
    ]
