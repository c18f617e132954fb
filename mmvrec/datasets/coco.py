"""Datasets of the user's own with COCO annotations."""

import posixpath
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pycocotools import mask as coco_mask

from mmvrec.datasets.base import DefectDataset, name_list
from mmvrec.registry import DATASETS
from mmvrec.utils.files import read_json
from mmvrec.utils.images import is_image_size
from mmvrec.utils.paths import inside

#: Pixels by which a polygon may leave its image: annotation tools round outwards.
_MARGIN = 1.0


@DATASETS.register_module()
class CocoDefects(DefectDataset):
    """Instances in a COCO detection file: polygons, RLE masks or boxes only.

    Polygons are filled by pycocotools, as everywhere with COCO. Categories are known by name: their
    ids may start at 0 and have gaps. ``iscrowd`` is not looked at. A file with several products
    names the task of each annotation in a field of the annotation or of its image.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/coco/``.
        ann_file (str): COCO JSON file, relative to ``data_root``. Defaults to
            ``annotations.json``.
        data_prefix (dict, optional): ``img`` is the folder of the images, relative to
            ``data_root``. Defaults to None: ``dict(img='images/')``.
        classes (Sequence[str], optional): the categories to load, in label order, for files with
            one task. Defaults to None: for each task the categories that occur, sorted. Give it
            when support and query set come from different files.
        task_key (str): name of the field with the task. Defaults to ``task``; where it is missing
            the task is ``coco``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder or the JSON file is missing.
        ValueError: not a COCO file, unknown classes, or bad annotations.
    """

    NAME = 'coco'
    LAYOUT = (
        'A COCO dataset looks like this:\n'
        '  data_root/annotations.json (ann_file) with the lists images, annotations, categories\n'
        "  data_root/images/part_001.png (data_prefix=dict(img='images/'))"
    )

    def __init__(
        self,
        data_root: str = 'data/coco/',
        ann_file: str = 'annotations.json',
        data_prefix: dict | None = None,
        classes: Sequence[str] | None = None,
        task_key: str = 'task',
        **kwargs,
    ):
        self.classes = None if classes is None else name_list('classes', classes)
        self.task_key = task_key
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            data_prefix={'img': 'images/'} if data_prefix is None else data_prefix,
            **kwargs,
        )

    def load_instances(self) -> Iterator[dict]:
        """Read the annotations in the order of the file."""
        content = self._read_json()
        categories = self._read_categories(content['categories'])
        images = self._read_images(content['images'])
        annotations = self._by_id('annotations', content['annotations'])
        for identity, annotation in annotations.items():
            try:
                record = self._make_record(annotation, images, categories)
            except (ValueError, TypeError) as error:
                self.report(self.ann_file, f'annotation {identity}', str(error))
                continue
            if self.classes is None or record['label_name'] in self.classes:
                yield record

    def _find_classes(self, records: list[dict]) -> dict[str, list[str]]:
        if self.classes is None:
            return super()._find_classes(records)
        return {record['task']: self.classes for record in records}

    def _read_json(self) -> dict:
        path = Path(self.ann_file)
        if not path.is_file():
            raise FileNotFoundError(f'CocoDefects: no annotation file {path}\n{self.LAYOUT}')
        try:
            content = read_json(path)
        except ValueError as error:
            raise ValueError(f'{path} is {error}') from error
        for key in ('images', 'annotations', 'categories'):
            if not isinstance(content, dict) or not isinstance(content.get(key), list):
                raise ValueError(f'{path} is not a COCO detection file: it has no list {key!r}')
        return content

    def _by_id(self, what: str, entries: list) -> dict[int | str, dict]:
        """Entries by their id; entries without or with a repeated id are problems."""
        found = {}
        for index, entry in enumerate(entries):
            identity = entry.get('id') if isinstance(entry, dict) else None
            if not isinstance(identity, int | str):
                self.report(self.ann_file, f'{what}[{index}]', 'it has no id')
            elif identity in found:
                self.report(self.ann_file, f'{what}[{index}]', f'the id {identity} is repeated')
            else:
                found[identity] = entry
        return found

    def _read_images(self, entries: list) -> dict[int | str, dict]:
        images = self._by_id('images', entries)
        first: dict[str, int | str] = {}
        for identity, entry in images.items():
            name = entry.get('file_name')
            normal = posixpath.normpath(name) if isinstance(name, str) else f'#{identity}'
            if first.setdefault(normal, identity) != identity:
                self.report(
                    self.ann_file,
                    f'image {identity}',
                    f'{name} is listed already, as image {first[normal]}; give an image one entry, '
                    'with all of its annotations',
                )
        return images

    def _read_categories(self, entries: list) -> dict[int | str, str]:
        names = {}
        for identity, entry in self._by_id('categories', entries).items():
            name = entry.get('name')
            if not isinstance(name, str) or not name.strip():
                self.report(self.ann_file, f'category {identity}', 'it has no name')
            else:
                names[identity] = name.strip()
        unknown = [name for name in self.classes or () if name not in names.values()]
        if unknown:
            raise ValueError(
                f'{self.ann_file} has no categories {unknown} (classes); '
                f'it has {sorted(names.values())}'
            )
        return names

    def _make_record(self, annotation: dict, images: dict, categories: dict) -> dict:
        image = _look_up(images, annotation, 'image_id')
        label_name = _look_up(categories, annotation, 'category_id')
        file_name = image.get('file_name')
        if not isinstance(file_name, str) or not file_name:
            raise ValueError(f'image {image["id"]} has no file_name')
        height, width = size = image.get('height'), image.get('width')
        if not is_image_size(*size):
            raise ValueError(f'image {file_name} needs an integer height and width, got {size}')
        task = annotation.get(self.task_key, image.get(self.task_key, self.NAME))
        if not isinstance(task, str) or not task:
            raise ValueError(f'the task ({self.task_key}) must be a name, got {task!r}')
        mask = _read_segmentation(annotation.get('segmentation'), height, width)
        return {
            'img_path': self._image_path(file_name),
            'img_id': file_name,
            'instance_id': f'{file_name}#{annotation["id"]}',
            'task': task,
            'label_name': label_name,
            'bbox': _read_bbox(annotation.get('bbox'), mask),
            'mask': mask,
            'img_shape': (height, width),
            'ann_file': str(self.ann_file),
        }

    def _image_path(self, file_name: str) -> str:
        folder = self.data_prefix['img']
        return inside(folder, file_name, self.data_root, folder)


def _look_up(table: dict, annotation: dict, key: str) -> object:
    identity = annotation.get(key)
    if not isinstance(identity, int | str) or identity not in table:
        raise ValueError(f'{key} {identity!r:.80} is unknown; the ids are {list(table)[:10]} …')
    return table[identity]


def _read_bbox(bbox: object, mask: dict | None) -> list[float]:
    if bbox is None or bbox == []:
        if mask is None:
            raise ValueError('it has neither a bbox nor a segmentation')
        bbox = coco_mask.toBbox(_as_rle(mask)).tolist()
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
        raise ValueError(f'bbox must be the numbers [x, y, width, height], got {bbox!r:.80}')
    x, y, width, height = bbox
    # Decimal coordinates add up to a little more than the image's edge.
    return [float(x), float(y), round(float(x + width), 3), round(float(y + height), 3)]


def _read_segmentation(segmentation: object, height: int, width: int) -> dict | None:
    """RLE entry of a COCO segmentation, None when there is none; ``ValueError`` when invalid."""
    if segmentation is None or segmentation == []:
        return None
    if isinstance(segmentation, dict):
        rle = _read_rle(segmentation, height, width)
    elif isinstance(segmentation, list):
        for polygon in segmentation:
            _check_polygon(polygon, height, width)
        rle = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    else:
        raise ValueError(f'segmentation must be a list or an RLE, got {segmentation!r:.80}')
    if coco_mask.area(rle) == 0:
        raise ValueError('the segmentation covers no pixel')
    return {'type': 'rle', 'size': [height, width], 'counts': rle['counts'].decode('ascii')}


def _as_rle(mask: dict) -> dict:
    return {'size': mask['size'], 'counts': mask['counts'].encode('ascii')}


def _check_polygon(polygon: object, height: int, width: int) -> None:
    if not isinstance(polygon, list) or not all(map(_is_number, polygon)):
        raise ValueError('a polygon must be a list of finite numbers [x1, y1, x2, y2, ...]')
    if len(polygon) < 6 or len(polygon) % 2:
        raise ValueError(f'a polygon needs at least 3 points (6 numbers), got {len(polygon)}')
    for coordinates, size in ((polygon[::2], width), (polygon[1::2], height)):
        if min(coordinates) < -_MARGIN or max(coordinates) > size + _MARGIN:
            raise ValueError(f'the polygon leaves the image of {width} x {height} pixels')


def _read_rle(rle: dict, height: int, width: int) -> dict:
    """Check an RLE; pycocotools fills what a short one leaves out with random memory."""
    counts = rle.get('counts')
    if rle.get('size') != [height, width]:
        raise ValueError(f'the RLE has size {rle.get("size")}, its image {[height, width]}')
    if isinstance(counts, str):
        runs = _decode_counts(counts)
    elif isinstance(counts, list) and all(type(count) is int for count in counts):
        runs = counts
    else:
        raise ValueError(f'the RLE counts must be a string or integers, got {counts!r:.60}')
    if min(runs, default=-1) < 0 or sum(runs) != height * width:
        raise ValueError(
            f'the RLE is invalid: its runs add up to {sum(runs)} of {height * width} pixels'
            + (', some negative' if min(runs, default=0) < 0 else '')
        )
    return coco_mask.frPyObjects({'size': [height, width], 'counts': runs}, height, width)


def _decode_counts(counts: str) -> list[int]:
    """Run lengths of COCO's compressed RLE: 6 bits a character, from the fourth run on differences.

    Five bits of each character are payload, lowest first; the sixth says that more follow, and the
    highest payload bit of the last one is the sign.
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        code = ord(character) - 48
        if not 0 <= code < 64:
            raise ValueError(f'the RLE is invalid: it has the character {character!r}')
        value |= (code & 31) << shift
        shift += 5
        if code & 32:
            continue
        if code & 16:
            value -= 1 << shift
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError('the RLE is invalid: it ends within a number')
    return runs


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    # Integers of JSON have any length.
    return -sys.float_info.max <= value <= sys.float_info.max
