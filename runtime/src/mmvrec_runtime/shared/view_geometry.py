"""Where the views of an instance lie in its image: plain functions on numbers.

NumPy alone: mmvrec-runtime has a copy of this file, to the byte.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


def crop_sizes(
    scales: Sequence[float], unit: str, bbox: Sequence[float], height: int, width: int
) -> list[int]:
    """Compute the sides of the square crops.

    Args:
        scales (Sequence[float]): one number per crop size, > 0.
        unit (str): what they count: ``pixel``, ``defect`` (longer side of the box) or ``image``
            (shorter side of the image).
        bbox (Sequence[float]): x1, y1, x2, y2 of the instance in pixels.
        height (int): image height in pixels.
        width (int): image width in pixels.

    Returns:
        list[int]: sides in pixels, at least 1.
    """
    x1, y1, x2, y2 = bbox
    reference = {'pixel': 1, 'defect': max(x2 - x1, y2 - y1), 'image': min(height, width)}[unit]
    return [max(1, round(scale * reference)) for scale in scales]


def crop_starts(
    low: float, high: float, size: int, offsets: Sequence[int], divisor: int
) -> list[int]:
    """Compute the first pixels of the crops along one axis.

    Floor division throughout, as in the released code: for size 256 and divisor 3, the steps
    -1 and 1 move the crop by -86 and 85 pixels.

    Args:
        low (float): x1 (or y1) of the box in pixels; may be negative.
        high (float): x2 (or y2) of the box.
        size (int): side of the crop in pixels.
        offsets (Sequence[int]): steps from the crop centred on the box.
        divisor (int): a step is the ``divisor``-th part of the crop.

    Returns:
        list[int]: one coordinate per step.
    """
    centre = int((low + high) // 2)
    return [centre + (step * size) // divisor - size // 2 for step in offsets]


def crop_boxes(xs: Sequence[int], ys: Sequence[int], size: int) -> np.ndarray:
    """List the boxes of the crops that start at all pairs of ``xs`` and ``ys``.

    Returns:
        np.ndarray: int64, shape (len(ys) * len(xs), 4), x1, y1, x2, y2 (half open); x fastest.
    """
    return np.array([(x, y, x + size, y + size) for y in ys for x in xs], np.int64)


def check_bbox(bbox: Sequence[float]) -> list[float]:
    """Check a box, and convert it to four floats.

    Raises:
        ValueError: it is not four finite numbers with x1 <= x2 and y1 <= y2.
    """
    box = np.asarray(bbox, np.float64).ravel().tolist()
    if len(box) != 4 or not all(map(math.isfinite, box)) or box[0] > box[2] or box[1] > box[3]:
        raise ValueError(
            f'bbox must be finite x1, y1, x2, y2 in pixels with x1 <= x2 and y1 <= y2, got {bbox}'
        )
    return box


def is_right_angle(angle: float) -> bool:
    """Whether a rotation by ``angle`` degrees only permutes the pixels of a square."""
    return angle % 90 == 0


class Region(NamedTuple):
    """A part of an image that remembers where it lies; outside the image everything is 0.

    Args:
        pixels (np.ndarray): uint8, shape (h, w, C): the part that is inside the image.
        left (int): image column of its first pixel.
        top (int): image row of its first pixel.
    """

    pixels: np.ndarray
    left: int
    top: int

    @property
    def bottom(self) -> int:
        """Image row after the last one."""
        return self.top + self.pixels.shape[0]

    def cut(self, x1: int, y1: int, x2: int, y2: int) -> np.ndarray:
        """Copy a rectangle, in image coordinates, filled with 0 outside the image.

        Returns:
            np.ndarray: uint8, shape (y2 - y1, x2 - x1, C).
        """
        height, width, channels = self.pixels.shape
        crop = np.zeros((y2 - y1, x2 - x1, channels), np.uint8)
        left, right = np.clip([x1 - self.left, x2 - self.left], 0, width)
        top, bottom = np.clip([y1 - self.top, y2 - self.top], 0, height)
        if left < right and top < bottom:
            y, x = top + self.top - y1, left + self.left - x1
            crop[y : y + bottom - top, x : x + right - left] = self.pixels[top:bottom, left:right]
        return crop


def cut_region(image: np.ndarray, mask: np.ndarray | None, boxes: np.ndarray) -> Region:
    """Cut the part of an image that a set of boxes touches, the mask as fourth channel.

    Args:
        image (np.ndarray): uint8, RGB, shape (H, W, 3).
        mask (np.ndarray | None): uint8, shape (H, W).
        boxes (np.ndarray): integer, shape (B, 4), x1, y1, x2, y2; may leave the image.

    Returns:
        Region: three channels, or four with a mask; without pixels where no box meets the image.
    """
    height, width = image.shape[:2]
    left, top = np.clip(boxes[:, :2].min(0), 0, (width, height)).tolist()
    right, bottom = np.clip(boxes[:, 2:].max(0), 0, (width, height)).tolist()
    inside = slice(top, bottom), slice(left, right)
    if mask is None:
        return Region(image[inside], left, top)
    if left == right or top == bottom:
        return Region(np.zeros((0, 0, 4), np.uint8), left, top)
    rgba = np.empty((bottom - top, right - left, 4), np.uint8)
    rgba[..., :3] = image[inside]
    rgba[..., 3] = mask[inside]
    return Region(rgba, left, top)
