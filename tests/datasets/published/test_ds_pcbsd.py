import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, mask_of, records_of

from mmvrec.datasets import DsPCBSD


class TestDsPCBSD(DatasetBattery):
    SIZE = 18
    CLASSES = {'ds_pcbsd': ['SH', 'SP', 'SC', 'OP', 'MB', 'HB', 'CS', 'CFO', 'BMFO']}

    def write(self, root):
        return layouts.write_ds_pcbsd(root)

    def build(self, root, **kwargs):
        return DsPCBSD(str(root), **kwargs)

    def edit_mask(self, root):
        (root / 'labels' / 'train' / '0000000.txt').write_text('0 0.5 0.5 0.25 0.6\n')

    def break_one(self, root):
        (root / 'labels' / 'train' / '0000000.txt').write_text('9 0.5 0.5 0.25 0.5\n')
        return '0000000'

    def test_numbers_are_classes(self, root):
        labels = {r['img_id']: r['label_name'] for r in records_of(self.build(root))}
        assert labels['images/train/0000000.jpg'] == 'SH'
        assert labels['images/val/0000017.jpg'] == 'BMFO'
        record = records_of(self.build(root))[0]
        assert record['bbox'] == [24.0, 12.0, 40.0, 36.0]
        assert mask_of(record).sum() > 0
        assert len(ids_of(self.build(root))) == 18

    def test_without_labels_the_layout_is_shown(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='DsPCBSD: no text file'):
            DsPCBSD(str(tmp_path))
