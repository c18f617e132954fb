import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, mask_of, records_of

from mmvrec.datasets import GC10DET


class TestGC10DET(DatasetBattery):
    SIZE = 20
    CLASSES = {
        'gc10_det': [
            'punching_hole', 'welding_line', 'crescent_gap', 'water_spot', 'oil_spot', 'silk_spot',
            'inclusion', 'rolled_pit', 'crease', 'waist_folding',
        ]
    }  # fmt: skip

    def write(self, root):
        return layouts.write_gc10(root)

    def build(self, root, **kwargs):
        return GC10DET(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'lable' / 'img_00.xml'
        path.write_text(path.read_text().replace('<xmax>30<', '<xmax>31<'))

    def break_one(self, root):
        path = root / 'lable' / 'img_00.xml'
        path.write_text(path.read_text().replace('<xmax>30<', '<xmax>x<'))
        return 'img_00.xml'

    def test_the_name_tells_the_class_not_the_folder(self, root):
        (root / '1' / 'img_00.jpg').rename(root / '2' / 'img_00.jpg')
        record = records_of(self.build(root))[0]
        assert (record['img_id'], record['label_name']) == ('img_00', 'punching_hole')

    def test_the_folder_may_be_spelt_rightly(self, root):
        (root / 'lable').rename(root / 'label')
        assert len(self.build(root)) == self.SIZE
        (root / 'label').rename(root / 'annotations')
        with pytest.raises(FileNotFoundError, match='no folder lable or label'):
            self.build(root)

    def test_names_that_are_no_class_are_told(self, root):
        path = root / 'lable' / 'img_00.xml'
        path.write_text(path.read_text().replace('1_chongkong', 'd'))
        dataset = self.build(root)
        (problem,) = dataset.problems
        assert "'d' is no class of GC10-DET" in str(problem)
        assert len(dataset) == self.SIZE - 1
        assert 'img_00#0' not in ids_of(dataset)
        assert mask_of(records_of(dataset)[0]).any()
