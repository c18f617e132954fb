import published_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of, mask_of, records_of

from mmvrec.datasets import XSDD


def build(root, **kwargs):
    return XSDD(str(root), **kwargs)


def test_folders_are_classes(tmp_path):
    dataset = build(layouts.write_xsdd(tmp_path))
    assert dataset.task_classes == {'xsdd': ['red_iron_sheet', 'slag_inclusion']}
    assert len(dataset) == len(set(ids_of(dataset))) == 8
    record = records_of(dataset)[0]
    assert (record['task'], record['img_id']) == ('xsdd', 'red_iron_sheet/0.jpg')
    assert record['bbox'] == [0.0, 0.0, 64.0, 48.0]
    assert mask_of(record).all()


def test_halves_have_both_classes(tmp_path):
    layouts.write_xsdd(tmp_path)
    halves = [ids_of(build(tmp_path, split=split)) for split in ('support', 'query')]
    assert sorted([*halves[0], *halves[1]]) == sorted(ids_of(build(tmp_path)))
    assert [len(half) for half in halves] == [4, 4]


def test_without_data_the_layout_is_shown(tmp_path):
    with pytest.raises(FileNotFoundError, match='data_root/red_iron_sheet/'):
        build(tmp_path / 'nowhere')


class TestXSDD(DatasetBattery):
    """The battery, but for what masks have: an instance is the whole image."""

    SIZE = 8
    CLASSES = {'xsdd': ['red_iron_sheet', 'slag_inclusion']}
    test_masks_can_be_drawn = None
    test_fingerprint_changes_with_a_mask = None

    def write(self, root):
        return layouts.write_xsdd(root)

    def build(self, root, **kwargs):
        return build(root, **kwargs)

    def break_one(self, root):
        (root / 'red_iron_sheet' / '0.jpg').write_bytes(b'no image')
        return '0.jpg'
