"""What is to be done with an answer."""

import pytest
import torch

from mmvrec.fewshot.fitted import Prediction
from mmvrec.fewshot.verdicts import VERDICTS, HeldOutAnswer, VerdictRule, sure_threshold


def prediction(label: str = 'crack', score: float = 0.9, unknown: bool | None = False):
    return Prediction(label, score, {label: score}, 0.9, unknown)


@pytest.mark.parametrize(
    ('threshold', 'answer', 'warnings', 'verdict'),
    [
        (0.9, prediction(), [], 'sure'),
        (0.9, prediction(score=0.89), [], 'review'),
        (0.9, prediction(), ['brightness'], 'review'),
        (0.9, prediction(unknown=True), [], 'unknown'),
        (0.9, prediction(unknown=None), [], 'sure'),
        (0.9, prediction('no defect'), [], 'no defect'),
        (0.9, prediction('no defect', 0.5), [], 'review'),
        (0.9, prediction('no defect', unknown=True), ['region'], 'unknown'),
        (None, prediction(score=1.0), [], 'review'),
    ],
)
def test_verdict(threshold, answer, warnings, verdict):
    assert VerdictRule(threshold).verdict(answer, warnings) == verdict
    assert verdict in VERDICTS


def test_share_of_errors_that_cannot_be():
    for share in (-0.1, 1.0, float('nan')):
        with pytest.raises(ValueError, match='max_error must be 0 to 1'):
            VerdictRule.of(None, share)


def answers(*pairs: tuple[float, bool]) -> list[HeldOutAnswer]:
    return [HeldOutAnswer(str(k), 'a', 'a' if r else 'b', s) for k, (s, r) in enumerate(pairs)]


@pytest.mark.parametrize(
    ('pairs', 'max_error', 'threshold'),
    [
        ([(0.9, True), (0.8, True), (0.7, False), (0.6, True)], 0.0, 0.8),
        ([(0.9, True), (0.8, True), (0.7, False), (0.6, True)], 0.25, 0.6),
        ([(0.9, True), (0.8, True), (0.7, False), (0.6, True)], 0.3, 0.6),
        ([(0.9, True), (0.8, False), (0.8, True), (0.7, True)], 0.0, 0.9),
        # One wrong answer among the surest of two with the same score: neither is sure.
        ([(0.9, False), (0.9, True)], 0.02, None),
        ([(0.9, False), (0.8, True)], 0.5, 0.8),
        ([], 0.02, None),
    ],
)
def test_sure_threshold(pairs, max_error, threshold):
    assert sure_threshold(answers(*pairs), max_error) == threshold
    assert sure_threshold(answers(*reversed(pairs)), max_error) == threshold


def test_the_threshold_is_the_lowest_that_keeps_its_promise():
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(300, generator=generator).mul(50).round().div(50)
    right = torch.rand(300, generator=generator) < 0.5 + scores / 2
    pairs = list(zip(scores.tolist(), right.tolist(), strict=True))
    for max_error in (0.0, 0.02, 0.1, 0.2):
        keeps = [
            s
            for s in scores.unique().tolist()
            if (~right[scores >= s]).double().mean() <= max_error
        ]
        assert sure_threshold(answers(*pairs), max_error) == (min(keeps) if keeps else None)
