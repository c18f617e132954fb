"""What can be wrong with a record, one at a time and all of them together."""

import math
import unicodedata
from collections.abc import Iterable

import numpy as np

from mmvrec.structures import InstanceRecord, annotation_orientation, turn_box, turn_mask
from mmvrec.structures.borders import cut_at_border, cut_box
from mmvrec.utils.image_headers import ImageHeader, read_header


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


def use_header(record: InstanceRecord, headers: dict[str, ImageHeader | str]) -> str | None:
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


def turn_upright(record: InstanceRecord) -> None:
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
    # Objects: an array of text would give every number the room of the longest text.
    points = np.asarray(values, object)
    if points.shape[1:] != (2,) or not all(map(_is_number_type, set(map(type, points.flat)))):
        raise ValueError('a point is not a pair of finite numbers')
    try:
        points = points.astype(np.float64)
    except OverflowError as error:
        raise ValueError('a point is not a pair of finite numbers') from error
    if not np.isfinite(points).all():
        raise ValueError('a point is not a pair of finite numbers')
    return points


def _is_number_type(kind: type) -> bool:
    return issubclass(kind, int | float | np.number) and kind is not bool


def geometry_problem(record: InstanceRecord) -> str | None:
    """What is wrong with the box or polygon of a record; None where nothing is.

    What reaches over the border of the image by little is cut, and ``is_cut`` added.
    """
    x1, y1, x2, y2 = box = [float(value) for value in record['bbox']]
    if not all(math.isfinite(value) for value in box):
        return f'the box {box} has NaN or infinite coordinates'
    if x2 < x1 or y2 < y1:
        return f'the box {box} (x1, y1, x2, y2) has negative size'
    mask = record['mask']
    if mask is None and not (x2 > x1 and y2 > y1):
        return f'the box {box} (x1, y1, x2, y2) has no area'
    try:
        if mask is not None and mask['type'] == 'polygon':
            _check_polygons(mask['points'])
        _cut_geometry(record)
    except ValueError as error:
        return str(error)
    return None


def _check_polygons(polygons: list) -> None:
    if not polygons:
        raise ValueError('the mask has no polygon')
    for polygon in polygons:
        if len(polygon) < 3:
            raise ValueError(f'a polygon needs at least 3 points, got {len(polygon)}')
        as_points(polygon)


def _cut_geometry(record: InstanceRecord) -> None:
    """See :mod:`mmvrec.structures.borders`; what lies within the image stays as it is written."""
    if record['img_shape'] is None:
        return
    shape = record['img_shape']
    box, is_cut = cut_box(record['bbox'], *shape)
    if is_cut:
        record.update(bbox=box, is_cut=True)
    if record['mask'] is None or record['mask']['type'] != 'polygon':
        return
    polygons = record['mask']['points']
    cuts = [cut_at_border(as_points(points), *shape, 'the polygon') for points in polygons]
    if any(is_cut for _, is_cut in cuts):
        points = [points.tolist() for points, _ in cuts]
        record.update(mask={'type': 'polygon', 'points': points}, is_cut=True)
