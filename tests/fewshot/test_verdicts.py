"""What is to be done with an answer."""

import pytest

from mmvrec.fewshot.fitted import Prediction
from mmvrec.fewshot.verdicts import VERDICTS, VerdictRule


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
