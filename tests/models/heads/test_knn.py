"""K nearest neighbours against scikit-learn and by hand."""

import math

import pytest
import torch
from head_battery import HeadBattery, draw, few_shot
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from mmvrec.models.heads import KNNHead


class TestKNN(HeadBattery):
    HEAD = dict(type='KNNHead')


class TestTwoNeighbours(HeadBattery):
    HEAD = dict(type='KNNHead', k=2)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31), classes=st.integers(2, 6), shots=st.integers(1, 5), data=st.data()
)
def test_votes_are_those_of_scikit_learn(seed, classes, shots, data):
    feats, labels = few_shot(classes, shots, seed=seed, spread=4)
    queries = draw(10, 6, 16, seed=seed + 3)
    k = data.draw(st.integers(1, len(labels)))
    reference = KNeighborsClassifier(k, metric='cosine').fit(feats.mean(1), labels)
    shares = torch.from_numpy(reference.predict_proba(queries.mean(1)))
    head = KNNHead(k).fit(feats, labels, classes)
    votes = head(queries).expm1()
    assert torch.equal(votes.round(), (k * shares).round().float())
    most = shares == shares.amax(1, keepdim=True)
    assert most.gather(1, head.predict(queries).argmax(1, keepdim=True)).all()


# Cosines of the query with the support: 1, 0.8, 0.6, -0.6 and -1.
SUPPORT = torch.tensor([[2.0, 0.0], [4.0, 3.0], [3.0, 4.0], [-3.0, 4.0], [-1.0, 0.0]])[:, None]
QUERY = torch.tensor([[[5.0, 0.0]]])
VOTES = {
    'one neighbour': (1, [0, 1, 1, 1, 0], [1 + 1 / 3, 0]),
    'majority outvotes the nearest': (3, [0, 1, 1, 0, 0], [1 + 1 / 7, 2 + 1.4 / 7]),
    'tie goes to the closer sum': (4, [1, 0, 0, 1, 1], [2 + 1.4 / 9, 2 + 0.4 / 9]),
    'far majority outvotes the nearest': (5, [0, 0, 1, 1, 1], [2 + 1.8 / 11, 3 - 1.0 / 11]),
}


@pytest.mark.parametrize(('k', 'labels', 'votes'), VOTES.values(), ids=VOTES)
def test_votes_by_hand(k, labels, votes):
    head = KNNHead(k).fit(SUPPORT, torch.tensor(labels), 2)
    assert head(QUERY)[0].expm1().tolist() == pytest.approx(votes, abs=1e-5)
    expected = [(1 + v) / (2 + sum(votes)) for v in votes]
    assert head.predict(QUERY)[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_votes_against_a_query_cannot_be_less_than_none():
    """The worst voters, exactly opposite: the logarithm stays finite and the vote counts."""
    opposite = -QUERY.expand(3, 1, 2)
    head = KNNHead(2).fit(opposite, torch.tensor([0, 0, 1]), 2)
    scores = head(QUERY)[0]
    assert math.isfinite(scores.sum()) and (scores >= 0).all()


@pytest.mark.parametrize('k', [0, -1])
def test_bad_options(k):
    with pytest.raises(ValueError, match=f'k must be at least 1, got {k}'):
        KNNHead(k)


def test_more_neighbours_than_instances():
    with pytest.raises(ValueError, match=r'k=5 neighbours .* among 4 support instances; set a'):
        KNNHead(5).fit(*few_shot(2, 2), 2)
