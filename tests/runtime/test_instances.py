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


@pytest.mark.parametrize('seed', range(40))
def test_polygons_are_filled_to_the_pixel_as_mmvrec_fills_them(seed):
    """Random ones: of any numbers, of whole pixels, of halves, of tenths; crossing themselves."""
    rng = np.random.default_rng(seed)
    polygons = []
    for _ in range(rng.integers(1, 4)):
        points = rng.uniform(0, 1, (rng.integers(3, 9), 2)) * [SHAPE[1] + 0.9, SHAPE[0] + 0.9]
        step = (0, 1, 2, 10)[seed % 4]
        polygons.append((np.round(points * step) / step if step else points).tolist())
    flat = [[value for point in polygon for value in point] for polygon in polygons]
    (expected,) = reference([{'segmentation': flat}], *SHAPE)
    for given in (polygons, flat):
        (own,) = image_instances(*SHAPE, polygons=[given])
        assert own.bbox == expected['bbox']
        mask = decode_mask(expected['mask'], expected['bbox'], *SHAPE)
        np.testing.assert_array_equal(own.mask(*SHAPE), mask)


def test_one_polygon_is_told_by_its_points():
    """A rectangle of 30 x 20 pixels."""
    corners = [[10, 5], [40, 5], [40, 25], [10, 25]]
    for given in (corners, [corners], [[10, 5, 40, 5, 40, 25, 10, 25]]):
        (own,) = image_instances(*SHAPE, polygons=[given])
        assert own.bbox == [10, 5, 40, 25]
        assert own.pixels.sum() == 30 * 20


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
        (dict(polygons=[[[1, 2], [3, 4], [1, 2]]]), 'instance 0: a polygon needs at least 3'),
        (dict(polygons=[[[1, 2, 3, 4, 5]]]), 'a polygon must be finite numbers'),
        (dict(polygons=[[[1, 2], [9, float('inf')], [4, 4]]]), 'must be finite numbers'),
        (dict(polygons=[[['a', 2], [9, 9], [4, 4]]]), 'a polygon must be numbers x, y'),
        (dict(polygons=[[[1, 2], [90, 2], [4, 4]]]), 'the polygon leaves the image of 60 x 40'),
        (dict(polygons=[[[1, 2], [9, 2], [4, 4]]], masks=[]), 'masks or polygons, not both'),
        (dict(polygons=[[[1, 1], [1.01, 1], [1, 1.01]]]), r'masks \[0\] are empty'),
        (dict(boxes=[[1, 2, 3, 4]] * 2, masks=np.ones((1, *SHAPE))), '2 boxes and 1 masks'),
    ],
)
def test_broken_instances_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        image_instances(*SHAPE, **given)
