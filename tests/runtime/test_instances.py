"""Instances of the runtime against those of mmvrec."""

import numpy as np
import pytest

from mmvrec.apis.instances import image_instances as reference
from mmvrec.apis.records import image_records
from mmvrec.structures import decode_mask
from mmvrec_runtime.instances import image_instances

SHAPE = (40, 60)


def random_masks(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((3, *SHAPE)) < 0.01 + 0.3 * seed


@pytest.mark.parametrize(
    'box', [[3.5, 4.2, 20.9, 30.1], [0, 0, 60, 40], [-0.6, -0.9, 12, 40.4], [59, 39, 60, 40]]
)
def test_a_box_and_its_mask_are_those_of_mmvrec(box):
    (own,), (expected,) = image_instances(*SHAPE, boxes=[box]), reference([box], *SHAPE)
    assert own.bbox == expected['bbox']
    np.testing.assert_array_equal(own.mask(*SHAPE), decode_mask(None, expected['bbox'], *SHAPE))


@pytest.mark.parametrize('seed', range(3))
def test_masks_and_ids_are_those_of_mmvrec(seed):
    masks = random_masks(seed)
    image = np.zeros((*SHAPE, 3), np.uint8)
    records = image_records(image, masks, 'a.png', 'default')
    for own, record, mask in zip(image_instances(*SHAPE, masks=masks), records, masks, strict=True):
        assert own.bbox == record['bbox']
        assert 'a.png' + own.place == record['instance_id']
        np.testing.assert_array_equal(own.mask(*SHAPE), mask * np.uint8(255))


def test_without_boxes_the_image_is_one_instance():
    (own,) = image_instances(*SHAPE)
    assert own.bbox == [0, 0, 60, 40]
    assert own.mask(*SHAPE).min() == 255
    assert image_instances(*SHAPE, boxes=[]) == image_instances(*SHAPE, masks=[]) == []


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        (dict(boxes=[[1, 2, 3]]), r'must have shape \(N, 4\)'),
        (dict(boxes=[[1, 2, 3, 4], [5, 5, 5, 9]]), 'box 1 .* has no area'),
        (dict(boxes=[[1, 2, float('nan'), 4]]), 'box 0 has NaN'),
        (dict(boxes=[[50, 2, 70, 4]]), 'box 0: the box leaves the image of 60 x 40 pixels'),
        (dict(boxes=[['a', 'b', 'c', 'd']]), 'boxes must be numbers'),
        (dict(boxes=[[1, 2, 3, 4], [1]]), 'boxes must be numbers of one shape'),
        (dict(masks=np.zeros((1, *SHAPE))), r'masks \[0\] are empty'),
        (dict(masks=np.ones((1, 60, 40))), r'must have shape \(N, H, W\) = \(N, 40, 60\)'),
        (dict(boxes=[[1, 2, 3, 4]] * 2, masks=np.ones((1, *SHAPE))), '2 boxes and 1 masks'),
    ],
)
def test_broken_instances_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        image_instances(*SHAPE, **given)
