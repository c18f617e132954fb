import dataset_layouts as layouts
import pytest
from dataset_battery import DatasetBattery, ids_of

from mmvrec.datasets import AITEX


class TestAITEX(DatasetBattery):
    SIZE = 5
    CLASSES = {'aitex': ['broken_end', 'nep']}

    def write(self, root):
        return layouts.write_aitex(root)

    def build(self, root, **kwargs):
        return AITEX(str(root), **kwargs)

    def edit_mask(self, root):
        layouts.write_mask(root / 'Mask_images' / '0003_030_00_mask.png', (2, 2, 12, 6))

    def break_one(self, root):
        path = root / 'Mask_images' / '0003_030_00_mask.png'
        path.write_bytes(b'')
        return path.name


def test_both_masks_of_a_picture_are_used(tmp_path):
    root = layouts.write_aitex(tmp_path)
    layouts.write_mask(root / 'Mask_images' / '0001_002_00_mask2.png', (20, 2, 30, 6))
    dataset = AITEX(str(root))
    assert ids_of(dataset)[:2] == ['0001_002_00#0', '0001_002_00#1']
    assert [dataset.get_data_info(i)['bbox'][0] for i in (0, 1)] == [2, 20]
    union = AITEX(str(root), rule='image').get_data_info(0)
    assert union['bbox'] == [2, 2, 31, 7]


def test_pictures_without_mask_and_masks_without_picture_are_listed(tmp_path):
    root = layouts.write_aitex(tmp_path)
    (root / 'Mask_images' / '0003_030_00_mask.png').rename(
        root / 'Mask_images' / '0099_030_00_mask.png'
    )
    dataset = AITEX(str(root))
    assert len(dataset) == 4
    assert {(p.instance, p.fatal) for p in dataset.problems} == {
        ('0003_030_00', False),
        ('0099_030_00', False),
    }


def test_classes_choose_and_order(tmp_path):
    root = layouts.write_aitex(tmp_path)
    dataset = AITEX(str(root), classes=['nep'])
    assert ids_of(dataset) == ['0003_030_00#0', '0004_030_02#0']
    ordered = AITEX(str(root), classes=['nep', 'broken_end'])
    assert ordered.task_classes == {'aitex': ['nep', 'broken_end']}
    assert [ordered.get_data_info(i)['gt_label'] for i in range(5)] == [1, 1, 1, 0, 0]


@pytest.mark.parametrize('classes', [[], ['nap'], ['nep', 'nep'], 'nap'])
def test_wrong_classes(classes, tmp_path):
    with pytest.raises(ValueError, match='weft_crack'):
        AITEX(str(layouts.write_aitex(tmp_path)), classes=classes)


def test_annotations_only_needs_no_pictures(tmp_path):
    root = layouts.write_aitex(tmp_path)
    (root / 'Defect_images').rename(root / 'elsewhere')
    assert len(AITEX(str(root), annotations_only=True)) == 5
