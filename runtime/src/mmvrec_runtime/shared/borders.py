"""Clipping of boxes and polygons at the border of their image.

Annotation tools and detectors round outwards, so a little is cut off; what lies farther outside was
made for another image, and is an error. NumPy alone: mmvrec-runtime has a copy of this file, to
the byte.
"""

from collections.abc import Sequence

import numpy as np


def cut_at_border(
    points: np.ndarray, height: int, width: int, what: str = 'it'
) -> tuple[np.ndarray, bool]:
    """Cut the points of a box or polygon at the border of their image.

    They may leave it by a pixel, or by one percent of its side where that is more.

    Args:
        points (np.ndarray): x and y in pixels, finite, float, (N, 2).
        height (int): of the image, pixels.
        width (int): of the image, pixels.
        what (str): what the points are called in messages. Defaults to ``it``.

    Returns:
        tuple[np.ndarray, bool]: the points within the image, (N, 2), and whether any was cut.

    Raises:
        ValueError: a point lies farther outside, or all of them lie beside the image.
    """
    size = np.array([width, height], np.float64)
    cut = points.clip(0, size)
    # Decimal coordinates add up to a little more than they should.
    if (np.abs(points - cut) > np.maximum(1.0, 0.01 * size) + 1e-6).any():
        raise ValueError(
            f'{what} leaves the image of {width} x {height} pixels (width x height): it reaches '
            f'from {points.min(0).tolist()} to {points.max(0).tolist()}'
        )
    is_cut = points != cut
    if (is_cut.any(0) & (np.ptp(cut, 0) == 0)).any():
        raise ValueError(
            f'{what} lies beside the image of {width} x {height} pixels (width x height), from '
            f'{points.min(0).tolist()} to {points.max(0).tolist()}'
        )
    return cut, bool(is_cut.any())


def cut_box(bbox: Sequence[float], height: int, width: int) -> tuple[list[float], bool]:
    """Cut a box x1, y1, x2, y2 at the border of its image; see :func:`cut_at_border`."""
    if all(0 <= v <= side for v, side in zip(bbox, (width, height) * 2, strict=True)):
        return [float(value) for value in bbox], False
    corners = np.asarray(bbox, np.float64).reshape(2, 2)
    corners, is_cut = cut_at_border(corners, height, width, 'the box')
    return corners.flatten().tolist(), is_cut
