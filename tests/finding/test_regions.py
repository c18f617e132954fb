"""Nested regions, their features and their choice, by hand."""

import numpy as np
import pytest

from mmvrec.finding.regions import (
    FINE,
    fits_defect,
    nested_regions,
    region_feats,
    surest_apart,
)


def test_regions_nest():
    scores = np.zeros((10, 12), np.float32)
    scores[2:8, 2:10] = 2
    scores[3:5, 3:5] = 6
    feats = np.ones((3, 10, 12), np.float32)
    regions = nested_regions(scores, feats, [1, 4])
    assert [one.mask.shape for one in regions] == [(10 * FINE, 12 * FINE)] * 2
    outer, inner = (one.box / FINE for one in regions)
    np.testing.assert_allclose(outer, [2, 2, 10, 8], atol=0.3)
    np.testing.assert_allclose(inner, [3, 3, 5, 5], atol=0.5)
    assert (regions[0].mask | regions[1].mask == regions[0].mask).all()


def test_levels_that_change_nothing_add_nothing():
    scores = np.zeros((10, 12), np.float32)
    scores[2:8, 2:10] = 100
    assert len(nested_regions(scores, np.ones((3, 10, 12), np.float32), [1, 2, 3])) == 1
    assert nested_regions(scores, np.ones((3, 10, 12), np.float32), [101]) == []


def test_features_of_a_region():
    scores = np.zeros((8, 8), np.float32)
    scores[0:2, 3:5] = 5
    scores[7, 7] = 9
    feats = np.zeros((2, 8, 8), np.float32)
    feats[0, 0:2, 3:5] = 1
    mask = np.zeros((8 * FINE, 8 * FINE), bool)
    mask[: 2 * FINE, 3 * FINE : 5 * FINE] = True
    known = region_feats(mask, scores, feats)
    assert known[:2].tolist() == [1, 0]
    np.testing.assert_allclose(known[2:4], [1, 0], atol=1e-6)
    area = 4 * FINE**2
    expected = [5, 5, 5, 0, 4, 0, np.log(area), np.log(area / mask.size), 0, 1, 1, 0, 0, 0]
    np.testing.assert_allclose(known[4:], expected, atol=1e-5)


@pytest.mark.parametrize(
    ('box', 'fits'),
    [
        ([10, 10, 20, 20], True),
        ([10, 10, 16, 15], True),  # IoU 0.3
        ([10, 10, 15, 15], False),  # 0.25, and the centre is on its border
        ([0, 0, 30, 30], True),  # 900 around the centre; at most 2 * 26 ** 2 = 1352
        ([0, 0, 40, 40], False),  # 1600
        ([30, 30, 40, 40], False),
    ],
)
def test_what_fits_a_defect(box, fits):
    assert fits_defect(np.array(box, float), np.array([10.0, 10, 20, 20]), margin=16) is fits


def test_surest_of_those_that_lie_on_each_other():
    boxes = np.array([[0, 0, 10, 10], [2, 2, 4, 4], [20, 0, 30, 10], [8, 0, 18, 10]], float)
    assert surest_apart(boxes, np.array([0.5, 0.9, 0.1, 0.2])).tolist() == [1, 3, 2]
    assert surest_apart(boxes, np.array([0.9, 0.5, 0.1, 0.2])).tolist() == [0, 3, 2]
    assert surest_apart(np.zeros((0, 4)), np.zeros(0)).tolist() == []
