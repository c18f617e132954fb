import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, records_of

from mmvrec.datasets import AutoVI, MVTecLOCO


class TestMVTecLOCO(DatasetBattery):
    SIZE = 12
    CLASSES = {'juice_bottle': ['damaged_label', 'missing_label']}
    KIND = MVTecLOCO

    def write(self, root):
        return layouts.write_loco(root)

    def build(self, root, **kwargs):
        return self.KIND(str(root), **kwargs)

    @staticmethod
    def masks(root):
        return root / 'juice_bottle' / 'ground_truth' / 'structural_anomalies'

    def edit_mask(self, root):
        layouts.write_values(self.masks(root) / '000' / '000.png', {254: (2, 2, 12, 6)})

    def break_one(self, root):
        layouts.write_values(self.masks(root) / '000' / '000.png', {7: (2, 2, 12, 6)})
        return 'structural_anomalies/000'

    def test_grey_values_are_defects(self, root):
        own = [
            r for r in records_of(self.build(root)) if '/structural_anomalies/000' in r['img_id']
        ]
        assert [(r['label_name'], r['bbox']) for r in own] == [
            ('damaged_label', [2.0, 2.0, 12.0, 7.0]),
            ('missing_label', [22.0, 2.0, 32.0, 7.0]),
        ]
        assert [r['instance_id'][-2:] for r in own] == ['#0', '#1']

    def test_an_image_without_masks_is_told(self, root):
        layouts.write_image(root / 'juice_bottle' / 'test' / 'structural_anomalies' / '009.png')
        (problem,) = self.build(root).problems
        assert 'not used: no folder' in str(problem)

    def test_the_list_of_defects_is_checked(self, root):
        (root / 'juice_bottle' / 'defects_config.json').write_text('[{"name": "x"}]')
        with pytest.raises(ValueError, match='is no list of defects, each with defect_name'):
            self.build(root)


class TestAutoVI(TestMVTecLOCO):
    KIND = AutoVI

    def test_it_has_an_id_of_its_own(self, root):
        assert AutoVI(str(root)).settings != MVTecLOCO(str(root)).settings
        assert ids_of(AutoVI(str(root))) == ids_of(MVTecLOCO(str(root)))
