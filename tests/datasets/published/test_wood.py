import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, mask_of, records_of

from mmvrec.datasets import WoodDefects
from mmvrec.datasets.published.wood import parse_line


class TestWoodDefects(DatasetBattery):
    SIZE = 20
    CLASSES = {'wood_defects': [name.lower() for name in layouts.WOOD_NAMES]}

    def write(self, root):
        return layouts.write_wood(root)

    def build(self, root, **kwargs):
        return WoodDefects(str(root), **kwargs)

    def edit_mask(self, root):
        path = root / 'Bouding Boxes' / '100000_anno.txt'
        path.write_text(path.read_text().replace('0,75', '0,8'))

    def break_one(self, root):
        path = root / 'Bouding Boxes' / '100000_anno.txt'
        path.write_text(path.read_text().replace('0,75', '1,75'))
        return '100000_anno.txt'

    def test_decimal_commas_and_points_are_shares(self, root):
        first, second = records_of(self.build(root))[:2]
        assert first['bbox'] == second['bbox'] == [16.0, 24.0, 32.0, 36.0]
        assert [first['label_name'], ids_of(self.build(root))[0]] == ['live_knot', '100000#0']
        assert mask_of(first).any()


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('Live_Knot\t0.1\t0.1\t0.2', 'a class and 4 numbers, got 3'),
        ('Live_Knot\t0.1\t0.1\t0.2\tx', 'could not convert'),
        ('Live_Knot\t0.1\t0.1\t0.2\tnan', 'shares of the image'),
        ('Bark\t0.1\t0.1\t0.2\t0.3', "unknown class 'Bark'"),
    ],
)
def test_bad_lines_are_refused(line, message):
    with pytest.raises(ValueError, match=message):
        parse_line(line)
