import dataset_layouts as layouts
import pytest
from dataset_battery import DatasetBattery

from mmvrec.datasets import CsvDefects

NAMES = ['dent', 'scratch']


class TestCsv(DatasetBattery):
    SIZE = 8
    CLASSES = {'csv': NAMES}

    def write(self, root):
        return layouts.write_csv_defects(root)

    def build(self, root, **kwargs):
        return CsvDefects(str(root), **kwargs)

    def edit_mask(self, root):
        self._edit(root, points='[[10, 8], [30, 8], [30, 20]]')

    def break_one(self, root):
        self._edit(root, x1='left')
        return 'annotations.csv'

    @staticmethod
    def _edit(root, **changes):
        rows = layouts.csv_rows()
        rows[0].update(changes)
        layouts.write_csv(root / 'annotations.csv', rows)


def test_csv_tasks_and_bad_files(tmp_path):
    layouts.write_csv_defects(tmp_path)
    rows = [{**row, 'part': 'lid'} for row in layouts.csv_rows()]
    layouts.write_csv(tmp_path / 'annotations.csv', rows)
    assert CsvDefects(str(tmp_path)).task_classes == {'lid': NAMES}
    layouts.write_csv(tmp_path / 'annotations.csv', [{**rows[0], 'points': '[' * 100_000}])
    with pytest.raises(ValueError, match='points is not a JSON list'):
        CsvDefects(str(tmp_path))
    for name, message in (('../../0.png', 'leads out'), ('', 'are empty')):
        layouts.write_csv(tmp_path / 'annotations.csv', [{**rows[0], 'img_rel_path': name}])
        with pytest.raises(ValueError, match=message):
            CsvDefects(str(tmp_path))
    layouts.write_csv(tmp_path / 'annotations.csv', [{'img_rel_path': '0.png', 'label': 'dent'}])
    with pytest.raises(ValueError, match=r"columns \['x1', 'y1', 'x2', 'y2'\] are missing"):
        CsvDefects(str(tmp_path))
    (tmp_path / 'annotations.csv').unlink()
    with pytest.raises(FileNotFoundError, match='no annotation file'):
        CsvDefects(str(tmp_path))
