from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmvrec.datasets.splits import SPLITS, read_split, stratified_split, write_split

INSTANCES = st.lists(
    st.tuples(st.sampled_from('abcd'), st.integers(0, 12)), min_size=1, max_size=60
)
SEEDS = st.integers(0, 5)


def split_of(instances, seed):
    return stratified_split([c for c, _ in instances], [f'g{g}' for _, g in instances], seed)


@given(INSTANCES, SEEDS)
def test_every_instance_is_in_one_half(instances, seed):
    halves = split_of(instances, seed)
    assert sorted(halves['support'] + halves['query']) == list(range(len(instances)))


@given(INSTANCES, SEEDS)
def test_groups_are_kept_together(instances, seed):
    halves = split_of(instances, seed)
    groups = [{instances[i][1] for i in halves[name]} for name in SPLITS]
    assert not groups[0] & groups[1]


@given(INSTANCES, SEEDS)
def test_the_same_seed_gives_the_same_split(instances, seed):
    assert split_of(instances, seed) == split_of(instances, seed)


@given(st.lists(st.sampled_from('abcd'), min_size=1, max_size=60), SEEDS)
def test_single_instances_are_divided_exactly(classes, seed):
    halves = stratified_split(classes, [str(i) for i in range(len(classes))], seed)
    support, query = (Counter(classes[i] for i in halves[name]) for name in SPLITS)
    assert all(abs(support[name] - query[name]) <= 1 for name in 'abcd')


@given(INSTANCES, SEEDS)
@settings(max_examples=50)
def test_the_split_follows_the_group_not_the_position(instances, seed):
    halves = split_of(instances, seed)
    support_groups = {instances[i][1] for i in halves['support']}
    mirrored = split_of(instances[::-1], seed)
    assert {instances[::-1][i][1] for i in mirrored['support']} == support_groups


def test_the_seed_matters():
    classes, groups = ['a'] * 40, [str(i) for i in range(40)]
    assert len({tuple(stratified_split(classes, groups, s)['support']) for s in range(5)}) == 5


@given(st.lists(st.text(min_size=1), unique=True, min_size=2, max_size=10))
def test_round_trip(tmp_path_factory, ids):
    path = tmp_path_factory.mktemp('split') / 'split.json'
    write_split(path, {'support': ids[::2], 'query': ids[1::2]}, seed=3)
    expected = {
        'support': list(range(0, len(ids), 2)),
        'query': list(range(1, len(ids), 2)),
    }
    assert read_split(path, ids) == expected


def test_no_split_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'make_split\.py'):
        read_split(tmp_path / 'none.json', ['a'])
