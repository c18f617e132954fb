"""Which episodes are fitted together, and what their results depend on."""

from dataclasses import replace

import pytest
from engine_parts import feature_bank

from mmvrec.benchmark.entries import BenchmarkEntry
from mmvrec.benchmark.episodes import accuracies_of, evaluate_batch, plan_batches
from mmvrec.fewshot.fitting import TrainingSettings
from mmvrec.models import MVRECClassifier


def entry(unified=None, **changes) -> BenchmarkEntry:
    model = MVRECClassifier(head={'type': 'KNNHead', 'k': 1}, unified=unified)
    made = BenchmarkEntry(
        row='knn',
        dataset='made',
        model=model,
        settings=TrainingSettings({'optimizer': {'type': 'AdamW'}}, max_iters=1),
        shots=(1, 2),
        support=feature_bank(seed=1, spread=1.5),
        query=feature_bank(seed=2, spread=1.5),
        provenance=model.provenance,
    )
    return replace(made, **changes)


def keys(made: BenchmarkEntry, seed: int = 0) -> list[str]:
    return [one.key for batch in plan_batches(made, 7, seed) for one in batch.members]


def test_five_episodes_are_fitted_together():
    batches = plan_batches(entry(), episodes=7, seed=0)
    assert [(batch.tasks, batch.shots, batch.episodes) for batch in batches] == [
        ((task,), shots, episodes)
        for task in ('one', 'two')
        for shots in (1, 2)
        for episodes in ([0, 1, 2, 3, 4], [5, 6])
    ]


def test_unified_heads_are_evaluated_on_every_task():
    batch, *_ = plan_batches(entry('product_known'), episodes=2, seed=0)
    assert batch.tasks == ('one', 'two')
    assert [(one.episode, one.task) for one in batch.members] == [
        (episode, task) for episode in (0, 1) for task in ('one', 'two')
    ]


def test_keys_are_of_one_result_each():
    assert len(set(keys(entry()))) == 2 * 2 * 7
    assert keys(entry()) == keys(entry())


@pytest.mark.parametrize(
    'changes',
    [
        {'support': feature_bank(seed=4)},
        {'query': feature_bank(seed=4)},
        {'settings': TrainingSettings({'optimizer': {'type': 'SGD', 'lr': 1}}, max_iters=1)},
        {'model': MVRECClassifier(head={'type': 'KNNHead', 'k': 1, 'merge_views': 'logits'})},
    ],
    ids=['support', 'query', 'settings', 'model'],
)
def test_keys_depend_on_all_that_the_result_depends_on(changes):
    assert not set(keys(entry())) & set(keys(entry(**changes)))


def test_keys_depend_on_the_seed():
    assert not set(keys(entry())) & set(keys(entry(), seed=1))


def test_accuracies_are_by_row_column_and_episode():
    batches = plan_batches(entry(), episodes=2, seed=0)
    results = {}
    for batch in batches:
        results |= {one.key: result for one, result in evaluate_batch(batch, seed=0)}
    accuracies = accuracies_of(batches, results)
    assert list(accuracies) == ['knn']
    for batch in batches:
        right = [results[one.key][0] for one in batch.members]
        column = ('made', batch.tasks[0], batch.shots)
        assert accuracies['knn'][column].tolist() == [100 * number / 12 for number in right]
    assert {queries for _, queries in results.values()} == {12}
