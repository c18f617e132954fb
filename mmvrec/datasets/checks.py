"""Validation of the records of a dataset, one at a time and all of them together."""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from mmvrec.structures import (
    InstanceRecord,
    annotation_orientation,
    turn_box,
    turn_mask,
    usual_spellings,
)
from mmvrec.structures.borders import cut_at_border, cut_box
from mmvrec.utils.image_headers import ImageHeader, read_header


def usable_records(
    records: Iterable[InstanceRecord],
    task_classes: Mapping[str, Sequence[str]] | None,
    with_images: bool,
    report: Callable[[str, str, str], None],
) -> tuple[list[InstanceRecord], int]:
    """Sort out the records that can be used, in place cut at the border and turned upright.

    Args:
        records (Iterable[InstanceRecord]): of the whole dataset.
        task_classes (Mapping, optional): all classes that there can be, by task. None where they
            are open: then one class may not be written in two ways.
        with_images (bool): whether the headers of the image files are read too.
        report (Callable): takes file, instance and message of each that cannot be used.

    Returns:
        tuple: the usable records, and how many of them were cut.
    """
    headers: dict[str, ImageHeader | str] | None = {} if with_images else None
    ids: set[str] = set()
    usable = []
    num_cut = 0
    for record in records:
        record['label_name'] = record['label_name'].strip()
        message = record_problem(record, task_classes, headers)
        if message is None and record['instance_id'] in ids:
            message = 'this instance id occurs twice; ids must be unique'
        ids.add(record['instance_id'])
        if message is None:
            num_cut += record.pop('is_cut', False)
            turn_upright(record)
            usable.append(record)
        else:
            report(record['ann_file'], record['instance_id'], message)
    return (usable if task_classes is not None else one_spelling(usable, report)), num_cut


def one_spelling(
    records: list[InstanceRecord], report: Callable[[str, str, str], None]
) -> list[InstanceRecord]:
    """Leave out, and report, labels that are another one but for their spelling."""
    by_task: dict[str, list[str]] = defaultdict(list)
    for record in records:
        by_task[record['task']].append(record['label_name'])
    usual = {task: usual_spellings(names) for task, names in by_task.items()}
    usable = []
    for record in records:
        label = record['label_name']
        other = usual[record['task']].get(label)
        if other is None:
            usable.append(record)
        else:
            report(
                record['ann_file'],
                record['instance_id'],
                f'the label {label!r} differs from {other!r}, which other instances have, only '
                'in case, blanks or Unicode form; write a class one way',
            )
    return usable


def record_problem(
    record: InstanceRecord,
    task_classes: Mapping[str, Sequence[str]] | None,
    headers: dict[str, ImageHeader | str] | None,
) -> str | None:
    """Say what is wrong with one record; None where nothing is.

    ``headers`` are those that have been read, None where no image is looked at.
    """
    known = None if task_classes is None else task_classes.get(record['task'], ())
    message = label_problem(record['label_name'], known)
    message = message or label_problem(record['task'], None, 'task')
    if message is None and headers is not None:
        message = use_header(record, headers)
    return geometry_problem(record) if message is None else message


def label_problem(label: str, known: Iterable[str] | None, what: str = 'label') -> str | None:
    """Say what is wrong with a class name; ``known`` are all there can be, None if open.

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
    """Convert the points of an annotation to float64, shape (N, 2).

    Raises:
        ValueError: they are not pairs of finite numbers.
    """
    # Objects: an array of text would give every number the room of the longest text.
    points = np.asarray(values, object)
    # The shape first: NumPy does not walk through more than 32 dimensions.
    if points.shape[1:] != (2,) or not all(
        issubclass(kind, int | float | np.number) and kind is not bool
        for kind in set(map(type, points.flat))
    ):
        raise ValueError('a point is not a pair of finite numbers')
    try:
        points = points.astype(np.float64)
    except OverflowError as error:
        raise ValueError('a point is not a pair of finite numbers') from error
    if not np.isfinite(points).all():
        raise ValueError('a point is not a pair of finite numbers')
    return points


def geometry_problem(record: InstanceRecord) -> str | None:
    """Say what is wrong with the box or polygon of a record; None where nothing is.

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
            check_polygons(mask['points'])
        cut_geometry(record)
    except ValueError as error:
        return str(error)
    return None


def check_polygons(polygons: list) -> None:
    """Raise ``ValueError`` unless there is a polygon, and each has three points or more."""
    if not polygons:
        raise ValueError('the mask has no polygon')
    for polygon in polygons:
        if len(polygon) < 3:
            raise ValueError(f'a polygon needs at least 3 points, got {len(polygon)}')
        as_points(polygon)


def cut_geometry(record: InstanceRecord) -> None:
    """Cut box and polygons at the border of the image, see :mod:`mmvrec.structures.borders`.

    What lies within the image stays as it is written.

    Raises:
        ValueError: it reaches over the border by more than a little.
    """
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
