import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, mask_of, records_of

from mmvrec.datasets import DefectSpectrum


class TestDefectSpectrum(DatasetBattery):
    SIZE = 12
    CLASSES = {'bottle': ['combined_1', 'combined_3', 'dent']}

    def write(self, root):
        return layouts.write_defect_spectrum(root)

    def build(self, root, **kwargs):
        return DefectSpectrum(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'bottle' / 'mask' / 'dent' / '000_mask.png'
        layouts.write_values(path, {3: (2, 2, 12, 6)})

    def break_one(self, root):
        (root / 'bottle' / 'image' / 'dent' / '000.png').unlink()
        return '000_mask.png'

    def test_names_tell_the_grey_values(self, root):
        names = {'bottle': {'1': 'glue', '3': 'dent'}}
        dataset = self.build(root, names=names)
        assert dataset.task_classes == {'bottle': ['dent', 'glue']}
        labels = [r['label_name'] for r in records_of(dataset)]
        assert (labels.count('dent'), labels.count('glue')) == (8, 4)
        glue = next(r for r in records_of(dataset) if r['label_name'] == 'glue')
        assert glue['bbox'] == [2.0, 2.0, 12.0, 7.0]
        assert mask_of(glue).sum() == 50

    def test_an_unknown_grey_value_is_a_problem(self, root):
        with pytest.raises(ValueError, match='no class has the grey value 3; classes are'):
            self.build(root, names={'bottle': {1: 'glue'}})

    def test_an_image_without_mask_is_told(self, root):
        (root / 'bottle' / 'mask' / 'dent' / '000_mask.png').unlink()
        (problem,) = self.build(root).problems
        assert '000.png: not used: no mask' in str(problem)

    def test_products_are_chosen(self, root):
        assert len(self.build(root, categories=['bottle'])) == self.SIZE
        with pytest.raises(FileNotFoundError, match=r"no products \['screw'\].*has \['bottle'\]"):
            self.build(root, categories=['screw'])
