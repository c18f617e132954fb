import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, records_of

from mmvrec.datasets import VisA


class TestVisA(DatasetBattery):
    SIZE = 6
    CLASSES = {'candle': ['melt', 'scratch']}

    def write(self, root):
        return layouts.write_visa(root)

    def build(self, root, **kwargs):
        return VisA(str(root), **kwargs)

    @staticmethod
    def mask(root):
        return root / 'candle' / 'Data' / 'Masks' / 'Anomaly' / '000.png'

    def edit_mask(self, root):
        layouts.write_values(self.mask(root), {1: (2, 2, 12, 6)})

    def break_one(self, root):
        self.mask(root).unlink()
        return '000.JPG'

    def test_grey_values_of_several_classes_are_learnt(self, root):
        own = [r for r in records_of(self.build(root)) if r['img_id'].endswith('004.JPG')]
        assert [(r['label_name'], r['bbox']) for r in own] == [
            ('melt', [2.0, 2.0, 12.0, 7.0]),
            ('scratch', [30.0, 20.0, 40.0, 31.0]),
        ]

    def test_values_that_nothing_tells_are_left_out(self, tmp_path):
        rows = (*layouts.VISA_ROWS[:4], ('melt,hole', {1: layouts.BOX, 5: (30, 20, 39, 30)}))
        dataset = self.build(layouts.write_visa(tmp_path, rows))
        (problem,) = dataset.problems
        assert "it has the classes ['melt', 'hole'], and which grey values [1, 5]" in str(problem)
        assert len(dataset) == 4

    def test_a_value_of_two_classes_tells_nothing(self, tmp_path):
        rows = (
            *layouts.VISA_ROWS[:4],
            ('scratch', {1: layouts.BOX}),
            ('melt,scratch', {1: layouts.BOX, 2: (30, 20, 39, 30)}),
        )
        dataset = self.build(layouts.write_visa(tmp_path, rows))
        assert [problem.fatal for problem in dataset.problems] == [False]
        assert ids_of(dataset)[-1].endswith('004.JPG#0')

    def test_paths_do_not_lead_out(self, root):
        path = root / 'candle' / 'image_anno.csv'
        path.write_text(path.read_text().replace('candle/Data/Masks/Anomaly/000', '../../000'))
        with pytest.raises(ValueError, match='leads out of the dataset folder'):
            self.build(root)
