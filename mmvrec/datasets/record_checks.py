"""What can be wrong with a record, one at a time and all of them together."""

import math
import unicodedata
from collections.abc import Iterable

import numpy as np

from mmvrec.structures import annotation_orientation, turn_box, turn_mask
from mmvrec.utils.images import ImageHeader, read_header


def label_problem(label: str, known: Iterable[str] | None, what: str = 'label') -> str | None:
    """What is wrong with a class name; ``known`` are all there can be, None where they are open.

    With ``what='task'`` it is the name of a task.
    """
    if known is not None:
        known = list(known)
        return None if label in known else f'unknown {what} {label!r}; the classes are {known}'
    if not label:
        return f'the {what} is empty; give every instance a class name'
    # Control characters separate fields in the files that carry names.
    if any(unicodedata.category(character) in ('Cc', 'Cs') for character in label):
        return f'the {what} {label!r} has characters that cannot be written; give it another name'
    return None


def use_header(record: dict, headers: dict[str, ImageHeader | str]) -> str | None:
    """Check the declared size by the image file's header, each file being read once.

    ``img_shape`` becomes the size that the geometry counts, ``orientation`` what turns it upright.
    """
    path = record['img_path']
    if path not in headers:
        try:
            headers[path] = read_header(path)
        except (OSError, ValueError) as error:
            headers[path] = str(error)
    header = headers[path]
    if isinstance(header, str):
        return header
    try:
        record['orientation'] = annotation_orientation(record['img_shape'], header, path)
    except ValueError as error:
        return str(error)
    record['img_shape'] = header.shape if record['orientation'] == 1 else header.stored
    return None


def turn_upright(record: dict) -> None:
    """Turn the geometry of stored pixels with the image; that of upright ones stays as it is."""
    orientation = record.pop('orientation', 1)
    if orientation == 1:
        return
    # Only a quarter turn tells stored pixels from upright ones.
    shape = record['img_shape'] = record['img_shape'][::-1]
    record['bbox'] = turn_box(record['bbox'], shape, orientation)
    record['mask'] = turn_mask(record['mask'], shape, orientation)


def as_points(values: list) -> np.ndarray:
    """Points of an annotation, float64, shape (N, 2).

    Raises:
        ValueError: they are not pairs of finite numbers.
    """
    try:
        points = np.asarray(values)
    except ValueError as error:
        raise ValueError(f'a point is not a pair of finite numbers: {error}') from error
    # Numbers in quotes become text, and integers that no float holds become objects.
    if points.dtype.kind not in 'iuf' or points.shape[1:] != (2,) or not np.isfinite(points).all():
        raise ValueError('a point is not a pair of finite numbers')
    return points.astype(np.float64)


def geometry_problem(record: dict) -> str | None:
    """What is wrong with the box or polygon of a record; None where nothing is."""
    x1, y1, x2, y2 = box = [float(value) for value in record['bbox']]
    if not all(math.isfinite(value) for value in box):
        return f'the box {box} has NaN or infinite coordinates'
    if x2 < x1 or y2 < y1:
        return f'the box {box} (x1, y1, x2, y2) has negative size'
    if record['img_shape'] is not None:
        height, width = record['img_shape']
        if x1 < 0 or y1 < 0 or x2 > width or y2 > height:
            return f'the box {box} leaves the image of {width} x {height} pixels (width x height)'
    mask = record['mask']
    if mask is None and not (x2 > x1 and y2 > y1):
        return f'the box {box} (x1, y1, x2, y2) has no area'
    if mask is not None and mask['type'] == 'polygon':
        return _polygon_problem(mask['points'], record['img_shape'])
    return None


def _polygon_problem(polygons: list, img_shape: tuple[int, int] | None) -> str | None:
    if not polygons:
        return 'the mask has no polygon'
    for polygon in polygons:
        if len(polygon) < 3:
            return f'a polygon needs at least 3 points, got {len(polygon)}'
        try:
            points = as_points(polygon)
        except ValueError as error:
            return str(error)
        if img_shape is not None and ((points < 0) | (points > img_shape[::-1])).any():
            return (
                f'the polygon leaves the image of {img_shape[1]} x {img_shape[0]} pixels '
                f'(width x height): it reaches from {points.min(0).tolist()} to '
                f'{points.max(0).tolist()}'
            )
    return None
