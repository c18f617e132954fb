"""Answers in numbers."""

import pytest
from scipy.stats import binomtest

from mmvrec.evaluation.answer_summary import AnswerSummary, Proportion


def test_counts_and_intervals():
    summary = AnswerSummary.of(
        ['a', 'a', 'a', 'b', 'b'], ['a', 'a', 'c', 'a', 'b'], ['a', 'b', 'c']
    )
    assert summary.confusion == ((2, 0, 1), (1, 1, 0), (0, 0, 0))
    assert summary.accuracy == Proportion.of(3, 5)
    assert summary.recalls == {
        'a': Proportion.of(2, 3), 'b': Proportion.of(1, 2), 'c': Proportion.of(0, 0)
    }  # fmt: skip
    assert summary.precisions == {
        'a': Proportion.of(2, 3), 'b': Proportion.of(1, 1), 'c': Proportion.of(0, 1)
    }  # fmt: skip


def test_a_share_tells_its_count_and_interval():
    share = Proportion.of(17, 20)
    interval = binomtest(17, 20).proportion_ci(method='wilson')
    assert (share.low, share.high) == pytest.approx((interval.low, interval.high))
    assert str(share) == '17 of 20, 85 % (64 to 95 %)'
    assert str(Proportion.of(0, 0)) == '0 of 0'
    assert (Proportion.of(0, 0).low, Proportion.of(0, 0).high) == (0, 1)
