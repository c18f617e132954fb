"""EpisodeSampler, and with it the published protocol."""

import json
import random

import numpy as np
import pytest
import torch

from mmvrec.datasets.samplers.episode import EpisodeSampler
from mmvrec.models.heads import ZipAdapterHead
from mmvrec.structures import FeatureBank

NAMES = ['broken', 'dirty', 'scratch']


def protocol_draw(labels, shots, seed):
    """The protocol as the text of the fixture says it, written independently.

    Each class: the pool's indices in file order, shuffled by random.Random(seed).shuffle, first K.
    """
    chosen = []
    for label in sorted(set(labels)):
        indices = [i for i in range(len(labels)) if labels[i] == label]
        random.Random(seed).shuffle(indices)
        chosen.extend(indices[:shots])
    return chosen


def pool(sizes, seed):
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    random.Random(seed).shuffle(labels)
    return labels


@pytest.mark.parametrize('shots', [1, 3, 5])
@pytest.mark.parametrize('seed', [0, 1, 17])
def test_draws_follow_the_protocol(shots, seed):
    labels = pool([5, 9, 31], seed=3)
    sampler = EpisodeSampler(labels, NAMES, shots, seed)
    for episode in range(6):
        assert sampler.draw(episode) == protocol_draw(labels, shots, seed + episode)


def test_draws_written_down():
    """Numbers that must never change, of Python's own generator."""
    sampler = EpisodeSampler([0, 1] * 5, ['a', 'b'], 2)
    assert [sampler.draw(e) for e in range(3)] == [[4, 2, 5, 3], [4, 6, 5, 7], [4, 2, 5, 3]]


def test_episodes_do_not_depend_on_earlier_ones():
    sampler = EpisodeSampler(pool([9, 9, 9], 0), NAMES, 3)
    third = sampler.draw(3)
    for episode in (0, 7, 3):
        drawn = sampler.draw(episode)
    assert drawn == third


def test_global_generator_is_left_alone():
    random.seed(1)
    before = random.getstate()
    EpisodeSampler(pool([9, 9, 9], 0), NAMES, 3).draw(0)
    assert random.getstate() == before


def test_more_shots_extend_fewer():
    labels = pool([6, 6, 6], 0)
    few, more = (EpisodeSampler(labels, NAMES, shots) for shots in (2, 5))
    for episode in range(4):
        small, large = few.draw(episode), more.draw(episode)
        assert [small[2 * c : 2 * c + 2] for c in range(3)] == [
            large[5 * c : 5 * c + 2] for c in range(3)
        ]


def test_published_episodes_give_the_published_accuracies(fixtures, real_data):
    record = json.loads(fixtures('bottle_protocol.json').read_text())
    bank = FeatureBank.load(real_data('features') / 'bottle_query.npz')
    labels = np.array(bank.labels)
    members = [np.flatnonzero(labels == label) for label in range(3)]
    support = bank.select(sorted(np.concatenate([m[0::2] for m in members]).tolist()))
    query = bank.select(sorted(np.concatenate([m[1::2] for m in members]).tolist()))
    assert (len(support), len(query)) == (16, 16)
    for shots, expected in record['accuracy_per_episode'].items():
        sampler = EpisodeSampler(support.labels.tolist(), list('abc'), int(shots))
        accuracies = []
        for episode in range(5):
            drawn = support.select(sampler.draw(episode))
            head = ZipAdapterHead(beta=32.0).fit(drawn.feats, drawn.labels, 3)
            with torch.no_grad():
                right = head.predict(query.feats).argmax(1) == query.labels
            accuracies.append(right.float().mean().item())
        assert accuracies == pytest.approx(expected)
        mean = record['accuracy_mean_percent'][shots]
        assert 100 * np.mean(accuracies) == pytest.approx(mean)


BAD_POOLS = {
    'too few': (
        ([0] * 5 + [1] * 2 + [2] * 4, NAMES, 5),
        r"5-shot .* task 'bottle' .* has \{'dirty': 2, 'scratch': 4\}; use fewer shots",
    ),
    'class without instance': (([0, 0, 1], NAMES, 1), r"has \{'scratch': 0\}"),
    'empty pool': (([], NAMES, 1), r"has \{'broken': 0, 'dirty': 0, 'scratch': 0\}"),
    'no shots': (([0, 1, 2], NAMES, 0), 'shots must be at least 1, got 0'),
    'negative shots': (([0, 1, 2], NAMES, -2), 'shots must be at least 1, got -2'),
}


@pytest.mark.parametrize(('arguments', 'message'), BAD_POOLS.values(), ids=BAD_POOLS)
def test_bad_pools(arguments, message):
    with pytest.raises(ValueError, match=message):
        EpisodeSampler(*arguments, task='bottle')


def test_instances_without_a_class_are_refused():
    with pytest.raises(ValueError, match="pool of task 't' has instances without a class"):
        EpisodeSampler([0, 1, -1], ['a', 'b'], 1, task='t')
