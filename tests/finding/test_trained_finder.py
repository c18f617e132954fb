"""The threshold of regions, by counting."""

import numpy as np

from mmvrec.finding.finder_state import LeftOutCounts
from mmvrec.finding.regions import FoundRegion
from mmvrec.finding.trained_finder import choose_threshold


def regions(*lefts):
    """Regions of 10 x 10 that lie apart where their left sides do."""
    mask, feats = np.zeros((4, 4), bool), np.zeros(3, np.float32)
    return [FoundRegion(np.array([x, 0, x + 10, 10], np.float32), mask, feats) for x in lefts]


def test_lowest_with_so_few_false_alarms():
    # The second photo has two regions on each other; only the surer one counts.
    own = [regions(0, 20, 40), regions(0, 1, 30)]
    labels = [np.array([[1], [0], [0]], bool), np.array([[0, 0], [1, 0], [0, 0]], bool)]
    scores = [np.array([3.0, 2.0, -1.0]), np.array([0.5, 1.0, 0.0])]
    for allowed, found, alarms in ((0, 1, 0), (0.5, 2, 1), (1, 2, 2), (9, 2, 3)):
        threshold, counts = choose_threshold(own, labels, scores, allowed)
        assert counts == LeftOutCounts(found, 3, alarms, 2)
        if allowed < 9:
            # The next false alarm is just below.
            assert any(np.nextafter(value, np.inf) == threshold for value in (2.0, 0.0, -1.0))


def test_photos_without_regions():
    threshold, counts = choose_threshold(
        [[], regions(0)],
        [np.zeros((0, 1), bool), np.ones((1, 1), bool)],
        [np.zeros(0), np.ones(1)],
        0,
    )
    assert counts == LeftOutCounts(1, 2, 0, 2)
    assert threshold <= 1
