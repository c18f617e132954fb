"""Polygons as masks, to the pixel as pycocotools fills them.

Its C code (``rleFrPoly``) walks along the outline in fifths of a pixel and notes where the outline
enters and leaves each column; what lies between two of these places, in the order of the columns,
is inside.
"""

from collections.abc import Sequence

import numpy as np

from mmvrec_runtime.shared.borders import cut_at_border

#: Steps of the outline in a pixel.
_STEPS = 5
#: Pixels that an outline may be long, as in mmvrec.
_LONGEST_OUTLINE = 2**22


def polygon_masks(instances: Sequence, height: int, width: int) -> list[np.ndarray]:
    """Fill the polygons of several instances.

    Args:
        instances (Sequence): of every instance its points, (N, 2), or what :func:`polygon_mask`
            takes.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        list[np.ndarray]: bool, (H, W) each.

    Raises:
        ValueError: see :func:`polygon_mask`; the instance is told.
    """
    masks = []
    for index, polygons in enumerate(instances):
        # One polygon by its points; a polygon of two numbers there is not.
        is_one = all(np.shape(point) == (2,) for point in polygons)
        try:
            masks.append(polygon_mask([polygons] if is_one else polygons, height, width))
        except ValueError as error:
            raise ValueError(f'instance {index}: {error}') from error
    return masks


def polygon_mask(polygons: Sequence, height: int, width: int) -> np.ndarray:
    """Fill the polygons of one instance.

    Args:
        polygons (Sequence): of each polygon its points, x and y in pixels, (N, 2) or flat as COCO
            has them; they are cut at the border of the image. Those of fewer than three different
            points cover nothing.
        height (int): of the image, pixels.
        width (int): of the image, pixels.

    Returns:
        np.ndarray: bool, (H, W).

    Raises:
        ValueError: no polygon with three different points, numbers that are not finite, an outline
            that is too long, or one that leaves the image by more than a pixel or one percent.
    """
    read = [_points(polygon) for polygon in polygons]
    areas = [points for points in read if len(set(map(tuple, points.tolist()))) > 2]
    if not areas:
        raise ValueError('a polygon needs at least 3 different points x, y')
    cut = [cut_at_border(points, height, width, 'the polygon')[0] for points in areas]
    length = sum(np.abs(np.diff(p, axis=0, append=p[:1])).max(1).sum() for p in cut)
    if length > _LONGEST_OUTLINE:
        raise ValueError(
            f'the outline of the mask is {length:.0f} pixels long, at most {_LONGEST_OUTLINE} are '
            'drawn'
        )
    return np.any([_filled(points, height, width) for points in cut], axis=0)


def _points(polygon: object) -> np.ndarray:
    """Points (N, 2), float64."""
    try:
        points = np.asarray(polygon, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f'a polygon must be numbers x, y of its points: {error}') from error
    if points.ndim == 1 and points.size % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError('a polygon must be finite numbers x, y of its points')
    return points


def _filled(points: np.ndarray, height: int, width: int) -> np.ndarray:
    corners = (_STEPS * points + 0.5).astype(np.int64)
    sides = zip(corners.tolist(), np.roll(corners, -1, 0).tolist(), strict=True)
    outline = np.concatenate([_side(*ends) for ends in sides])
    # Where the outline goes on to another column, the smaller place of both.
    crossing = outline[:-1, 0] != outline[1:, 0]
    x, y = np.minimum(outline[:-1], outline[1:])[crossing].T
    column = (x + 0.5) / _STEPS - 0.5
    inside = (column == np.floor(column)) & (column >= 0) & (column <= width - 1)
    row = np.ceil(((y + 0.5) / _STEPS - 0.5)[inside].clip(0, height))
    places = (column[inside] * height + row).astype(np.int64)
    crossings = np.bincount(places, minlength=height * width + 1)[:-1]
    return (np.cumsum(crossings) % 2 == 1).reshape(width, height).T


def _side(start: Sequence[int], end: Sequence[int]) -> np.ndarray:
    """Points of one side, one for every step along the axis on which it is longer, int, (n, 2)."""
    steps = np.abs(np.subtract(end, start))
    along = 0 if steps[0] >= steps[1] else 1
    # From the smaller coordinate on, whatever its direction, as rounding is not symmetric.
    is_turned = start[along] > end[along]
    first, last = (end, start) if is_turned else (start, end)
    count = int(steps[along])
    slope = (last[1 - along] - first[1 - along]) / count if count else 0.0
    way = np.arange(count + 1)
    points = np.empty((count + 1, 2), np.int64)
    points[:, along] = first[along] + way
    points[:, 1 - along] = np.trunc(first[1 - along] + slope * way + 0.5)
    return points[::-1] if is_turned else points
