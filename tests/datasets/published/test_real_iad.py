import published_layouts as layouts
from dataset_battery import DatasetBattery, ids_of, records_of

from mmvrec.datasets import RealIAD


class TestRealIAD(DatasetBattery):
    SIZE = 12
    CLASSES = {'audiojack': ['deformation', 'scratch']}

    def write(self, root):
        return layouts.write_real_iad(root)

    def build(self, root, **kwargs):
        return RealIAD(str(root), **kwargs)

    @staticmethod
    def first(root, ending):
        stem = f'audiojack_0001_NG_BX_C1_20231023{ending}'
        return root / 'audiojack' / 'NG' / 'BX' / 'S0001' / stem

    def edit_mask(self, root):
        layouts.write_mask(self.first(root, '_mask.png'), (2, 2, 12, 6))

    def break_one(self, root):
        self.first(root, '.jpg').unlink()
        return 'audiojack_0001_NG_BX_C1_20231023_mask.png'

    def test_views_of_a_part_stay_together(self, root):
        halves = [
            {r['img_id'].rpartition('/')[0] for r in records_of(self.build(root, split=split))}
            for split in ('support', 'query')
        ]
        assert all(halves)
        assert not halves[0] & halves[1]
        # Six parts of two views each.
        assert len(halves[0] | halves[1]) == 6

    def test_an_unknown_type_is_called_by_its_folder(self, root):
        (root / 'audiojack' / 'NG' / 'BX').rename(root / 'audiojack' / 'NG' / 'XX')
        assert self.build(root).task_classes == {'audiojack': ['XX', 'scratch']}
        assert ids_of(self.build(root))[-1].startswith('audiojack/XX/S0003/')
