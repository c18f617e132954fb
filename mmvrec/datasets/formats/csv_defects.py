"""Datasets of the user's own in one CSV file."""

import csv
from collections import Counter
from collections.abc import Iterator

from mmvrec.datasets.formats.csv_rows import check_filled, parse_geometry, read_rows
from mmvrec.datasets.formats.single_file import SingleFileDefects
from mmvrec.registry import DATASETS
from mmvrec.structures import InstanceRecord

_COLUMNS = ('img_rel_path', 'label', 'x1', 'y1', 'x2', 'y2')


@DATASETS.register_module()
class CsvDefects(SingleFileDefects):
    """A row per instance, with the columns of MVTec-FS.

    ``img_rel_path``, ``label``, ``x1``, ``y1``, ``x2``, ``y2`` (pixels) must be there and filled;
    ``points`` (JSON list of [x, y], the polygon), ``part`` (the task), ``imageHeight`` and
    ``imageWidth`` may be. Columns are separated by commas, semicolons or tabs.

    Args:
        data_root (str): folder of the dataset. Defaults to ``data/csv/``.
        ann_file (str, optional): the CSV file, relative to ``data_root``. Defaults to None:
            ``annotations.csv``, or the only one.
        data_prefix (str | dict, optional): folder of the images, relative to ``data_root``.
            Defaults to None: see :class:`SingleFileDefects`.
        **kwargs: see :class:`DefectDataset`.

    Raises:
        FileNotFoundError: the folder or the CSV file is missing.
        ValueError: not a CSV file, columns are missing, or bad annotations.
    """

    NAME = 'csv'
    DATA_ROOT = 'data/csv/'
    LAYOUT = (
        'A CSV dataset looks like this:\n'
        '  data_root/annotations.csv (ann_file) with img_rel_path,label,x1,y1,x2,y2[,points,part]\n'
        '  data_root/images/part_001.png (data_prefix=images/; or beside the CSV file)'
    )

    ANN_FILES = (('annotations.csv',), ('*.csv', 'annotations/*.csv'))

    def load_instances(self) -> Iterator[InstanceRecord]:
        """Read the rows in the order of the file."""
        path = self.open_folder()
        try:
            rows = read_rows(path, _COLUMNS)
        except (csv.Error, ValueError) as error:
            raise ValueError(f'{path} is not a usable CSV file: {error}\n{self.LAYOUT}') from error
        position: Counter[str] = Counter()
        img_ids: dict[str, str] = {}
        for line, row in enumerate(rows, start=2):
            name = row['img_rel_path'] or ''
            instance = f'{name}#{position[name]}'
            position[name] += 1
            try:
                check_filled(row, _COLUMNS)
                img_path = self.image_path(name)
                geometry = parse_geometry(row)
            except ValueError as error:
                self.report(path, instance, f'row {line}: {error}')
                continue
            yield {
                'img_path': img_path,
                # Rows may spell the path of one image in several ways.
                'img_id': img_ids.setdefault(img_path, name),
                'instance_id': instance,
                'task': row.get('part') or self.NAME,
                'label_name': row['label'].strip(),
                'ann_file': self.ann_file,
                **geometry,
            }
