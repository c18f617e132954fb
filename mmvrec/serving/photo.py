"""A photo of the day: its regions, and what the model says of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from mmvrec.apis.embedding import PICTURE_SIDE, EmbeddedInstances
from mmvrec.apis.pixels import InstancePixels
from mmvrec.serving.annotation_file import AnnotationFile
from mmvrec.serving.regions import MarkedRegion, overlap
from mmvrec.visualization.crops import crop_instance
from mmvrec.visualization.instances import widest_view
from mmvrec.visualization.review import answer_kind

#: Longer side of the pictures in the list, pixels.
_CROP_SIDE = 224
#: A region that was found and overlaps so with one that somebody has spoken of is that one.
_SAME = 0.5
_QUALITY = 80


@dataclass(frozen=True)
class Answer:
    """What the model says of a region.

    Args:
        record (Mapping): of the region, see :class:`DefectDataset`.
        embedded (EmbeddedInstances): the region alone.
        result (Mapping): see :func:`mmvrec.apis.results.make_results`.
        row (int, optional): its place among the enrolled instances; None where it is not.
        crop (bytes): the region and what is around it, as WebP.
        view (bytes): its widest view, as WebP.
    """

    record: Mapping
    embedded: EmbeddedInstances
    result: Mapping
    row: int | None
    crop: bytes
    view: bytes

    @property
    def said(self) -> str:
        """The class that it names, ``unknown`` or ``no defect``."""
        kind = answer_kind(self.result)
        return self.result['label'] if kind == 'class' else kind


@dataclass
class Photo:
    """A photo that is looked at.

    Args:
        path (Path): the file.
        name (str): what it is called, below the folder of the day.
        file (AnnotationFile, optional): None where the photo cannot be read.
        regions (dict[int, MarkedRegion]): by their keys.
        before (dict[int, list[MarkedRegion | None]]): of every region, what it was before each
            change since the start; None where it was not there.
        answers (dict[int, Answer]): of every region.
        error (str, optional): why it cannot be used.
    """

    path: Path
    name: str
    file: AnnotationFile | None = None
    regions: dict[int, MarkedRegion] = field(default_factory=dict)
    before: dict[int, list[MarkedRegion | None]] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    error: str | None = None

    def region(self, key: int) -> MarkedRegion:
        """A region.

        Raises:
            LookupError: there is none.
        """
        if key not in self.regions:
            raise LookupError(f'{self.name} has no region {key}')
        return self.regions[key]

    def record(self, region: MarkedRegion) -> dict:
        """Record of a region, as datasets have them."""
        return {
            'img_path': str(self.path),
            'img_shape': self.file.shape,
            'instance_id': f'{self.path}{region.place}',
            'task': 'day',
            **region.geometry,
        }

    def change(self, region: MarkedRegion) -> None:
        """Take a region as it is now, and write the file.

        Raises:
            ValueError: the file cannot be written; the region stays as it was.
        """
        self.file.write([*(self.regions | {region.key: region}).values()])
        self.before.setdefault(region.key, []).append(self.regions.get(region.key))
        self.regions[region.key] = region

    def undo(self, key: int) -> None:
        """Take back the last change of a region; one that was drawn is gone.

        Raises:
            LookupError: there is no change.
            ValueError: the file cannot be written; the region stays as it is.
        """
        self.region(key)
        earlier = self.before.get(key, [])
        if not earlier:
            raise LookupError(f'nothing was changed of region {key} of {self.name}')
        others = {k: own for k, own in self.regions.items() if k != key}
        regions = others if earlier[-1] is None else self.regions | {key: earlier[-1]}
        self.file.write([*regions.values()])
        self.regions = regions
        if earlier.pop() is None:
            del self.answers[key]

    def add_found(self, geometries: Sequence[Mapping]) -> None:
        """Add what was found, but for regions that somebody has spoken of."""
        for geometry in geometries:
            box = geometry['bbox']
            known = [b for r in self.regions.values() for b in (r.geometry['bbox'], r.found) if b]
            if not any(overlap(box, other) >= _SAME for other in known):
                key = len(self.regions)
                self.regions[key] = MarkedRegion(key, geometry, found=tuple(box))


def pictures(pixels_of: InstancePixels, record: Mapping, result: Mapping) -> tuple[bytes, bytes]:
    """Pictures of a region for an answer: with what is around it, and as the network sees it."""
    pixels, mask = pixels_of(record)
    crop = crop_instance(pixels, mask, record['bbox'], _CROP_SIDE).pixels
    view = widest_view(pixels, mask, result['view_boxes'], record['bbox'], PICTURE_SIDE)
    return encode(crop), encode(view)


def encode(pixels: np.ndarray, kind: str = 'WEBP', quality: int = _QUALITY) -> bytes:
    """Encode pixels, uint8, RGB, as a browser reads them."""
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, kind, quality=quality)
    return stream.getvalue()
