"""FewShotAccuracy against numbers computed by hand and by SciPy."""

import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

from mmvrec.evaluation import FewShotAccuracy
from mmvrec.evaluation.few_shot_metric import episode_accuracies, summary
from mmvrec.evaluation.intervals import total_interval
from mmvrec.registry import METRICS
from mmvrec.structures import UNLABELLED


def sample(task, episode, right, query='q'):
    return {
        'task': task,
        'episode': episode,
        'instance_id': query,
        'gt_label': torch.tensor([2]),
        'pred_label': torch.tensor([2 if right else 0]),
    }


def evaluated(outcomes, meta=None, **options):
    """Metrics of {(task, episode): [1 where right, else 0]}."""
    metric = FewShotAccuracy(**options)
    metric.dataset_meta = meta
    samples = [
        sample(task, episode, right, f'{task}/{query}')
        for (task, episode), rights in outcomes.items()
        for query, right in enumerate(rights)
    ]
    for start in range(0, len(samples), 3):
        metric.process(None, samples[start : start + 3])
    return metric.evaluate(len(samples))


# Accuracies in percent, bottle: 50, 75; cable: 100, 25. Over tasks: 75, 50.
TWO_TASKS = {
    ('bottle', 0): [1, 1, 0, 0],
    ('bottle', 1): [1, 1, 1, 0],
    ('cable', 0): [1, 1],
    ('cable', 1): [0, 1, 0, 0],
}


# The answers to the queries of bottle are 100, 100, 50, 0 % right, as in test_intervals.py.
BOTTLE_INTERVAL = total_interval(np.array([0.5, 0.75]), [np.array([1.0, 1.0, 0.5, 0.0])])


def test_two_tasks_by_hand():
    metrics = evaluated(TWO_TASKS)
    t = 12.706204736432095  # 97.5 % quantile of Student's t with one degree of freedom
    expected = {
        'accuracy': 62.5,
        # Eight of the fourteen answers are right.
        'pooled_accuracy': 800 / 14,
        'accuracy_std': 25 / math.sqrt(2),
        'ci95': t * 12.5,
        'bottle/accuracy': 62.5,
        'bottle/accuracy_std': 25 / math.sqrt(2),
        'bottle/ci95': t * 12.5,
        'cable/accuracy': 62.5,
        'cable/accuracy_std': 75 / math.sqrt(2),
        'cable/ci95': t * 37.5,
    }
    for name, value in expected.items():
        assert metrics[f'fewshot/{name}'] == pytest.approx(value), name
    assert metrics['fewshot/bottle/episodes'] == [50.0, 75.0]
    assert metrics['fewshot/cable/episodes'] == [100.0, 25.0]
    assert len(metrics) == len(expected) + 3 + 9


def test_interval_over_draws_and_queries_by_hand():
    # Episodes: 75, 50. Queries: 100, 100, 50, 0.
    metrics = evaluated({('bottle', 0): [1, 1, 1, 0], ('bottle', 1): [1, 1, 0, 0]})
    of_episodes, of_queries = 1 / 64, 11 / 192
    variance = of_episodes + of_queries
    t = stats.t.ppf(0.975, variance**2 / (of_episodes**2 + of_queries**2 / 3))
    spread = t**2 * variance / (0.625 * 0.375)
    centre = (0.625 + spread / 2) / (1 + spread)
    half = math.sqrt(spread * (0.625 * 0.375 + spread / 4)) / (1 + spread)
    for prefix in ('fewshot/', 'fewshot/bottle/'):
        assert metrics[f'{prefix}ci95_low'] == pytest.approx(100 * (centre - half))
        assert metrics[f'{prefix}ci95_high'] == pytest.approx(100 * (centre + half))
        assert metrics[f'{prefix}ci95_total'] == pytest.approx(100 * half)


def test_mean_is_over_tasks_not_over_instances():
    metrics = evaluated({('small', 0): [1], ('large', 0): [0] * 99})
    assert metrics['fewshot/accuracy'] == 50
    assert metrics['fewshot/pooled_accuracy'] == pytest.approx(1)


@pytest.mark.parametrize('episodes', [2, 3, 5, 10, 100])
def test_interval_is_that_of_scipy(episodes):
    accuracies = np.random.default_rng(episodes).uniform(40, 90, episodes)
    mean, deviation, half = summary(accuracies)
    low, high = stats.t.interval(
        0.95, episodes - 1, loc=accuracies.mean(), scale=stats.sem(accuracies)
    )
    assert (mean - half, mean + half) == pytest.approx((low, high))
    assert deviation == pytest.approx(accuracies.std(ddof=1))


def test_queries_without_a_class_are_not_counted():
    metric = FewShotAccuracy()
    metric.process(None, [sample('bottle', 0, 1), sample('bottle', 0, 0), sample('bottle', 0, 1)])
    unlabelled = {**sample('bottle', 0, 1), 'gt_label': torch.tensor([UNLABELLED])}
    metric.process(None, [unlabelled] * 5)
    assert metric.evaluate(3)['fewshot/accuracy'] == pytest.approx(200 / 3)


def test_one_episode_has_no_spread():
    metrics = evaluated({('bottle', 0): [1, 0, 0, 1, 1]})
    for prefix in ('fewshot/', 'fewshot/bottle/'):
        assert metrics[f'{prefix}accuracy'] == 60
        assert metrics[f'{prefix}accuracy_std'] is None
        assert metrics[f'{prefix}ci95'] is None
        interval = stats.binomtest(3, 5).proportion_ci(0.95, 'wilson')
        assert metrics[f'{prefix}ci95_low'] == pytest.approx(100 * interval.low)
        assert metrics[f'{prefix}ci95_high'] == pytest.approx(100 * interval.high)


@pytest.mark.parametrize(('rights', 'accuracy'), [([0, 0], 0), ([1, 1], 100), ([1, 0], 50)])
def test_extremes(rights, accuracy):
    metrics = evaluated({('a', 0): rights, ('a', 1): rights})
    assert metrics['fewshot/accuracy'] == accuracy
    assert metrics['fewshot/ci95'] == 0


def test_order_of_the_samples_does_not_matter():
    results = [(t, e, q, r) for (t, e), rights in TWO_TASKS.items() for q, r in enumerate(rights)]
    expected = episode_accuracies(results)
    shuffled = [results[i] for i in np.random.default_rng(0).permutation(len(results))]
    found = episode_accuracies(shuffled)
    assert {t: a.tolist() for t, a in found.items()} == {t: a.tolist() for t, a in expected.items()}


def test_metrics_can_be_written_as_json():
    metrics = evaluated(TWO_TASKS, {'weights_source': 'a.safetensors'})
    assert json.loads(json.dumps(metrics)) == metrics


def test_origin_of_the_weights_is_told():
    assert evaluated(TWO_TASKS)['fewshot/weights'] == 'unknown'
    metrics = evaluated(TWO_TASKS, {'weights_source': 'random (seed 0)'})
    assert metrics['fewshot/weights'] == 'random (seed 0)'


def test_prefix_is_changed():
    assert evaluated(TWO_TASKS, prefix='novel')['novel/accuracy'] == 62.5


def test_table_is_logged(log_records):
    meta = {
        'shots': 5,
        'weights_source': 'a.safetensors',
        'task_classes': {'bottle': ['x', 'y', 'z'], 'cable': ['x', 'y']},
    }
    evaluated(TWO_TASKS, meta)
    text = log_records[-1].getMessage()
    for part in (
        '5-shot accuracy (%), 2 episodes',
        'backbone weights: a.safetensors',
        'over support draws, for these very queries',
        'over draws and queries',
    ):
        assert part in text
    rows = [line.replace('│', ' ').split() for line in text.splitlines()]
    interval = [f'{100 * bound:.2f}' for bound in BOTTLE_INTERVAL]
    bottle = ['bottle', '3', '4', '62.50', '17.68', '158.83', interval[0], 'to', interval[1]]
    assert bottle in rows
    assert ['cable', '2', '4', '62.50', '53.03', '476.48'] in [row[:6] for row in rows]
    assert ['mean', 'over', 'tasks', '62.50', '17.68', '158.83'] in [row[:6] for row in rows]


def test_table_of_one_episode_and_task_shows_no_spread(log_records):
    evaluated({('bottle', 0): [1, 0]})
    text = log_records[-1].getMessage()
    rows = [line.replace('│', ' ').split() for line in text.splitlines()]
    assert ['bottle', '2', '50.00', '-', '-', '9.45', 'to', '90.55'] in rows
    assert 'over queries, for this very support set' in text
    assert 'mean over tasks' not in text


@pytest.mark.parametrize('missing', ['task', 'episode', 'instance_id', 'gt_label', 'pred_label'])
def test_incomplete_samples(missing):
    incomplete = {key: value for key, value in sample('a', 0, 1).items() if key != missing}
    with pytest.raises(KeyError, match=missing):
        FewShotAccuracy().process(None, [incomplete])


def test_is_registered():
    assert isinstance(METRICS.build(dict(type='FewShotAccuracy')), FewShotAccuracy)
