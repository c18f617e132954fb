"""Instances of an image: boxes and masks, checked as mmvrec checks them."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from mmvrec_runtime.polygons import polygon_masks
from mmvrec_runtime.shared.borders import cut_box
from mmvrec_runtime.shared.instance_facts import InstanceFacts
from mmvrec_runtime.shared.run_lengths import encode_counts, mask_runs


@dataclass(frozen=True)
class Instance:
    """Where a defect is.

    Args:
        bbox (list[float]): x1, y1, x2, y2 in pixels.
        pixels (np.ndarray, optional): its mask, bool, (H, W). None: the box.
    """

    bbox: list[float]
    pixels: np.ndarray | None = None

    @property
    def place(self) -> str:
        """Where it is, the same whenever it comes: for ids."""
        place = '@' + ','.join(f'{value:g}' for value in self.bbox)
        if self.pixels is None:
            return place
        counts = encode_counts(mask_runs(self.pixels))
        return f'{place}:{crc32(counts.encode()):08x}'

    def facts(self, image: str, pixels: np.ndarray) -> InstanceFacts:
        """What is known of it beside its features.

        Args:
            image (str): what its image is called.
            pixels (np.ndarray): of its image, uint8, RGB, (H, W, 3).
        """
        record = {'bbox': self.bbox, 'mask': self.pixels, 'img_path': image}
        return InstanceFacts.of(record, pixels)

    def mask(self, height: int, width: int) -> np.ndarray:
        """Its mask, uint8, 0 and 255, (H, W); of a box its pixels with the last row and column."""
        if self.pixels is not None:
            return self.pixels.astype(np.uint8) * np.uint8(255)
        mask = np.zeros((height, width), np.uint8)
        x1, y1, x2, y2 = map(int, self.bbox)
        mask[y1 : y2 + 1, x1 : x2 + 1] = 255
        return mask


def image_instances(
    height: int,
    width: int,
    boxes: Sequence | np.ndarray | None = None,
    masks: Sequence | np.ndarray | None = None,
    polygons: Sequence | None = None,
) -> list[Instance]:
    """The instances of one image.

    Args:
        height (int): of the image, pixels.
        width (int): of the image, pixels.
        boxes (Sequence | np.ndarray, optional): x1, y1, x2, y2 in pixels, (N, 4). Defaults to None.
        masks (Sequence | np.ndarray, optional): bool or numbers, (N, H, W); above one half is
            inside where they are floats, not zero where they are not. Defaults to None.
        polygons (Sequence, optional): of every instance one polygon, its points x, y in pixels,
            (n, 2), or a list of several, each so or flat as COCO has them. Defaults to None.
            Without any of these the whole image is one instance.

    Returns:
        list[Instance]: boxes are cut at the border of the image; those beside masks or polygons are
        not looked at but for their number.

    Raises:
        ValueError: wrong shapes, numbers that are not finite, a box without area or one that leaves
            the image by more than a pixel or one percent, or an empty mask.
    """
    if polygons is not None:
        if masks is not None:
            raise ValueError('give masks or polygons, not both')
        masks = polygon_masks(polygons, height, width)
    if boxes is None and masks is None:
        return [Instance([0.0, 0.0, float(width), float(height)])]
    if masks is None:
        return [Instance(box) for box in _checked_boxes(_numbers(boxes, 'boxes'), height, width)]
    pixels = _checked_masks(_numbers(masks, 'masks'), height, width)
    if boxes is not None and len(boxes) != len(pixels):
        raise ValueError(f'{len(boxes)} boxes and {len(pixels)} masks')
    return [Instance(_bbox(mask), mask) for mask in pixels]


def _numbers(values: object, what: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f'{what} must be numbers of one shape: {error}') from error
    if array.size and array.dtype != bool and array.dtype.kind not in 'iuf':
        raise ValueError(f'{what} must be numbers, got {array.dtype}')
    return array


def _checked_boxes(boxes: np.ndarray, height: int, width: int) -> list[list[float]]:
    if boxes.size == 0:
        return []
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'boxes must have shape (N, 4): x1, y1, x2, y2; got {boxes.shape}')
    checked = []
    for index, box in enumerate(boxes.astype(np.float64)):
        if not np.isfinite(box).all():
            raise ValueError(f'box {index} has NaN or infinite coordinates: {box.tolist()}')
        if box[2] <= box[0] or box[3] <= box[1]:
            raise ValueError(f'box {index} (x1, y1, x2, y2) has no area: {box.tolist()}')
        try:
            checked.append(cut_box(box.tolist(), height, width)[0])
        except ValueError as error:
            raise ValueError(f'box {index}: {error}') from error
    return checked


def _checked_masks(masks: np.ndarray, height: int, width: int) -> list[np.ndarray]:
    if masks.size == 0:
        return []
    if masks.ndim != 3 or masks.shape[1:] != (height, width):
        raise ValueError(
            f'masks must have shape (N, H, W) = (N, {height}, {width}), got {masks.shape}'
        )
    inside = masks > 0.5 if masks.dtype.kind == 'f' else masks != 0
    empty = [index for index, mask in enumerate(inside) if not mask.any()]
    if empty:
        raise ValueError(f'masks {empty[:5]} are empty')
    return list(inside)


def _bbox(mask: np.ndarray) -> list[float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [float(v) for v in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)]
