import csv

import numpy as np
import pytest
from scipy import stats

from mmvrec.benchmark.comparison import (
    compare,
    csv_table,
    markdown_table,
    paired_difference,
)


@pytest.mark.parametrize('episodes', [2, 5, 30])
def test_interval_is_that_of_the_paired_t_test(episodes):
    a, b = np.random.default_rng(episodes).normal(60, 5, size=(2, episodes))
    expected = stats.ttest_rel(a, b).confidence_interval(0.95)
    difference = paired_difference(a, b)
    assert difference['mean'] == pytest.approx(np.mean(a) - np.mean(b))
    assert (difference['low'], difference['high']) == pytest.approx(tuple(expected))


def test_one_episode_has_no_interval():
    difference = paired_difference(np.array([50.0]), np.array([45.0]))
    assert difference == {'mean': 5.0, 'low': None, 'high': None}


def comparison_of(
    accuracies: dict,
    reference: str,
    weights: str = 'w.safetensors',
    is_random: bool = False,
    queries: dict | None = None,
) -> dict:
    arrays = {r: {c: np.array(v) for c, v in cells.items()} for r, cells in accuracies.items()}
    sources = {row: {c[0]: weights for c in cells} for row, cells in accuracies.items()}
    randomness = {row: dict.fromkeys(own, is_random) for row, own in sources.items()}
    return {
        **compare(arrays, reference, queries or dict.fromkeys(QUERIES, 10)),
        'seed': 0,
        'weights': sources,
        'random_weights': randomness,
        'fewer_shots': [],
    }


QUERIES = [('d', 't', 5), ('d', 't', 1)]
BY_HAND = {
    'ours': {('d', 't', 5): [50.0, 70.0], ('d', 't', 1): [30.0, 40.0]},
    'other': {('d', 't', 5): [60.0, 60.0], ('d', 't', 1): [30.0, 20.0]},
    'partial': {('d', 't', 5): [10.0, 20.0]},
}


def test_table_by_hand():
    """Per episode, ours has the means 40 and 55, other 45 and 40: differences 5 and -15.

    Their mean is -5, s = sqrt(200), t(0.975, 1) = 12.7062, half width 12.7062 * 10 = 127.06.
    """
    *caption, header, rule, ours, other, partial = markdown_table(
        comparison_of(BY_HAND, 'ours')
    ).splitlines()
    assert '2 episodes (seed 0)' in caption[0]
    assert 'random' not in caption[0]
    assert header == '| head | d/t 1-shot | d/t 5-shot | mean | difference to ours [95 % CI] |'
    assert rule == '| --- | ---: | ---: | ---: | ---: |'
    assert ours == '| ours | 35.00 ± 7.07 | 60.00 ± 14.14 | 47.50 ± 10.61 | reference |'
    assert other == (
        '| other | 25.00 ± 7.07 | 60.00 ± 0.00 | 42.50 ± 3.54 | -5.00 [-132.06, +122.06] |'
    )
    assert partial == '| partial | - | 15.00 ± 7.07 | - | - |'


#: Two tasks of d with 10 and 30 queries, and e, which has one task.
SEVERAL = {
    'ours': {
        ('d', 't', 5): [50.0, 70.0], ('d', 'u', 5): [10.0, 30.0], ('e', 't', 5): [80.0, 80.0],
    },
    'other': {
        ('d', 't', 5): [60.0, 60.0], ('d', 'u', 5): [30.0, 30.0], ('e', 't', 5): [70.0, 74.0],
    },
}  # fmt: skip
COUNTS = {('d', 't', 5): 10, ('d', 'u', 5): 30, ('e', 't', 5): 7}


def test_pooled_accuracy_weighs_queries_alike():
    """Of d, ours has (10 * 50 + 30 * 10) / 40 = 20 and 40 pooled: with e 50 and 60; other 37.5."""
    comparison = comparison_of(SEVERAL, 'ours', queries=COUNTS)
    ours, other = comparison['rows'].values()
    assert ours['pooled']['accuracies'] == pytest.approx([50, 60])
    assert other['pooled']['accuracies'] == pytest.approx([53.75, 55.75])
    assert ours['mean']['accuracies'] == pytest.approx([140 / 3, 60])
    _, _, header, _, line, *_ = markdown_table(comparison).splitlines()
    assert '| mean | pooled | difference to ours' in header
    assert '| 53.33 ± 9.43 | 55.00 ± 7.07 | reference |' in line
    row = next(csv.DictReader(csv_table(comparison).splitlines()))
    assert (row['pooled'], row['pooled std']) == ('55.0000', '7.0711')


def test_differences_are_told_by_dataset():
    """Of d: per episode 45 - 30 = 15 and 45 - 50 = -5; of e -10 and -6."""
    comparison = comparison_of(SEVERAL, 'ours', queries=COUNTS)
    differences = {
        name: cell['difference'] for name, cell in comparison['rows']['other']['datasets'].items()
    }
    assert {name: d['mean'] for name, d in differences.items()} == {'d': 5, 'e': -8}
    *_, title, _, header, _, other = markdown_table(comparison).splitlines()
    assert title == 'Difference to ours [95 % CI], mean over tasks and shots:'
    assert header == '| head | d | e |'
    assert other == '| other | +5.00 [-122.06, +132.06] | -8.00 [-33.41, +17.41] |'
    assert comparison['rows']['ours']['datasets']['e']['difference'] is None


def test_a_row_without_a_dataset_has_the_difference_of_the_others():
    accuracies = {**SEVERAL, 'partial': {('e', 't', 5): [90.0, 92.0]}}
    row = comparison_of(accuracies, 'ours', queries=COUNTS)['rows']['partial']
    assert (row['mean'], row['pooled'], row['datasets']['d']) == (None, None, None)
    assert row['datasets']['e']['difference']['mean'] == 11


def test_csv_by_hand():
    rows = list(csv.DictReader(csv_table(comparison_of(BY_HAND, 'ours')).splitlines()))
    assert [row['head'] for row in rows] == ['ours', 'other', 'partial']
    assert rows[1] == {
        'head': 'other',
        'd/t 1-shot': '25.0000',
        'd/t 1-shot std': '7.0711',
        'd/t 5-shot': '60.0000',
        'd/t 5-shot std': '0.0000',
        'mean': '42.5000',
        'mean std': '3.5355',
        'difference': '-5.0000',
        'difference low': '-132.0620',
        'difference high': '122.0620',
        'reference': 'ours',
        'weights': 'd: w.safetensors',
    }
    assert rows[2]['mean'] == rows[2]['d/t 1-shot'] == rows[0]['difference'] == ''


def test_every_cell_has_its_difference():
    rows = comparison_of(BY_HAND, 'other')['rows']
    assert rows['partial']['cells'][0] is None
    assert rows['partial']['cells'][1]['difference']['mean'] == -45
    assert rows['ours']['cells'][0]['difference']['mean'] == 10
    assert rows['other']['cells'][0]['difference'] is None


def test_partial_reference_leaves_no_mean_difference():
    rows = comparison_of(BY_HAND, 'partial')['rows']
    assert rows['ours']['mean']['difference'] is None
    assert rows['ours']['cells'][1]['difference']['mean'] == 45


def test_one_episode_shows_no_spread():
    text = markdown_table(
        comparison_of({'a': {('d', 't', 1): [50.0]}, 'b': {('d', 't', 1): [55.0]}}, 'a')
    )
    assert '| a | 50.00 | 50.00 | reference |' in text
    assert '| b | 55.00 | 55.00 | +5.00 |' in text


def test_random_weights_are_in_every_table():
    comparison = comparison_of(BY_HAND, 'ours', weights='random (seed 0)', is_random=True)
    assert 'weights of d are random (seed 0)' in markdown_table(comparison).splitlines()[0]
    for row in csv.DictReader(csv_table(comparison).splitlines()):
        assert row['weights'] == 'd: random (seed 0)'


def test_rows_with_random_weights_are_named_where_others_have_none():
    comparison = comparison_of(BY_HAND, 'ours')
    comparison['weights']['other']['d'] = 'random (seed 0)'
    comparison['random_weights']['other']['d'] = True
    caption = markdown_table(comparison).splitlines()[0]
    assert 'weights of d in other are random (seed 0)' in caption
