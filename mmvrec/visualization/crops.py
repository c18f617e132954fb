"""Crops of instances with their surroundings, and outlines that leave the defect visible."""

from dataclasses import dataclass

import cv2
import numpy as np

#: The crop is so many times as wide as the longer side of the instance, and at least so wide.
_CONTEXT, _LEAST_SIDE = 2.0, 48
#: Between mask and outline, as a share of the crop's longer side.
_MARGIN = 0.025
#: Outlines of more parts than these are not told apart by anybody.
_MOST_PARTS = 30
#: Longer side of the crops in pixels, by the number of instances that a page has at most with it:
#: one of 2000 can still be sent by mail.
_SIDES = {300: 320, 1000: 224}
_LEAST_PICTURE = 160


@dataclass(frozen=True)
class Crop:
    """The surroundings of an instance.

    Args:
        pixels (np.ndarray): uint8, RGB, (H, W, 3).
        outline (tuple[str, ...]): closed lines around the instance, in pixels of the crop, as the
            attribute ``points`` of SVG has them; none where the instance is the whole image.
    """

    pixels: np.ndarray
    outline: tuple[str, ...]


def crop_instance(image: np.ndarray, mask: np.ndarray, bbox: list[float], side: int) -> Crop:
    """Cut out an instance with as much around it as it is wide.

    Args:
        image (np.ndarray): uint8, RGB, (H, W, 3), upright.
        mask (np.ndarray): of the instance, 0 or 255, uint8, (H, W).
        bbox (list[float]): x1, y1, x2, y2 of the instance in pixels.
        side (int): pixels that the longer side of the crop has at most; it is not enlarged.

    Returns:
        Crop: pixels and outline.
    """
    height, width = image.shape[:2]
    x1, y1, x2, y2 = _surroundings(bbox, height, width)
    scale = min(1.0, side / max(x2 - x1, y2 - y1))
    size = max(1, round(scale * (x2 - x1))), max(1, round(scale * (y2 - y1)))
    pixels = cv2.resize(
        np.ascontiguousarray(image[y1:y2, x1:x2]), size, interpolation=cv2.INTER_AREA
    )
    if mask.all():
        return Crop(pixels, ())
    # Averaged, so that a line of one pixel does not fall between those that are kept.
    share = cv2.resize(mask[y1:y2, x1:x2].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return Crop(pixels, ring(share > 0))


def crop_side(number: int) -> int:
    """Choose the longer side of crops in pixels for a page of so many instances."""
    return next((side for most, side in _SIDES.items() if number <= most), _LEAST_PICTURE)


def _surroundings(bbox: list[float], height: int, width: int) -> tuple[int, int, int, int]:
    """Compute a square around a box, clipped to the image: x1, y1, x2, y2, at least a pixel."""
    x1, y1, x2, y2 = bbox
    half = max(_CONTEXT * max(x2 - x1, y2 - y1), _LEAST_SIDE) / 2
    middle = np.array([x1 + x2, y1 + y2]) / 2
    low = np.clip(np.floor(middle - half), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(middle + half), low + 1, [width, height]).astype(int)
    return *low.tolist(), *high.tolist()


def ring(mask: np.ndarray) -> tuple[str, ...]:
    """Compute lines around the parts of a mask, at a distance, so that they cover nothing of it.

    Args:
        mask (np.ndarray): bool, (H, W).

    Returns:
        tuple[str, ...]: the largest parts, see :class:`Crop`.
    """
    margin = max(2, round(_MARGIN * max(mask.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
    widened = cv2.dilate(mask.astype(np.uint8), disc)
    contours, _ = cv2.findContours(widened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    contours = sorted(contours, key=cv2.contourArea, reverse=True)[:_MOST_PARTS]
    lines = [cv2.approxPolyDP(contour, 0.7, True)[:, 0] for contour in contours]
    # Through the middles of pixels, whose corners are whole numbers in SVG.
    return tuple(' '.join(f'{x + 0.5:g},{y + 0.5:g}' for x, y in line.tolist()) for line in lines)
