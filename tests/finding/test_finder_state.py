"""Which box points at which defect, and what a second stage keeps, by hand."""

import numpy as np
import pytest

from mmvrec.finding import pointed_at
from mmvrec.finding.finder_state import LeftOutCounts, SecondStage
from mmvrec.finding.linear_score import LinearScore


def test_boxes_that_point_at_defects():
    masks = np.zeros((2, 40, 60), bool)
    masks[0, 10:20, 10:20] = True  # centre 14.5, 14.5
    masks[1, 30:32, 40:60] = True  # centre 49.5, 30.5
    boxes = [
        [0, 0, 40, 40],  # large: IoU 100 / 1600, but the centre is inside
        [10, 10, 14, 20],  # without the centre: IoU 40 / 100
        [10, 10, 12, 20],  # IoU 20 / 100
        [40, 30, 50, 32],
        [49.5, 30, 60, 32],  # the left border belongs to the box
    ]
    ious, points = pointed_at(np.array(boxes), masks)
    np.testing.assert_allclose(ious[:, 0], [100 / 1600, 0.4, 0.2, 0, 0])
    np.testing.assert_allclose(ious[3:, 1], [0.5, 21 / 40])
    assert points.tolist() == [[1, 0], [1, 0], [0, 0], [0, 1], [0, 1]]
    for shape in ((0, 4), (0,)):
        assert pointed_at(np.zeros(shape), masks)[1].shape == (0, 2)
    assert pointed_at(np.array(boxes), masks[:0])[1].shape == (5, 0)


def test_both_log_odds_count():
    score = LinearScore(np.array([1.0, 0.5], np.float32), -1.0)
    second = SecondStage(score, 2.0, LeftOutCounts(1, 1, 0, 1))
    # Log-odds 0, log 9 and log 9; with -1 + 0.5 * odds.
    scores, odds = np.array([0.5, 0.9, 0.9]), np.array([6.0, 1.7, 1.5])
    assert second.keeps(scores, odds).tolist() == [True, True, False]
    feats = second.feats(scores, odds)
    assert feats[:, 0] == pytest.approx([0, np.log(9), np.log(9)])
    # What is sure in float32 is as sure as can be, not infinitely so.
    assert second.feats(np.float32([0, 1]), np.zeros(2))[:, 0].tolist() == [-16, 16]
