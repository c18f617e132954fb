"""Datasets of the user's own with annotations of Label Studio."""

import math
import os
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from reprlib import repr as short
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from mmvrec.datasets.checks import as_points
from mmvrec.datasets.formats.single_file import SingleFileDefects
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.files import read_json
from mmvrec.utils.images import is_image_size
from mmvrec.utils.paths import IMAGE_SUFFIXES

#: What Label Studio puts before the names of files that are uploaded.
UPLOADED = re.compile(r'^[0-9a-f]{8}-')
_KINDS = ('rectanglelabels', 'polygonlabels')


@DATASETS.register_module()
class LabelStudioDefects(SingleFileDefects):
    """Rectangles and polygons in a JSON export of `Label Studio <https://labelstud.io>`_.

    The instances of a task are the regions of its first annotation that is not cancelled; a
    rectangle that is not turned has no mask. Tasks without one are listed and not used: nobody has
    said yet that their predictions are right. Brushes have outlines in COCO's export, which
    :class:`CocoDefects` reads. Images are known by the last part of their address, as they were
    called before they were uploaded.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/label_studio/``.
        predictions (bool): use the predictions of tasks that nobody has annotated. Defaults to
            False.
        **kwargs: see :class:`SingleFileDefects`.

    Raises:
        FileNotFoundError: the folder or the JSON file is missing.
        ValueError: several JSON files, not an export of Label Studio, or bad annotations.
    """

    NAME = 'label_studio'
    DATA_ROOT = 'data/label_studio/'
    LAYOUT = (
        'A Label Studio dataset looks like this:\n'
        '  data_root/tasks.json (ann_file, the export as JSON): a list of tasks with data and '
        'annotations\n'
        '  data_root/images/part_001.png (data_prefix=images/; or beside the JSON file)'
    )
    ANN_FILES = (('tasks.json', 'project-*.json'), ('*.json',))

    def __init__(self, data_root: str | None = None, predictions: bool = False, **kwargs):
        self.predictions = predictions
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the tasks in the order of the file."""
        path = self.open_folder()
        try:
            tasks = read_json(path)
        except ValueError as error:
            raise ValueError(f'{path} is {error}') from error
        if not isinstance(tasks, list) or not all(
            isinstance(task, dict) and isinstance(task.get('data'), dict) for task in tasks
        ):
            raise ValueError(
                f'{path} is not a JSON export of Label Studio: a list of tasks with data'
            )
        for number, task in enumerate(tasks):
            try:
                name = image_name(task['data'])
                image = self._image(name)
            except ValueError as error:
                self.report(path, f'task {number}', str(error))
                continue
            regions = self._regions(task)
            if regions is None:
                self.report(path, name, 'not used: nobody has annotated it', fatal=False)
                continue
            yield from self._read_regions(name, image, regions)

    def _image(self, name: str) -> str:
        """Path of an image, called as before it was uploaded where it is not there otherwise."""
        try:
            path = self.image_path(name)
        except ValueError:
            path = ''
        before = UPLOADED.sub('', name)
        return path if os.path.lexists(path) or before == name else self.image_path(before)

    def _regions(self, task: dict) -> list | None:
        """Regions of the first annotation that counts; None where there is none."""
        for key in ('annotations', 'predictions') if self.predictions else ('annotations',):
            entries = task.get(key)
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict) and not entry.get('was_cancelled'):
                    result = entry.get('result')
                    return result if isinstance(result, list) else []
        return None

    def _read_regions(self, name: str, image: str, regions: list) -> Iterator[InstanceRecord]:
        for index, region in enumerate(regions):
            instance = f'{name}#{index}'
            try:
                yield {
                    'img_path': image,
                    'img_id': name,
                    'instance_id': instance,
                    'task': self.NAME,
                    'ann_file': self.ann_file,
                    **read_region(region),
                }
            except (ValueError, TypeError, AttributeError, OverflowError) as error:
                self.report(self.ann_file, instance, str(error))


def image_name(data: dict) -> str:
    """Name of the image of a task, with the folders that its address tells.

    Args:
        data (dict): of the task; the first entry that names an image counts.

    Raises:
        ValueError: none does.
    """
    for value in data.values():
        if not isinstance(value, str):
            continue
        try:
            parts = urlsplit(value)
        except ValueError:
            continue
        local = parse_qs(parts.query).get('d')
        name = local[0] if local else PurePosixPath(unquote(parts.path)).name
        if name.lower().endswith(tuple(IMAGE_SUFFIXES)):
            return name
    raise ValueError('its data name no image')


def read_region(region: object) -> dict:
    """Read label, size of the image, box and mask of a region.

    Raises:
        ValueError: it is no rectangle or polygon with one label and a size, or has no area.
    """
    kind, value = region.get('type'), region.get('value')
    if kind not in _KINDS or not isinstance(value, dict):
        raise ValueError(f'a region of type {short(kind)} is no rectangle or polygon')
    labels = value.get(kind)
    if not isinstance(labels, list) or len(labels) != 1 or not isinstance(labels[0], str):
        raise ValueError(f'a region needs one label, got {short(labels)}')
    size = region.get('original_height'), region.get('original_width')
    if not is_image_size(*size):
        raise ValueError(f'original_height and original_width are no size, got {short(size)}')
    if region.get('image_rotation'):
        raise ValueError('its image was turned in Label Studio; turn the file and label it again')
    points = _corners(value, *size) if kind == 'rectanglelabels' else _polygon(value, *size)
    mask = None
    if kind == 'polygonlabels' or value.get('rotation'):
        mask = {'type': 'polygon', 'points': [points.tolist()]}
    box = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
    return {'label_name': labels[0].strip(), 'img_shape': size, 'bbox': box, 'mask': mask}


def _corners(value: dict, height: int, width: int) -> np.ndarray:
    """Corners of a rectangle, (4, 2), pixels; it is turned clockwise about its first one."""
    numbers = as_points(
        [[value.get('x'), value.get('y')], [value.get('width'), value.get('height')]]
    )
    (x, y), (w, h) = numbers * [width, height] / 100
    angle = math.radians(float(value.get('rotation') or 0))
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.array([[0, 0], [w, 0], [w, h], [0, h]]) @ turn + [x, y]


def _polygon(value: dict, height: int, width: int) -> np.ndarray:
    """Points of a polygon, (N, 2), pixels."""
    points = as_points(value.get('points'))
    if len(points) < 3:
        raise ValueError(f'a polygon needs 3 points, got {len(points)}')
    return points * [width, height] / 100
