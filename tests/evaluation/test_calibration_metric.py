import numpy as np
import pytest
import torch

from mmvrec.evaluation import CalibrationError
from mmvrec.evaluation.calibration_metric import calibration_error
from mmvrec.structures import UNLABELLED


def test_error_by_hand():
    # Two bins of 5: (0.5, 1] has scores 0.9, 0.7 of which one is right, (0, 0.5] has 0.4, right.
    scores, right = np.array([0.9, 0.7, 0.4]), np.array([1, 0, 1])
    expected = 2 / 3 * abs(0.5 - 0.8) + 1 / 3 * abs(1 - 0.4)
    assert calibration_error(scores, right, 2) == pytest.approx(expected)
    assert calibration_error(scores, right, 1) == pytest.approx(abs(2 / 3 - 2 / 3), abs=1e-9)


@pytest.mark.parametrize(('score', 'right'), [(0.0, 0), (1.0, 1), (0.2, 0), (0.4, 1)])
def test_bins_contain_their_upper_end(score, right):
    # A score on an edge falls together with one just below it, not above.
    below, above = (
        calibration_error(np.array([score, other]), np.array([right, 1 - right]), 5)
        for other in (max(score - 0.01, 0), min(score + 0.01, 1))
    )
    together = abs(2 * score - 0.01 - 1) / 2 if score else None
    if 0 < score < 1:
        assert below == pytest.approx(together)
        assert above == pytest.approx((abs(right - score) + abs(1 - right - score - 0.01)) / 2)


def sample(task, episode, score, right, labelled=True) -> dict:
    return {
        'task': task,
        'episode': episode,
        'gt_label': torch.tensor([0 if labelled else UNLABELLED]),
        'pred_label': torch.tensor([0 if right else 1]),
        'pred_score': torch.tensor([score, 1 - score] if score >= 0.5 else [1 - score, score]),
    }


def test_mean_over_tasks_and_episodes():
    metric = CalibrationError()
    metric.process(
        None,
        [
            sample('a', 0, 0.9, True),
            sample('a', 1, 0.8, False),
            sample('b', 0, 1.0, True),
            sample('b', 1, 0.6, True),
            sample('b', 1, 0.6, True, labelled=False),
        ],
    )
    found = metric.evaluate(4)
    first, second = (10 + 0) / 2, (80 + 40) / 2
    assert found['fewshot/ece'] == pytest.approx((first + second) / 2, abs=1e-5)
    assert found['fewshot/ece_std'] == pytest.approx(abs(first - second) / 2**0.5, abs=1e-5)
    assert found['fewshot/confidence'] == pytest.approx((90 + 80 + 100 + 60) / 4, abs=1e-5)


def test_bad_bins():
    with pytest.raises(ValueError, match='bins must be at least 1'):
        CalibrationError(bins=0)
