"""Prototypes against scikit-learn and by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from head_battery import HeadBattery, draw, few_shot
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestCentroid

from mmvrec.models.heads import ProtoNetHead


class TestProtoNet(HeadBattery):
    HEAD = dict(type='ProtoNetHead')


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), classes=st.integers(2, 6), shots=st.integers(2, 5))
def test_prototypes_are_the_centroids_of_scikit_learn(seed, classes, shots):
    feats, labels = few_shot(classes, shots, seed=seed, spread=4)
    queries = draw(10, 6, 16, seed=seed + 3)
    centroids = NearestCentroid().fit(F.normalize(feats.mean(1), dim=-1), labels).centroids_
    expected = torch.from_numpy(cosine_similarity(queries.mean(1), centroids)) / 0.5
    logits = ProtoNetHead(0.5).fit(feats, labels, classes)(queries)
    torch.testing.assert_close(logits, expected.float())


def test_logits_by_hand():
    """Instances of any length weigh the same: the prototype of (2, 0) and (0, 9) is diagonal."""
    support = torch.tensor([[[1.0, 0.0], [3.0, 0.0]], [[0.0, 9.0], [0.0, 9.0]], [[3.0, -4.0]] * 2])
    head = ProtoNetHead(temperature=0.1).fit(support, torch.tensor([0, 0, 1]), 2)
    assert head.prototypes.flatten().tolist() == pytest.approx([0.5, 0.5, 0.6, -0.8])
    logits = head(torch.tensor([[[7.0, 0.0]]]))
    assert logits[0].tolist() == pytest.approx([10 / math.sqrt(2), 6])


@pytest.mark.parametrize('temperature', [0, -1.0, math.nan])
def test_bad_options(temperature):
    with pytest.raises(ValueError, match=f'temperature must be positive, got {temperature}'):
        ProtoNetHead(temperature)
