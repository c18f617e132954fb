import dataset_layouts as layouts
import numpy as np
import pytest
from dataset_battery import DatasetBattery, ids_of, records_of
from pycocotools import mask as coco_mask

from mmvrec.datasets import CocoDefects
from mmvrec.structures import decode_mask


class TestCocoDefects(DatasetBattery):
    SIZE = 8
    CLASSES = {'coco': ['dent', 'scratch']}

    def write(self, root):
        return layouts.write_coco(root)

    def build(self, root, **kwargs):
        return CocoDefects(str(root), **kwargs)

    def edit_mask(self, root):
        self._edit(root, segmentation=[[10.0, 8.0, 30.0, 8.0, 30.0, 20.0]])

    def break_one(self, root):
        self._edit(root, category_id=3)
        return 'annotations.json'

    def _edit(self, root, **changes):
        content = layouts.coco_content()
        content['annotations'][0].update(changes)
        layouts.write_json(root / 'annotations.json', content)


@pytest.fixture
def load(tmp_path):
    """Build a dataset from a COCO content and return it."""
    layouts.write_coco(tmp_path)

    def build(content, **kwargs):
        layouts.write_json(tmp_path / 'annotations.json', content)
        return CocoDefects(str(tmp_path), **kwargs)

    return build


def first_mask(dataset) -> np.ndarray:
    record = dataset.get_data_info(0)
    return decode_mask(record['mask'], record['bbox'], *record['img_shape']) > 0


def content_with(**changes) -> dict:
    content = layouts.coco_content()
    content['annotations'][0].update(changes)
    return content


def some_mask() -> np.ndarray:
    mask = np.random.default_rng(0).random((layouts.HEIGHT, layouts.WIDTH)) < 0.3
    mask[:3] = True
    return mask


def runs_of(mask: np.ndarray) -> list[int]:
    """Run lengths column by column, the first one of zeros."""
    runs, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return runs


def test_compressed_rle(load):
    rle = coco_mask.encode(np.asfortranarray(some_mask().astype(np.uint8)))
    rle['counts'] = rle['counts'].decode()
    assert (first_mask(load(content_with(segmentation=rle))) == some_mask()).all()


def test_uncompressed_rle(load):
    rle = {'size': [layouts.HEIGHT, layouts.WIDTH], 'counts': runs_of(some_mask())}
    assert (first_mask(load(content_with(segmentation=rle))) == some_mask()).all()


def test_polygons_are_filled_by_pycocotools(load):
    polygons = [[10.0, 8.0, 30.0, 8.0, 30.0, 20.0], [40.0, 30.0, 50.0, 30.0, 50.0, 40.5]]
    mask = first_mask(load(content_with(segmentation=polygons)))
    rles = coco_mask.frPyObjects(polygons, layouts.HEIGHT, layouts.WIDTH)
    assert (mask == coco_mask.decode(coco_mask.merge(rles))).all()


@pytest.mark.parametrize('segmentation', [None, [], [[]], [[], []], [[[]]], {}, ''])
def test_box_only(load, segmentation):
    record = load(content_with(segmentation=segmentation)).get_data_info(0)
    assert record['mask'] is None
    assert record['bbox'] == [10.0, 8.0, 30.0, 20.0]


def test_the_box_of_a_mask(load):
    record = load(content_with(bbox=None)).get_data_info(0)
    assert record['bbox'] == [10.0, 8.0, 30.0, 20.0]


def test_a_decimal_box_does_not_grow(load):
    record = load(content_with(bbox=[0.1, 0.1, 0.2, 5.0])).get_data_info(0)
    assert record['bbox'] == [0.1, 0.1, 0.3, 5.1]


def test_iscrowd_may_be_there(load):
    assert len(load(content_with(iscrowd=1))) == 8


def test_tasks_of_annotations_and_images(load):
    content = layouts.coco_content()
    for image in content['images']:
        image['product'] = 'lid'
    content['annotations'][0]['product'] = 'cup'
    dataset = load(content, task_key='product')
    assert dataset.task_classes == {'cup': ['scratch'], 'lid': ['dent', 'scratch']}
    assert [r['task'] for r in records_of(dataset)] == ['cup'] + ['lid'] * 7
    assert load(content).task_classes == {'coco': ['dent', 'scratch']}


def test_classes_choose_and_order(load):
    dataset = load(layouts.coco_content(), classes=['scratch'])
    assert len(dataset) == 4
    assert dataset.task_classes == {'coco': ['scratch']}
    ordered = load(layouts.coco_content(), classes=['scratch', 'dent'])
    assert [r['gt_label'] for r in records_of(ordered)] == [0, 1] * 4


def test_labels_do_not_depend_on_category_ids(load):
    content = layouts.coco_content()
    expected = {r['instance_id']: r['gt_label'] for r in records_of(load(content))}
    swap = {0: 7, 7: 0}
    for entry in content['categories']:
        entry['id'] = swap[entry['id']]
    for entry in content['annotations']:
        entry['category_id'] = swap[entry['category_id']]
    assert {r['instance_id']: r['gt_label'] for r in records_of(load(content))} == expected


def test_annotations_only_needs_no_images(tmp_path):
    layouts.write_coco(tmp_path)
    (tmp_path / 'images').rename(tmp_path / 'elsewhere')
    assert len(CocoDefects(str(tmp_path), annotations_only=True)) == 8


def test_images_may_lie_beside_the_prefix(load, tmp_path):
    content = layouts.coco_content()
    layouts.write_image(tmp_path / 'more' / 'x.png')
    content['images'][0]['file_name'] = '../more/x.png'
    assert '../more/x.png#0' in ids_of(load(content))
