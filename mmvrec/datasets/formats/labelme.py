"""Datasets of the user's own with LabelMe annotations."""

import base64
import binascii
import math
import os
from collections.abc import Iterator
from pathlib import Path
from reprlib import repr as short

import numpy as np

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.checks import as_points
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord, decode_mask, encode_mask, mask_bbox
from mmvrec.structures.borders import cut_at_border, cut_box
from mmvrec.utils.files import read_json
from mmvrec.utils.images import MAX_PIXELS, decode_image, image_shape, is_image_size
from mmvrec.utils.paths import ListedImages, walk_files

#: A JSON file with none of these is of another program.
_OWN_KEYS = {'shapes', 'imagePath'}
#: Corners of the polygon that stands for a circle.
_CIRCLE_CORNERS = 64
#: How many points a shape of a kind has; a polygon has any number of them.
_POINTS = {
    'rectangle': (2, 4),
    'circle': (2,),
    'mask': (2,),
    'rotation': (4,),
    'oriented_rectangle': (4,),
    'quadrilateral': (4,),
}


@DATASETS.register_module()
class LabelMeDefects(DefectDataset):
    """Shapes in the JSON files of `LabelMe <https://github.com/wkentaro/labelme>`_.

    A polygon, rectangle (upright or turned, as X-AnyLabeling has them too), circle or mask is an
    instance; shapes of one image with the same ``group_id`` and label are one instance together. An
    upright rectangle has no mask. Points and lines have no area and are problems. JSON files of
    other programs are listed and not used. Where a file tells no size, its image is looked at,
    under ``annotations_only`` too.

    Args:
        data_root (str): folder under which the JSON files lie, at any depth. Their ``imagePath``
            is relative to them and must stay within it; of one that is absolute the name of the
            file counts, see :class:`mmvrec.utils.paths.ListedImages`. Defaults to
            ``data/labelme/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder is missing, or holds no JSON file.
        ValueError: bad annotations.
    """

    NAME = 'labelme'
    DATA_ROOT = 'data/labelme/'
    LAYOUT = (
        'A LabelMe dataset looks like this:\n'
        '  data_root/part_001.json with imagePath, imageHeight, imageWidth and shapes\n'
        '  data_root/part_001.png (imagePath, relative to the JSON file)'
    )

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the JSON files, ordered by their path."""
        paths = walk_files(self.data_root, ['.json'])
        if not paths:
            raise FileNotFoundError(
                f'LabelMeDefects: no JSON file in {self.data_root!r}\n{self.LAYOUT}'
            )
        images = ListedImages(self.data_root)
        for path in paths:
            try:
                content = read_json(path)
                if not isinstance(content, dict) or not content.keys() & _OWN_KEYS:
                    self.report(path, '', 'not used: not a LabelMe file', fatal=False)
                    continue
                if not isinstance(content.get('shapes'), list):
                    raise ValueError('not a LabelMe file: it has no list "shapes"')
                image = self.read_image_entry(path, content, images)
            except (ValueError, OSError) as error:
                self.report(path, '', str(error))
                continue
            yield from self.read_shapes(path, image, content['shapes'])

    def read_image_entry(self, path: Path, content: dict, images: ListedImages) -> dict:
        """Read what is common to the instances of a JSON file, as records have it.

        Raises:
            ValueError: it names no image, or a size that no image has.
        """
        file = self._find_image(path, content, images)
        size = tuple(content.get(key) for key in ('imageHeight', 'imageWidth'))
        if size == (None, None):
            size = image_shape(file)
        if not is_image_size(*size):
            raise ValueError(
                'imageHeight and imageWidth must be positive integers, of an image of at most '
                f'{MAX_PIXELS} pixels, got {short(size)}'
            )
        return {
            'img_path': file,
            'img_id': Path(os.path.relpath(file, self.data_root)).as_posix(),
            'img_shape': size,
            'ann_file': str(path),
            'task': self.NAME,
        }

    def _find_image(self, path: Path, content: dict, images: ListedImages) -> str:
        name = content.get('imagePath')
        if not isinstance(name, str) or not name:
            raise ValueError('it has no imagePath')
        embedded = content.get('imageData') and not self.annotations_only
        try:
            file = images.find(name, path.parent)
            if embedded and not os.path.lexists(file):
                raise ValueError(f'no image at {file}')
        except ValueError as error:
            if not embedded:
                raise
            raise ValueError(
                f'{error}; the image is within the JSON file (imageData), which is not read: write '
                f'it to an image file, e.g. with labelme_export_json, and set imagePath to it'
            ) from error
        return file

    def read_shapes(self, path: Path, image: dict, shapes: list) -> Iterator[InstanceRecord]:
        """Read the shapes of a JSON file, those of a group as one instance.

        Args:
            path (Path): the file.
            image (dict): see :meth:`read_image_entry`.
            shapes (list): as the file has them.
        """
        groups: dict[object, list[InstanceRecord]] = {}
        for index, shape in enumerate(shapes):
            instance = f'{image["img_id"]}#{index}'
            try:
                label, group = label_and_group(shape)
                geometry = shape_geometry(shape, *image['img_shape'])
            except (ValueError, TypeError) as error:
                self.report(path, instance, str(error))
                continue
            record = {**image, 'instance_id': instance, 'label_name': label, **geometry}
            key = index if group is None else ('group', str(group), label)
            groups.setdefault(key, []).append(record)
        for records in groups.values():
            try:
                yield join_shapes(records)
            except ValueError as error:
                self.report(path, records[0]['instance_id'], str(error))


def label_and_group(shape: object) -> tuple[str, int | float | str | None]:
    """Read the label of a shape, and what joins it with others; None if it stands alone.

    Raises:
        TypeError: they are not as LabelMe writes them.
    """
    if not isinstance(shape, dict):
        raise TypeError(f'a shape must be an object, got {short(shape)}')
    label, group = shape.get('label'), shape.get('group_id')
    if not isinstance(label, str):
        raise TypeError(f'the label must be a string, got {short(label)}')
    if not isinstance(group, int | float | str | None):
        raise TypeError(f'the group_id must be a number, got {short(group)}')
    return label.strip(), group


def shape_geometry(shape: dict, height: int, width: int) -> dict:
    """Read box and mask of a shape; ``ValueError`` when it is none with an area."""
    kind = shape.get('shape_type') or 'polygon'
    if kind != 'polygon' and (not isinstance(kind, str) or kind not in _POINTS):
        raise ValueError(
            f'shape_type {short(kind)} has no area; draw a polygon, rectangle, circle or mask'
        )
    points = as_points(shape.get('points'))
    if kind != 'polygon' and len(points) not in _POINTS[kind]:
        needed = ' or '.join(map(str, _POINTS[kind]))
        raise ValueError(f'a {kind} needs {needed} points, got {len(points)}')
    # Two or four corners of an upright rectangle are those of its bounds.
    at_bounds = (points == points.min(axis=0)) | (points == points.max(axis=0))
    if kind == 'rectangle' and at_bounds.all():
        return {'bbox': _box(points), 'mask': None}
    if kind == 'mask':
        return embedded_mask(shape, points, height, width)
    if kind == 'circle':
        points = circle_polygon(points, height, width)
    return {'bbox': _box(points), 'mask': {'type': 'polygon', 'points': [points.tolist()]}}


def _box(points: np.ndarray) -> list[float]:
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def circle_polygon(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Draw a circle as polygon; it may leave the image, but its centre lies in it."""
    centre, rim = points
    try:
        # Beside the middle of the image: the rule is for areas, and refuses a point on the border.
        cut_at_border(np.array([centre, [width / 2, height / 2]]), height, width)
    except ValueError as error:
        raise ValueError(f'its centre leaves the image of {width} x {height} pixels') from error
    angles = np.linspace(0, 2 * math.pi, _CIRCLE_CORNERS, endpoint=False)
    circle = centre + math.dist(centre, rim) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return circle.clip(0, [width, height])


def embedded_mask(shape: dict, points: np.ndarray, height: int, width: int) -> dict:
    """Read a mask shape: a PNG in base64 at the place of its box."""
    try:
        data = base64.b64decode(shape.get('mask') or '', validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError(f'its mask is not base64: {error}') from error
    crop = decode_image(data, 'its mask')
    if crop.ndim != 2:
        raise ValueError(f'its mask must have one channel, it has {crop.shape[2]}')
    left, top = (int(value) for value in points.min(axis=0))
    bottom, right = top + crop.shape[0], left + crop.shape[1]
    if left < 0 or top < 0 or bottom > height or right > width:
        raise ValueError(f'its mask leaves the image of {width} x {height} pixels')
    mask = np.zeros((height, width), np.uint8)
    mask[top:bottom, left:right] = crop
    if not mask.any():
        raise ValueError('its mask is empty')
    return {'bbox': mask_bbox(mask), 'mask': encode_mask(mask)}


def join_shapes(records: list[InstanceRecord]) -> InstanceRecord:
    """Make one instance of the shapes of a group: its polygons, or what covers all of them."""
    first = records[0]
    if len(records) == 1:
        return first
    boxes = np.array([record['bbox'] for record in records])
    box = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    masks = [record['mask'] for record in records]
    if all(mask is not None and mask['type'] == 'polygon' for mask in masks):
        points = [polygon for mask in masks for polygon in mask['points']]
        return {**first, 'bbox': box, 'mask': {'type': 'polygon', 'points': points}}
    for record in records:
        # What lies far outside cannot be drawn.
        cut_box(record['bbox'], *record['img_shape'])
    drawn = [decode_mask(r['mask'], r['bbox'], *r['img_shape']) for r in records]
    return {**first, 'bbox': box, 'mask': encode_mask(np.maximum.reduce(drawn))}
