"""What is timed, by a clock that stands still but for what the timed parts are made to take."""

import pytest
import torch
from engine_parts import TINY_ARCH, synthetic_dataset

from mmvrec.benchmark import timing
from mmvrec.benchmark.composition import compose
from mmvrec.registry import DATASETS, MODELS
from mmvrec.structures import FeatureBank


class Clock:
    """Seconds that pass only where they are told to."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing, 'time', clock)
    return clock


def bank(instances: int) -> FeatureBank:
    feats = torch.randn(instances, 3, 16, generator=torch.Generator().manual_seed(0))
    names, ids = ['a', 'b'] * (instances // 2), [str(i) for i in range(instances)]
    return FeatureBank.of_task('task', feats, names, ids)


def test_a_training_is_as_long_as_its_iterations(clock, monkeypatch):
    """A batch takes 2 s and 0.5 s an iteration; the first call 100 s, which warms up.

    Of 500 iterations it takes 2 + 250 s, and 12 episodes are 12 / 5 batches.
    """
    calls = []

    def evaluate(batch, seed):
        calls.append((len(batch.members), batch.entry.settings.max_iters))
        clock.now += 2 + 0.5 * calls[-1][1] if len(calls) > 1 else 100
        return []

    monkeypatch.setattr(timing, 'evaluate_batch', evaluate)
    config = compose(heads=['zipaf'], datasets=['mtd_tiny'])[0].config
    assert timing.time_fits(config, bank(10), bank(4), 2, 12) == pytest.approx(12 / 5 * 252)
    assert calls == [(5, 3), (5, 1), (5, 21)]


def test_what_does_not_train_is_timed_once(clock, monkeypatch):
    calls = []

    def evaluate(batch, seed):
        calls.append(len(batch.members))
        clock.now += 3
        return []

    monkeypatch.setattr(timing, 'evaluate_batch', evaluate)
    config = compose(heads=['knn'], datasets=['mtd_tiny'])[0].config
    assert timing.time_fits(config, bank(10), bank(4), 2, 2) == 3
    assert calls == [2, 2]


@pytest.mark.parametrize('head', ['zipaf', 'linear-probe', 'tip-adapter', 'clip-adapter'])
def test_heads_are_fitted_and_evaluated_on_random_features(head):
    config = compose(heads=[head], datasets=['mtd_tiny'])[0].config
    config.train_cfg.max_iters = 2
    assert timing.time_fits(config, bank(10), bank(4), 2, 3) > 0


def test_calls_and_views_are_told_apart(clock, monkeypatch):
    """A call takes 4 s and a view 3 s."""
    dataset = DATASETS.build(synthetic_dataset(split='query'))
    backbone = {'type': 'AlphaCLIP', 'arch': TINY_ARCH, 'random_seed': 0}
    config = {'type': 'MVRECClassifier', 'backbone': backbone, 'head': {'type': 'ProtoNetHead'}}
    model = MODELS.build(config)
    embed = model.extract_feat

    def timed(views):
        clock.now += 4 + 3 * views.shape[1]
        return embed(views)

    monkeypatch.setattr(model, 'extract_feat', timed)
    assert len(dataset[0]['inputs']) > 1
    found = timing.time_embedding(model, dataset)
    assert (found.call, found.view) == (pytest.approx(4), pytest.approx(3))


def test_loading_is_the_mean_over_the_dataset(clock):
    class Ten:
        def __len__(self):
            return 10

        def __getitem__(self, index):
            clock.now += 1000 if index == 0 else index

    # Instances 3, 6 and 9; the first warms up.
    assert timing.time_loading(Ten()) == 6
