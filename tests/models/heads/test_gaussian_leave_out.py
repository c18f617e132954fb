"""Leaving instances out in closed form is refitting without them."""

import pytest
import torch
from head_battery import draw, few_shot
from hypothesis import given, settings
from hypothesis import strategies as st

from mmvrec.models.heads import KNNHead, RegionGaussianHead, ZipAdapterFHead
from mmvrec.models.heads.covariance_prior import CovariancePrior
from mmvrec.models.heads.gaussian_discriminant import discriminant
from mmvrec.models.heads.gaussian_leave_out import GaussianLeaveOut
from mmvrec.models.heads.gaussian_statistics import GaussianStatistics


@pytest.fixture(scope='module')
def prior_file(tmp_path_factory):
    path = tmp_path_factory.mktemp('prior') / 'made.safetensors'
    root = draw(16, 16, seed=7).double()
    CovariancePrior(root @ root.T / 100, 'ab' * 32, 'weights of a test', 'nothing').save(path)
    return str(path)


def refitted(head, feats, labels, classes, block):
    """Parameters of a fit without the block, in double precision."""
    rest = torch.ones(len(labels), dtype=torch.bool)
    rest[block] = False
    statistics = GaussianStatistics.of(feats[rest], labels[rest], classes)
    sigma = head.shrinkage.covariance(statistics)
    return discriminant(statistics.means, sigma, statistics.instances)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    classes=st.integers(2, 5),
    shots=st.integers(2, 5),
    views=st.sampled_from([1, 3, 6]),
    weight=st.sampled_from([None, 0.1, 0.3, 0.6, 1.0]),
    grouped=st.booleans(),
)
def test_parameters_are_those_of_a_refit(prior_file, seed, classes, shots, views, weight, grouped):
    options = dict() if weight is None else dict(prior=prior_file, prior_weight=weight)
    feats, labels = few_shot(classes, shots, views=views, seed=seed)
    head = RegionGaussianHead(**options).fit(feats, labels, classes)
    leave_out = GaussianLeaveOut(head.select_views(feats), labels, head.shrinkage)
    step = shots if grouped else 1  # the second instance of every class, or each alone
    blocks = [list(range(1, len(labels), step))] if grouped else [[i] for i in range(len(labels))]
    for block in blocks:
        weights, bias = refitted(head, feats, labels, classes, block)
        found = leave_out.without(block)
        scale = weights.abs().max()
        torch.testing.assert_close(found[0] / scale, weights / scale, rtol=0, atol=1e-8)
        torch.testing.assert_close(found[1] / scale, bias / scale, rtol=0, atol=1e-8)


@pytest.mark.parametrize('merge_views', ['logits', 'feature', 'entropy'])
def test_scores_are_those_of_the_general_way(prior_file, merge_views):
    """The base class refits; its parameters are rounded to single precision."""
    feats, labels = few_shot(3, 4)
    head = RegionGaussianHead(prior_file, merge_views=merge_views, view_indices=[0, 2, 5])
    head.fit(feats, labels, 3)
    blocks = [[0], [1, 4, 5], [11]]
    fast = head.leave_out_scores(feats, labels, blocks)
    slow = super(RegionGaussianHead, head).leave_out_scores(feats, labels, blocks)
    torch.testing.assert_close(fast, slow, rtol=1e-4, atol=1e-4, equal_nan=True)
    assert fast.isnan().all(1).nonzero().flatten().tolist() == [2, 3, 6, 7, 8, 9, 10]


def test_typicality_is_that_of_a_refit(prior_file):
    feats, labels = few_shot(3, 4)
    head = RegionGaussianHead(prior_file).fit(feats, labels, 3)
    blocks = [[0], [1, 4, 5], [11]]
    found = head.leave_out_typicality(feats, labels, blocks)
    for block in blocks:
        rest = torch.ones(12, dtype=torch.bool)
        rest[block] = False
        expected = head.refitted(feats[rest], labels[rest]).typicality(feats[block], feats[rest])
        torch.testing.assert_close(found[block], expected, rtol=1e-8, atol=0)
    assert found.isnan().nonzero().flatten().tolist() == [2, 3, 6, 7, 8, 9, 10]


def test_typicality_by_hand(prior_file):
    feats, labels = few_shot(3, 4)
    queries = draw(5, 6, 16, seed=9)
    head = RegionGaussianHead(prior_file).fit(feats, labels, 3)
    alone = RegionGaussianHead().fit(feats, labels, 3)
    precision = torch.linalg.inv(alone.shrinkage.covariance(alone.statistics))
    views = torch.nn.functional.normalize(queries.double(), dim=-1).mean(1)
    for b in range(5):
        ways = views[b] - head.statistics.means
        expected = -min((way @ precision @ way).item() for way in ways)
        assert head.typicality(queries, feats)[b].item() == pytest.approx(expected, rel=1e-9)


def test_other_heads_are_refitted():
    feats, labels = few_shot(3, 3, spread=0.2)
    head = KNNHead().fit(feats, labels, 3)
    scores = head.leave_out_scores(feats, labels, [[i] for i in range(9)])
    rest = torch.arange(9) != 4
    alone = KNNHead().fit(feats[rest], labels[rest], 3).log_scores(feats[4:5])
    torch.testing.assert_close(scores[4:5], alone)


def test_one_that_trains_is_told():
    feats, labels = few_shot(3, 3)
    with pytest.raises(NotImplementedError, match='ZipAdapterFHead is trained after its fit'):
        ZipAdapterFHead().fit(feats, labels, 3).leave_out_scores(feats, labels, [[0]])
