import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of

from mmvrec.datasets import MVTecFSFolders


class TestMVTecFSFolders(DatasetBattery):
    SIZE = 8
    CLASSES = {'bottle': ['dent', 'scratch']}

    def write(self, root):
        return layouts.write_mvtec_fs_folders(root)

    def build(self, root, **kwargs):
        return MVTecFSFolders(str(root), **kwargs)

    def edit_mask(self, root):
        layouts.write_mask(root / 'bottle' / 'masks' / 'dent' / '000.png', (2, 2, 12, 6))

    def break_one(self, root):
        (root / 'bottle' / 'images' / 'dent' / '000.png').unlink()
        return '000.png'

    @pytest.mark.parametrize(
        ('images', 'masks'), [('image', 'mask'), ('test', 'ground_truth'), ('images', 'masks')]
    )
    def test_folders_have_other_names(self, tmp_path, images, masks):
        layouts.write_product(tmp_path / 'bottle', images, masks)
        assert ids_of(self.build(tmp_path))[0] == 'bottle/dent/000#0'
        assert len(self.build(tmp_path)) == self.SIZE

    def test_a_product_without_images_is_named(self, root):
        (root / 'bottle' / 'images').rename(root / 'bottle' / 'pictures')
        with pytest.raises(ValueError, match='bottle: it has no folder of images'):
            self.build(root)
