"""Regions of heat-maps, by closed forms."""

import numpy as np
import pytest

from mmvrec.finding.base import DetectedBoxes
from mmvrec.finding.components import regions_of, stable_threshold


@pytest.fixture
def two_peaks():
    """Squares of 6 and 4 on a floor of 0, with a plateau of 1.2 that joins them."""
    heat_map = np.zeros((40, 60), np.float32)
    heat_map[8:22, 8:52] = 1.2
    heat_map[10:20, 10:20] = 6
    heat_map[10:20, 40:50] = 4
    return heat_map


def test_regions_are_sorted_and_measured(two_peaks):
    found = regions_of(two_peaks, 2, min_area=50)
    assert found.boxes.tolist() == [[10, 10, 20, 20], [40, 10, 50, 20]]
    assert found.scores.tolist() == [6, 4]
    assert found.masks.sum((1, 2)).tolist() == [100, 100]
    assert len(regions_of(two_peaks, 2, min_area=101)) == 0
    assert len(regions_of(two_peaks, 5, min_area=50)) == 1


def test_longest_run_of_equal_counts(two_peaks):
    """From 1 to 1.2 there is one region, to 4 two, to 6 one: 4 / 1.2 is most."""
    threshold = stable_threshold(two_peaks, 1, min_area=50)
    assert 1.2 <= threshold < 1.2 * 6 ** (1 / 48)
    assert len(regions_of(two_peaks, threshold, 50)) == 2


def test_nothing_above_the_lowest(two_peaks):
    assert stable_threshold(two_peaks, 7, min_area=50) == 7
    assert len(regions_of(two_peaks, 7, 50)) == 0


def test_specks_do_not_count(two_peaks):
    two_peaks[30, ::2] = 5
    assert stable_threshold(two_peaks, 1, 50) == pytest.approx(
        stable_threshold(np.where(two_peaks == 5, 0, two_peaks), 1, 50)
    )


@pytest.mark.parametrize(
    ('boxes', 'scores', 'masks'),
    [
        (np.zeros((2, 4)), np.zeros(1), None),
        (np.zeros((1, 3)), np.zeros(1), None),
        (np.zeros((1, 4)), np.zeros(1), np.zeros((2, 5, 5), bool)),
        (np.full((1, 4), np.nan), np.zeros(1), None),
        (np.zeros((1, 4)), np.full(1, np.inf), None),
    ],
)
def test_boxes_are_checked(boxes, scores, masks):
    with pytest.raises(ValueError, match=r'same N|infinite'):
        DetectedBoxes(boxes, scores, masks)
