"""Datasets of the user's own in one CSV file."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mmvrec.datasets.base import DefectDataset
from mmvrec.datasets.csv_rows import check_filled, parse_geometry, read_rows
from mmvrec.registry import DATASETS
from mmvrec.utils.paths import inside

_COLUMNS = ('img_rel_path', 'label', 'x1', 'y1', 'x2', 'y2')


@DATASETS.register_module()
class CsvDefects(DefectDataset):
    """A row per instance, with the columns of MVTec-FS.

    ``img_rel_path``, ``label``, ``x1``, ``y1``, ``x2``, ``y2`` (pixels) must be there and filled;
    ``points`` (JSON list of [x, y], the polygon), ``part`` (the task), ``imageHeight`` and
    ``imageWidth`` may be.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/csv/``.
        ann_file (str): the CSV file, relative to ``data_root``. Defaults to ``annotations.csv``.
        data_prefix (dict, optional): ``img`` is the folder of the images, relative to
            ``data_root``. Defaults to None: ``dict(img='images/')``.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder or the CSV file is missing.
        ValueError: not a CSV file, columns are missing, or bad annotations.
    """

    NAME = 'csv'
    LAYOUT = (
        'A CSV dataset looks like this:\n'
        '  data_root/annotations.csv (ann_file) with img_rel_path,label,x1,y1,x2,y2[,points,part]\n'
        "  data_root/images/part_001.png (data_prefix=dict(img='images/'))"
    )

    def __init__(
        self,
        data_root: str = 'data/csv/',
        ann_file: str = 'annotations.csv',
        data_prefix: dict | None = None,
        **kwargs,
    ):
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            data_prefix={'img': 'images/'} if data_prefix is None else data_prefix,
            **kwargs,
        )

    def load_instances(self) -> Iterator[dict]:
        """Read the rows in the order of the file."""
        path = Path(self.ann_file)
        if not path.is_file():
            raise FileNotFoundError(f'CsvDefects: no annotation file {path}\n{self.LAYOUT}')
        try:
            rows = read_rows(path, _COLUMNS)
        except (csv.Error, ValueError) as error:
            raise ValueError(f'{path} is not a usable CSV file: {error}\n{self.LAYOUT}') from error
        position: Counter[str] = Counter()
        for line, row in enumerate(rows, start=2):
            name = row['img_rel_path'] or ''
            instance = f'{name}#{position[name]}'
            position[name] += 1
            try:
                yield self._record(row, instance, name)
            except (ValueError, TypeError) as error:
                self.report(path, instance, f'row {line}: {error}')

    def _record(self, row: dict, instance: str, name: str) -> dict:
        check_filled(row, _COLUMNS)
        folder = self.data_prefix['img']
        return {
            'img_path': inside(folder, name, self.data_root, folder),
            'img_id': name,
            'instance_id': instance,
            'task': row.get('part') or self.NAME,
            'label_name': row['label'].strip(),
            'ann_file': str(self.ann_file),
            **parse_geometry(row),
        }
