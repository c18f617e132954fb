import pytest
import torch
from head_battery import few_shot

from mmvrec.fewshot.fitted import FittedClassifier
from mmvrec.fewshot.suggestions import suggest
from mmvrec.models.heads import RegionGaussianHead
from mmvrec.structures import FeatureBank


@pytest.fixture
def fitted():
    feats, labels = few_shot(3, 3, spread=0.2)
    names = [f'{i}' for i in range(9)]
    bank = FeatureBank(feats, labels, ['t'] * 9, names, {'t': ['a', 'b', 'c']})
    return FittedClassifier(RegionGaussianHead().fit(feats, labels, 3), bank.label_space, bank)


def between(fitted, a, b) -> torch.Tensor:
    """An instance half-way between two classes, (V, C)."""
    return (fitted.support.feats[3 * a] + fitted.support.feats[3 * b]) / 2


def test_the_uncertain_come_first_and_copies_of_them_last(fitted):
    sure = fitted.support.feats[[1, 4, 7]] * 1.01
    feats = torch.stack(
        [*sure, between(fitted, 0, 1), between(fitted, 0, 1), between(fitted, 1, 2)]
    )
    chosen = suggest(fitted, feats, 6)
    assert sorted(chosen) == list(range(6))
    # Of the two copies one is among the first, beside the other border.
    assert len({3, 4} & set(chosen[:2])) == 1 and 5 in chosen[:2]


def test_by_hand(fitted):
    """The product of doubt and distance, greedily."""
    feats, _ = few_shot(3, 5, spread=2.0, seed=0)
    scores = fitted.scores(feats).double().sort(1).values
    doubt = 1 - scores[:, -1] + scores[:, -2] + 1e-6
    unit = torch.nn.functional.normalize(feats.double(), dim=-1).mean(1)
    known = torch.nn.functional.normalize(fitted.support.feats.double(), dim=-1).mean(1)
    expected = []
    for _ in range(4):
        pool = torch.cat([known, unit[expected]])
        worth = [
            float(doubt[i] * min(torch.dist(unit[i], other) for other in pool))
            if i not in expected
            else -1.0
            for i in range(len(feats))
        ]
        expected.append(max(range(len(feats)), key=worth.__getitem__))
    assert suggest(fitted, feats, 4) == expected


def test_bounds(fitted):
    feats = fitted.support.feats
    assert len(suggest(fitted, feats[:2], 5)) == 2
    assert suggest(fitted, feats[:0], 5) == []
    with pytest.raises(ValueError, match='number must be at least 1, got 0'):
        suggest(fitted, feats, 0)
    with pytest.raises(ValueError, match='suggestions need the support'):
        suggest(FittedClassifier(fitted.head, fitted.label_space), feats, 1)
