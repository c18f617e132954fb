"""MVTec-FS: 14 product categories of MVTec AD with a polygon for every defect instance."""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmvrec.datasets.base import DefectDataset, name_list
from mmvrec.datasets.formats.csv_rows import check_filled, parse_geometry, read_rows
from mmvrec.datasets.published.archives import archive_hints
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord

#: The published halves: the support set is ``train.csv``, the query set ``valid.csv``.
_FILES = {'support': 'train.csv', 'query': 'valid.csv'}
_COLUMNS = (
    'imageHeight',
    'imageWidth',
    'part',
    'img_rel_path',
    'x1',
    'x2',
    'y1',
    'y2',
    'label',
    'points',
)


@DATASETS.register_module()
class MVTecFS(DefectDataset):
    """MVTec-FS of `MVREC <https://arxiv.org/abs/2412.16897>`_, with its published split.

    The categories are the tasks. An image is known by its category and ``img_rel_path``
    (``imageName`` repeats); the label is the row's own, which differs from the folder's name where
    the authors corrected MVTec AD.

    Args:
        data_root (str): folder with ``CONFIG`` and ``image``. Defaults to ``data/mvtec_fs/``.
        categories (Sequence[str], optional): the categories to load. Defaults to None: all 14.
        **kwargs: see :class:`DefectDataset`. ``split_file`` replaces the published split.

    Raises:
        FileNotFoundError: CSV files or the image folder are missing.
        ValueError: an unknown category, or bad annotations.
    """

    NAME = 'mvtec_fs'
    DATA_ROOT = 'data/mvtec_fs/'
    LICENCE = 'cc-by-nc-sa-4.0'
    TASK_CLASSES = {
        'carpet': ['color', 'cut', 'hole', 'metal_contamination', 'thread'],
        'grid': ['bent', 'broken', 'glue', 'metal_contamination', 'thread'],
        'leather': ['color', 'cut', 'fold', 'glue', 'poke'],
        'tile': ['crack', 'glue_strip', 'gray_stroke', 'oil', 'rough'],
        'wood': ['color', 'hole', 'liquid', 'scratch'],
        'bottle': ['broken_large', 'broken_small', 'contamination'],
        'cable': [
            'poke_insulation',
            'bent_wire',
            'missing_cable',
            'cable_swap',
            'cut_inner_insulation',
            'missing_wire',
            'cut_outer_insulation',
        ],
        'capsule': ['squeeze', 'crack', 'faulty_imprint', 'poke', 'scratch'],
        'hazelnut': ['crack', 'cut', 'hole', 'print'],
        'metal_nut': ['bent', 'color', 'flip', 'scratch'],
        'pill': ['color', 'crack', 'faulty_imprint', 'pill_type', 'contamination', 'scratch'],
        'screw': ['manipulated_front', 'scratch_head', 'scratch_neck', 'thread_side', 'thread_top'],
        'transistor': ['bent_lead', 'cut_lead', 'damaged_case', 'misplaced'],
        'zipper': [
            'broken_teeth',
            'split_teeth',
            'rough',
            'squeezed_teeth',
            'fabric_border',
            'fabric_interior',
        ],
    }
    SPLIT_GROUPS = ('image',)
    LAYOUT = (
        'MVTec-FS (https://github.com/ShuaiLYU/MVTec-FS) looks like this:\n'
        '  data_root/CONFIG/bottle_config1/train.csv, valid.csv\n'
        '  data_root/image/bottle/training/broken_large/000.png\n'
        'Its images are also in MVTec AD: tools/dataset_converters/build_mvtec_fs.py MVTEC_AD '
        'ANNOTATIONS OUT builds this folder from them'
    )

    def __init__(
        self,
        data_root: str | None = None,
        categories: Sequence[str] | None = None,
        **kwargs,
    ):
        given = self.TASK_CLASSES if categories is None else name_list('categories', categories)
        self.categories = list(given)
        unknown = [name for name in self.categories if name not in self.TASK_CLASSES]
        if unknown or not self.categories:
            raise ValueError(
                f'MVTecFS: unknown categories {unknown}; choose from {list(self.TASK_CLASSES)}'
                if unknown
                else f'MVTecFS: categories is empty; choose from {list(self.TASK_CLASSES)}'
            )
        if len(set(self.categories)) < len(self.categories):
            raise ValueError(f'MVTecFS: categories {self.categories} names one more than once')
        super().__init__(data_root=data_root, **kwargs)

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the CSV files, category by category, ``train.csv`` first."""
        self.check_files()
        records = [
            record
            for category in self.categories
            for split in _FILES
            for record in self.read_csv(category, split)
        ]
        paths = {record['img_path'] for record in records}
        if not self.annotations_only and not all(map(os.path.isfile, paths)):
            # Said once why images may be missing; which ones are, the base class reports.
            for hint in archive_hints(Path(self.data_root)):
                self.report(self.data_root, '', f'images are missing. {hint}')
        yield from records

    def make_split(self, records: list[InstanceRecord]) -> dict[str, list[int]]:
        """Get the published split, as indices into ``records``."""
        return {
            split: [i for i, record in enumerate(records) if record['published_split'] == split]
            for split in _FILES
        }

    def _csv_path(self, category: str, split: str) -> Path:
        return Path(self.data_root, 'CONFIG', f'{category}_config1', _FILES[split])

    def check_files(self) -> None:
        """Raise ``FileNotFoundError`` unless all CSV files are there, and folders of images."""
        missing = {
            category: [p for s in _FILES if not (p := self._csv_path(category, s)).is_file()]
            for category in self.categories
        }
        present = [category for category, paths in missing.items() if not paths]
        listed = [str(path) for paths in missing.values() for path in paths]
        if listed:
            hint = f'\nTo use only what is there: categories={present}' if present else ''
            files = '\n  '.join(listed)
            raise FileNotFoundError(f'MVTecFS: missing\n  {files}{hint}\n{self.LAYOUT}')
        if not self.annotations_only:
            self.check_images()

    def check_images(self) -> None:
        """Raise ``FileNotFoundError`` unless every category has its folder of images."""
        root = Path(self.data_root)
        missing = [name for name in self.categories if not (root / 'image' / name).is_dir()]
        if not missing:
            return
        present = [name for name in self.categories if name not in missing]
        hints = archive_hints(root)
        if present:
            hints.append(f'To use only what is there: categories={present}')
        folders = '\n  '.join(str(root / 'image' / name) for name in missing)
        raise FileNotFoundError(
            '\n'.join([f'MVTecFS: no folder\n  {folders}', *hints, self.LAYOUT])
        )

    def read_csv(self, category: str, split: str) -> Iterator[InstanceRecord]:
        """Read the CSV file of a category and half."""
        path = self._csv_path(category, split)
        try:
            rows = read_rows(path, _COLUMNS)
        except (csv.Error, ValueError) as error:
            self.report(path, '', f'not a readable CSV file: {error}')
            return
        position: Counter[str] = Counter()
        for line, row in enumerate(rows, start=2):
            image = f'{category}/{row["img_rel_path"]}'
            instance = f'{image}#{position[image]}'
            position[image] += 1
            try:
                check_filled(row, _COLUMNS)
                geometry = parse_geometry(row)
                check_image_path(row, category)
            except ValueError as error:
                self.report(path, instance, f'row {line}: {error}')
                continue
            yield {
                'img_path': str(Path(self.data_root, 'image', image)),
                'img_id': image,
                'instance_id': instance,
                'task': category,
                'label_name': row['label'],
                'ann_file': str(path),
                'published_split': split,
                **geometry,
            }


def check_image_path(row: dict, category: str) -> None:
    """Raise ``ValueError`` unless a row is of an image within the folder of its category."""
    if row['part'] != category:
        raise ValueError(f'part is {row["part"]!r} in the CSV file of {category!r}')
    relative = Path(row['img_rel_path'])
    if relative.is_absolute() or '..' in relative.parts:
        raise ValueError(f'img_rel_path {row["img_rel_path"]!r} leads out of the image folder')
