"""Datasets of the user's own with LabelMe annotations."""

import base64
import binascii
import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.record_checks import as_points
from mmvrec.registry import DATASETS
from mmvrec.structures import decode_mask, encode_mask, mask_bbox
from mmvrec.utils.files import read_json
from mmvrec.utils.images import MAX_PIXELS, decode_image, is_image_size
from mmvrec.utils.paths import inside

#: Corners of the polygon that stands for a circle.
_CIRCLE_CORNERS = 64


@DATASETS.register_module()
class LabelMeDefects(DefectDataset):
    """Shapes in the JSON files of `LabelMe <https://github.com/wkentaro/labelme>`_.

    A polygon, rectangle, circle or mask is an instance; shapes of one image with the same
    ``group_id`` and label are one instance together. A rectangle has no mask. Points and lines
    have no area and are problems.

    Args:
        data_root (str): folder under which the JSON files lie, at any depth. Their ``imagePath``
            is relative to them and must stay within it. Defaults to ``data/labelme/``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder is missing, or holds no JSON file.
        ValueError: bad annotations.
    """

    NAME = 'labelme'
    LAYOUT = (
        'A LabelMe dataset looks like this:\n'
        '  data_root/part_001.json with imagePath, imageHeight, imageWidth and shapes\n'
        '  data_root/part_001.png (imagePath, relative to the JSON file)'
    )

    def __init__(self, data_root: str = 'data/labelme/', **kwargs):
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[dict]:
        """Read the JSON files, ordered by their path."""
        paths = sorted(Path(self.data_root).rglob('*.json'))
        if not paths:
            raise FileNotFoundError(
                f'LabelMeDefects: no JSON file in {self.data_root!r}\n{self.LAYOUT}'
            )
        for path in paths:
            try:
                content = _read_file(path)
                image = self._read_image_entry(path, content)
            except ValueError as error:
                self.report(path, '', str(error))
                continue
            yield from self._read_shapes(path, image, content['shapes'])

    def _read_image_entry(self, path: Path, content: dict) -> dict:
        name = content.get('imagePath')
        if not isinstance(name, str) or not name:
            raise ValueError('it has no imagePath')
        size = tuple(content.get(key) for key in ('imageHeight', 'imageWidth'))
        if not is_image_size(*size):
            raise ValueError(
                'imageHeight and imageWidth must be positive integers, of an image of at most '
                f'{MAX_PIXELS} pixels, got {size}'
            )
        # LabelMe writes the separators of the system that it ran on.
        file = inside(path.parent, name.replace('\\', '/'), self.data_root)
        return {
            'img_path': file,
            'img_id': Path(os.path.relpath(file, self.data_root)).as_posix(),
            'img_shape': size,
            'ann_file': str(path),
            'task': self.NAME,
        }

    def _read_shapes(self, path: Path, image: dict, shapes: list) -> Iterator[dict]:
        groups: dict[object, list[dict]] = {}
        for index, shape in enumerate(shapes):
            instance = f'{image["img_id"]}#{index}'
            try:
                label = _label_of(shape)
                geometry = _read_geometry(shape, *image['img_shape'])
            except (ValueError, TypeError) as error:
                self.report(path, instance, str(error))
                continue
            record = {**image, 'instance_id': instance, 'label_name': label, **geometry}
            group = shape.get('group_id')
            key = index if group is None else ('group', str(group), label)
            groups.setdefault(key, []).append(record)
        for records in groups.values():
            yield _joined(records)


def _read_file(path: Path) -> dict:
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get('shapes'), list):
        raise ValueError('not a LabelMe file: it has no list "shapes"')
    return content


def _label_of(shape: object) -> str:
    if not isinstance(shape, dict):
        raise TypeError(f'a shape must be an object, got {shape!r:.60}')
    label = shape.get('label')
    if not isinstance(label, str):
        raise TypeError(f'the label must be a string, got {label!r:.60}')
    return label.strip()


def _read_geometry(shape: dict, height: int, width: int) -> dict:
    """Box and mask of a shape; ``ValueError`` when it is none with an area."""
    kind = shape.get('shape_type') or 'polygon'
    points = as_points(shape.get('points'))
    if kind in ('rectangle', 'circle', 'mask') and len(points) != 2:
        raise ValueError(f'a {kind} needs 2 points, got {len(points)}')
    if kind == 'rectangle':
        return {'bbox': _box(points), 'mask': None}
    if kind == 'mask':
        return _embedded_mask(shape, points, height, width)
    if kind == 'circle':
        # A circle may leave the image, but its centre lies in it.
        if ((points[0] < 0) | (points[0] > [width, height])).any():
            raise ValueError(f'its centre leaves the image of {width} x {height} pixels')
        points = _circle(points).clip(0, [width, height])
    elif kind != 'polygon':
        raise ValueError(
            f'shape_type {kind!r} has no area; draw a polygon, rectangle, circle or mask'
        )
    return {'bbox': _box(points), 'mask': {'type': 'polygon', 'points': [points.tolist()]}}


def _box(points: np.ndarray) -> list[float]:
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def _circle(points: np.ndarray) -> np.ndarray:
    centre, rim = points
    angles = np.linspace(0, 2 * math.pi, _CIRCLE_CORNERS, endpoint=False)
    return centre + math.dist(centre, rim) * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _embedded_mask(shape: dict, points: np.ndarray, height: int, width: int) -> dict:
    """A mask shape: a PNG in base64 at the place of its box."""
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


def _joined(records: list[dict]) -> dict:
    """One instance of the shapes of a group: its polygons, or what covers all of them."""
    first = records[0]
    if len(records) == 1:
        return first
    boxes = np.array([record['bbox'] for record in records])
    box = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    masks = [record['mask'] for record in records]
    if all(mask is not None and mask['type'] == 'polygon' for mask in masks):
        points = [polygon for mask in masks for polygon in mask['points']]
        return {**first, 'bbox': box, 'mask': {'type': 'polygon', 'points': points}}
    return {**first, 'bbox': box, 'mask': _union(records)}


def _union(records: list[dict]) -> dict:
    drawn = [decode_mask(r['mask'], r['bbox'], *r['img_shape']) for r in records]
    return encode_mask(np.maximum.reduce(drawn))
