"""Datasets of the user's own with COCO annotations."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from reprlib import repr as short

from mmvrec.datasets.base import name_list
from mmvrec.datasets.formats.coco_geometry import is_number, read_geometry
from mmvrec.datasets.formats.single_file import SingleFileDefects
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord
from mmvrec.utils.files import read_json
from mmvrec.utils.images import image_shape, is_image_size

#: Entries of an image with its name: coco-annotator has a ``path`` too.
_NAMES = ('file_name', 'path')


@dataclass
class _Image:
    """An entry of ``images``; ``declared`` is its height and width where the file tells both."""

    name: str
    path: str
    declared: tuple[int, int] | None
    entry: dict

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Height and width, of the image file where they are not declared."""
        return self.declared or image_shape(self.path)


@DATASETS.register_module()
class CocoDefects(SingleFileDefects):
    """Instances in a COCO detection file: polygons, RLE masks or boxes only.

    Polygons are filled by pycocotools, as everywhere with COCO. Categories are known by name: their
    ids may start at 0 and have gaps. ``iscrowd`` is not looked at. A file with several products
    names the task of each annotation in a field of the annotation or of its image. The exports of
    Roboflow, CVAT, Label Studio, FiftyOne, supervision and coco-annotator are read as they are;
    sizes that a file does not tell are read from the images, under ``annotations_only`` too.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/coco/``.
        ann_file (str, optional): COCO JSON file, relative to ``data_root``. Defaults to None: the
            only one with a usual name, such as ``annotations.json``.
        data_prefix (str | dict, optional): folder of the images, relative to ``data_root``.
            Defaults to None: see :class:`SingleFileDefects`.
        classes (Sequence[str], optional): the categories to load, in label order, for files with
            one task. Defaults to None: for each task the categories that occur, sorted. Give it
            when support and query set come from different files.
        task_key (str): name of the field with the task. Defaults to ``task``; where it is missing
            the task is ``coco``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder or the JSON file is missing.
        ValueError: several JSON files, not a COCO file, unknown classes, or bad annotations.
    """

    NAME = 'coco'
    DATA_ROOT = 'data/coco/'
    LAYOUT = (
        'A COCO dataset looks like this:\n'
        '  data_root/annotations.json (ann_file) with the lists images, annotations, categories\n'
        '  data_root/images/part_001.png (data_prefix=images/; or beside the JSON file)'
    )
    ANN_FILES = (
        (
            'annotations.json',
            '_annotations.coco.json',
            'labels.json',
            'result.json',
            'coco.json',
            'instances_*.json',
            'annotations/instances_*.json',
        ),
        ('*/annotations.json', '*/_annotations.coco.json', '*/labels.json', '*/result.json'),
        ('*.json', 'annotations/*.json'),
    )

    def __init__(
        self,
        data_root: str | None = None,
        ann_file: str | None = None,
        data_prefix: str | Mapping | None = None,
        classes: Sequence[str] | None = None,
        task_key: str = 'task',
        **kwargs,
    ):
        self.classes = None if classes is None else name_list('classes', classes)
        self.task_key = task_key
        super().__init__(data_root=data_root, ann_file=ann_file, data_prefix=data_prefix, **kwargs)

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the annotations in the order of the file."""
        content = read_coco(self.open_folder())
        categories = self.read_categories(content['categories'])
        images = self.read_images(content['images'])
        for identity, annotation in self._by_id('annotations', content['annotations']).items():
            try:
                record = self.make_record(identity, annotation, images, categories)
            except (ValueError, OSError) as error:
                self.report(self.ann_file, f'annotation {identity}', str(error))
                continue
            if self.classes is None or record['label_name'] in self.classes:
                yield record

    def find_classes(self, records: list[InstanceRecord]) -> dict[str, list[str]]:
        """List those of ``classes`` in its order, or see the base class."""
        if self.classes is None:
            return super().find_classes(records)
        return {record['task']: self.classes for record in records}

    def _by_id(self, what: str, entries: list) -> dict[int | str, dict]:
        """Index entries by their id; entries without or with a repeated id are problems."""
        known = {}
        for index, entry in enumerate(entries):
            identity = _whole(entry.get('id')) if isinstance(entry, dict) else None
            if not _is_id(identity):
                self.report(self.ann_file, f'{what}[{index}]', 'it has no id')
            elif identity in known:
                self.report(self.ann_file, f'{what}[{index}]', f'the id {identity} is repeated')
            else:
                known[identity] = entry
        return known

    def read_images(self, entries: list) -> dict[int | str, _Image | str]:
        """Read the images by id; of one that cannot be used, what is wrong with it."""
        images: dict[int | str, _Image | str] = {}
        first: dict[str, int | str] = {}
        for identity, entry in self._by_id('images', entries).items():
            try:
                image = images[identity] = self._read_image(identity, entry)
            except ValueError as error:
                images[identity] = str(error)
                continue
            other = first.setdefault(os.path.normpath(image.path), identity)
            if other != identity:
                self.report(
                    self.ann_file,
                    f'image {identity}',
                    f'{image.name} is listed already, as image {other}; give an image one entry, '
                    'with all of its annotations',
                )
        return images

    def _read_image(self, identity: int | str, entry: dict) -> _Image:
        name = next((entry[key] for key in _NAMES if entry.get(key)), None)
        if not isinstance(name, str):
            raise ValueError(f'image {identity} has no file_name')
        size = _whole(entry.get('height')), _whole(entry.get('width'))
        declared = None if None in size else size
        if declared is not None and not is_image_size(*declared):
            raise ValueError(
                f'image {name} needs an integer height and width, or none, got {short(declared)}'
            )
        return _Image(name, self.image_path(name), declared, entry)

    def read_categories(self, entries: list) -> dict[int | str, str]:
        """Read the names of the categories, by id.

        Raises:
            ValueError: there is none for one of ``classes``.
        """
        names = {}
        for identity, entry in self._by_id('categories', entries).items():
            name = entry.get('name')
            if is_number(name):
                name = str(name)
            if not isinstance(name, str) or not name.strip():
                self.report(self.ann_file, f'category {identity}', 'it has no name')
            else:
                names[identity] = name.strip()
        unknown = set(self.classes or ()).difference(names.values())
        if unknown:
            raise ValueError(
                f'{self.ann_file} has no categories {sorted(unknown)} (classes); '
                f'it has {sorted(names.values())[:20]}'
            )
        return names

    def make_record(
        self, identity: int | str, annotation: dict, images: dict, categories: dict
    ) -> InstanceRecord:
        """Make the record of an annotation.

        Args:
            identity (int | str): id of the annotation.
            annotation (dict): its entry.
            images (dict): see :meth:`read_images`.
            categories (dict): see :meth:`read_categories`.

        Raises:
            ValueError: it cannot be used.
        """
        image = _look_up(images, annotation, 'image_id')
        label_name = _look_up(categories, annotation, 'category_id')
        if isinstance(image, str):
            raise ValueError(image)
        height, width = image.shape
        task = annotation.get(self.task_key, image.entry.get(self.task_key, self.NAME))
        if not isinstance(task, str) or not task:
            raise ValueError(f'the task ({self.task_key}) must be a name, got {short(task)}')
        return {
            'img_path': image.path,
            'img_id': image.name,
            'instance_id': f'{image.name}#{identity}',
            'task': task,
            'label_name': label_name,
            'img_shape': (height, width),
            'ann_file': self.ann_file,
            **read_geometry(annotation, height, width),
        }


def read_coco(path: Path) -> dict:
    """Read a COCO detection file.

    Raises:
        ValueError: it is no JSON file, or lacks one of the lists ``images``, ``annotations`` and
            ``categories``.
    """
    try:
        content = read_json(path)
    except ValueError as error:
        raise ValueError(f'{path} is {error}') from error
    for key in ('images', 'annotations', 'categories'):
        if not isinstance(content, dict) or not isinstance(content.get(key), list):
            raise ValueError(f'{path} is not a COCO detection file: it has no list {key!r}')
    return content


def _look_up(table: dict, annotation: dict, key: str) -> object:
    """Look up what an annotation names; exporters write ids as numbers here, text there."""
    identity = _whole(annotation.get(key))
    if _is_id(identity):
        spellings = [identity, str(identity)]
        if isinstance(identity, str) and identity.isdecimal() and len(identity) < 20:
            spellings.append(int(identity))
        for spelling in spellings:
            if spelling in table:
                return table[spelling]
    known = list(islice(table, 10))
    raise ValueError(f'{key} {short(identity)} is unknown; the ids are {known} …')


def _is_id(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _whole(value: object) -> object:
    """Convert an integer that was written as a float; other values of JSON stay."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
