import dataset_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, mask_of, records_of

from mmvrec.datasets import ClassFolders


class TestClassFolders(DatasetBattery):
    SIZE = 8
    CLASSES = {'class_folders': ['dent', 'scratch']}

    def write(self, root):
        return layouts.write_class_folders(root)

    def build(self, root, **kwargs):
        return ClassFolders(str(root), **kwargs)

    def edit_mask(self, root):
        layouts.write_image(root / 'dent' / '0.png', height=30)

    def break_one(self, root):
        (root / 'dent' / '0.png').write_bytes(b'no image')
        return '0.png'

    def test_masks_can_be_drawn(self, root):
        for record in records_of(self.build(root)):
            assert mask_of(record).all()

    def test_what_is_not_used_is_told(self, root):
        (root / 'dent' / 'more.heic').write_bytes(b'')
        (problem,) = self.build(root).problems
        assert 'more.heic: not used' in str(problem)
        (root / 'fold').mkdir()
        with pytest.raises(ValueError, match='fold: it has no image'):
            self.build(root)
