import dataset_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of

from mmvrec.datasets import MaskFolders


class TestMaskFolders(DatasetBattery):
    SIZE = 8
    CLASSES = {'nut': ['dent', 'scratch']}

    def write(self, root):
        return layouts.write_mask_folders(root)

    def build(self, root, **kwargs):
        return MaskFolders(str(root), **kwargs)

    def edit_mask(self, root):
        layouts.write_mask(self._masks(root) / 'dent' / '000_mask.png', (2, 2, 12, 6))

    def break_one(self, root):
        (root / 'nut' / 'test' / 'dent' / '000.png').unlink()
        return '000_mask.png'

    @staticmethod
    def _masks(root):
        return root / 'nut' / 'ground_truth'

    def test_a_product_may_be_the_root_itself(self, root):
        assert ids_of(self.build(root / 'nut')) == ids_of(self.build(root))

    def test_an_image_without_mask_is_told(self, root):
        (self._masks(root) / 'dent' / '000_mask.png').unlink()
        (problem,) = self.build(root).problems
        assert '000.png: not used: no mask' in str(problem)

    def test_a_class_without_masks_is_told(self, root):
        for name in ('good', 'bent'):
            layouts.write_image(root / 'nut' / 'test' / name / '000.png')
        dataset = self.build(root)
        (problem,) = dataset.problems
        assert f'bent: not used: no folder {self._masks(root) / "bent"}' in str(problem)
        assert len(dataset) == self.SIZE

    def test_a_folder_of_several_classes_is_named(self, root):
        (self._masks(root) / 'combined').mkdir()
        with pytest.raises(ValueError, match='combined: it mixes several classes'):
            self.build(root)
        assert len(self.build(root, on_problem='skip')) == self.SIZE

    def test_products_are_chosen(self, root):
        assert self.build(root, categories=['nut']).task_classes == self.CLASSES
        with pytest.raises(FileNotFoundError, match=r"no products \['screw'\].*it has \['nut'\]"):
            self.build(root, categories=['screw'])
