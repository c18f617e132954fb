from collections import Counter

import dataset_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, records_of

from mmvrec.datasets import MTD
from mmvrec.datasets.published.mtd import group_tiles
from mmvrec.datasets.splits import SPLITS


def mask_path(root, name='Blowhole', number=100):
    number = number + len(name)
    return next((root / f'MT_{name}' / 'Imgs').glob(f'exp*_num_{number}.png'))


class TestMTD(DatasetBattery):
    SIZE = 12
    CLASSES = MTD.TASK_CLASSES

    def write(self, root):
        return layouts.write_mtd(root)

    def build(self, root, **kwargs):
        return MTD(str(root), **kwargs)

    def edit_mask(self, root):
        layouts.write_mask(mask_path(root), (2, 2, 11, 7), (30, 20, 39, 30))

    def break_one(self, root):
        path = mask_path(root)
        path.write_bytes(b'not a png')
        return path.name

    def test_split_by_tile_keeps_tiles_together(self, root):
        halves = [
            {r['img_id'].rsplit('_', 1)[1] for r in records_of(self.build(root, **kwargs))}
            for kwargs in ({'split': name, 'split_by': 'tile'} for name in SPLITS)
        ]
        # 100 and 130 (plus the length of the class's name) are one tile, in both classes.
        tile = {'104', '108', '134', '138'}
        assert tile in (halves[0] & tile, halves[1] & tile)
        assert not halves[0] & halves[1]

    def test_rule_image_makes_one_instance_of_an_image(self, root):
        dataset = self.build(root, rule='image')
        assert len(dataset) == 6
        assert dataset.get_data_info(0)['bbox'] == [2.0, 2.0, 40.0, 31.0]


class TestMTDByTile(TestMTD):
    def build(self, root, **kwargs):
        return MTD(str(root), **{'split_by': 'tile', **kwargs})


@pytest.fixture
def one(tmp_path):
    """A dataset with a second image, whose mask the test writes."""
    root = layouts.write_mtd(tmp_path)

    def build(*boxes, value=255, **kwargs):
        layouts.write_mask(mask_path(root), *boxes, value=value)
        dataset = MTD(str(root), **kwargs)
        name = f'Blowhole/{mask_path(root).stem}#'
        return [
            r['bbox'] for r in records_of(dataset) if r['instance_id'].startswith(name)
        ], dataset

    return build


@pytest.mark.parametrize(
    ('kwargs', 'count'),
    [
        ({}, 1),
        ({'connectivity': 4}, 2),
        ({'connectivity': 4, 'min_area': 26}, 1),
        ({'rule': 'image'}, 1),
    ],
)
def test_components_that_touch_at_a_corner(one, kwargs, count):
    boxes, _ = one((0, 0, 4, 4), (5, 5, 9, 10), **kwargs)
    assert len(boxes) == count


def test_components_come_row_by_row(one):
    boxes, _ = one((40, 1, 49, 10), (0, 5, 9, 14), (20, 30, 29, 39))
    assert boxes == [[40, 1, 50, 11], [0, 5, 10, 15], [20, 30, 30, 40]]


def test_min_area_is_inclusive(one):
    assert len(one((0, 0, 4, 3))[0]) == 1
    assert len(one((0, 0, 4, 3), min_area=21)[0]) == 0


def test_grey_edges_are_not_foreground(one):
    boxes, dataset = one((0, 0, 20, 20), value=127)
    assert not boxes
    assert 'empty' in dataset.problems[0].message
    assert not dataset.problems[0].fatal
    assert len(one((0, 0, 20, 20), value=128)[0]) == 1


def test_a_mask_without_a_large_component_is_no_problem_for_rule_image(one):
    boxes, dataset = one((0, 0, 2, 0))
    assert not boxes
    assert 'at least 20 pixels (3 pixels above 127' in dataset.problems[0].message
    assert len(one((0, 0, 2, 0), rule='image')[0]) == 1


def test_a_missing_class_folder_is_listed(tmp_path):
    root = layouts.write_mtd(tmp_path)
    (root / 'MT_Crack' / 'Imgs').rmdir()
    (problem,) = MTD(str(root)).problems
    assert 'MT_Crack' in problem.file
    assert not problem.fatal


@pytest.mark.parametrize(
    ('numbers', 'tiles'),
    [
        ([0, 40], 1),
        ([0, 41], 2),
        ([0, 40, 80, 120], 1),
        ([500, 0, 30, 530], 2),
    ],
)
def test_group_tiles(numbers, tiles):
    stems = {f'exp{k % 6 + 1}_num_{number}' for k, number in enumerate(numbers)}
    assert len(set(group_tiles(stems).values())) == tiles


def test_names_of_another_form_are_their_own_tile():
    groups = group_tiles({'exp1_num_5', 'exp2_num_6', 'photo', 'other'})
    assert groups['exp1_num_5'] == groups['exp2_num_6']
    assert len(set(groups.values())) == 3


REAL = {'Blowhole': (58, 58), 'Break': (43, 66), 'Crack': (29, 38), 'Fray': (16, 17)}


def test_real_counts(real_data):
    dataset = MTD(str(real_data('mtd')))
    records = records_of(dataset)
    counts = Counter(record['label_name'] for record in records)
    images = Counter(name.split('/')[0] for name in {record['img_id'] for record in records})
    assert {name: (images[name], counts[name]) for name in REAL} == REAL
    assert counts['Uneven'] == 52
    # 52 Uneven files, of which two have no component.
    assert images['Uneven'] == 50
    assert {problem.instance: problem.fatal for problem in dataset.problems} == {
        'Uneven/exp4_num_24843': False,
        'Uneven/exp4_num_45057': False,
    }


def test_real_rule_image_only_leaves_out_empty_masks(real_data):
    dataset = MTD(str(real_data('mtd')), rule='image')
    assert len(dataset) == 197
    assert [problem.instance for problem in dataset.problems] == ['Uneven/exp4_num_45057']


def test_real_tiles_are_in_one_half(real_data):
    root = str(real_data('mtd'))
    numbers = [
        sorted(
            {
                int(name.split('#')[0].rsplit('_', 1)[1])
                for name in ids_of(MTD(root, split=split, split_by='tile'))
            }
        )
        for split in SPLITS
    ]
    gap = min(abs(a - b) for a in numbers[0] for b in numbers[1])
    assert gap > 40
