"""Intervals against SciPy and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from mmvrec.evaluation.intervals import total_interval, wilson_interval

Z = 1.959963984540054


@pytest.mark.parametrize(('right', 'number'), [(0, 5), (5, 5), (1, 2), (53, 72), (999, 1000)])
def test_wilson_interval_is_that_of_scipy(right, number):
    expected = stats.binomtest(right, number).proportion_ci(0.95, 'wilson')
    found = wilson_interval(right / number, number, Z)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize('right', [0, 7, 16])
def test_one_episode_is_the_interval_of_its_queries(right):
    queries = np.array([1.0] * right + [0.0] * (16 - right))
    expected = wilson_interval(right / 16, 16, Z)
    assert total_interval(np.array([right / 16]), [queries]) == pytest.approx(expected)


def test_variances_of_episodes_and_queries_are_added():
    episodes, queries = np.array([0.75, 0.5]), np.array([1.0, 1.0, 0.5, 0.0])
    of_episodes, of_queries = 1 / 64, 11 / 192
    variance = of_episodes + of_queries
    freedom = variance**2 / (of_episodes**2 / 1 + of_queries**2 / 3)
    expected = wilson_interval(0.625, 0.625 * 0.375 / variance, stats.t.ppf(0.975, freedom))
    assert total_interval(episodes, [queries]) == pytest.approx(expected)


def test_of_several_tasks_the_mean_has_the_variances_of_all():
    # Two tasks with equal episodes: only the queries spread, each task counts a half.
    queries = [np.array([1.0, 0.0, 1.0, 0.0]), np.array([1.0] * 9 + [0.0])]
    parts = (1 / 3) / 4 / 4, (0.9 / 9) / 10 / 4
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / 3 + parts[1] ** 2 / 9)
    expected = wilson_interval(0.7, 0.7 * 0.3 / sum(parts), stats.t.ppf(0.975, freedom))
    assert total_interval(np.array([0.7, 0.7]), queries) == pytest.approx(expected)
    size = 4 / (1 / 4 + 1 / 10)
    assert total_interval(np.array([0.7]), queries) == pytest.approx(wilson_interval(0.7, size, Z))


@pytest.mark.parametrize('accuracy', [0.0, 1.0])
def test_without_any_spread_the_queries_decide(accuracy):
    found = total_interval(np.full(5, accuracy), [np.full(16, accuracy)])
    assert found == pytest.approx(wilson_interval(accuracy, 16, Z))
    width = Z**2 / (16 + Z**2)
    assert found[1] - found[0] == pytest.approx(width)


def test_more_episodes_do_not_replace_queries():
    queries = np.array([1.0] * 12 + [0.0] * 4)
    few, many = (total_interval(np.full(number, 0.75), [queries]) for number in (2, 1000))
    expected = wilson_interval(0.75, 15, stats.t.ppf(0.975, 15))
    assert few == many == pytest.approx(expected)


def test_no_more_answers_count_than_were_given():
    # Each query is right every second time: nothing spreads.
    found = total_interval(np.array([0.5, 0.5]), [np.array([0.5] * 4)])
    assert found == pytest.approx(wilson_interval(0.5, 4, Z))
    assert not math.isnan(found[0])
