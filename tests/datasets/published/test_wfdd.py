import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery

from mmvrec.datasets import WFDD


class TestWFDD(DatasetBattery):
    SIZE = 8
    CLASSES = {'grey_cloth': ['dent', 'scratch']}

    def write(self, root):
        return layouts.write_wfdd(root)

    def build(self, root, **kwargs):
        return WFDD(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'grey_cloth' / 'ground_truth' / 'dent' / '000_mask.png'
        layouts.write_mask(path, (2, 2, 12, 6))

    def break_one(self, root):
        (root / 'grey_cloth' / 'test' / 'dent' / '000.png').unlink()
        return '000_mask.png'

    def test_the_message_shows_the_fabrics(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='data_root/grey_cloth/ground_truth'):
            WFDD(str(tmp_path))
