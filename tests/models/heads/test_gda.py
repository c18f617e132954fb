"""Gaussian discriminant analysis against numpy, scikit-learn and the posterior itself."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from head_battery import HeadBattery, draw, few_shot
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mmvrec.models.heads import GDAHead, ProtoNetHead
from mmvrec.models.heads.gda import discriminant, shrunk_precision


class TestGDA(HeadBattery):
    HEAD = dict(type='GDAHead')


class TestGDAOfScales(HeadBattery):
    HEAD = dict(type='GDAHead', groups=3)


def published(feats, labels, classes):
    """Precision, weight (N, C) and bias (N,) written as in the paper, by numpy."""
    means = np.stack([feats[labels == label].mean(0) for label in range(classes)])
    residuals = feats - means[labels]
    covariance = np.cov(residuals.T)
    samples, channels = feats.shape
    inverse = np.linalg.pinv(
        (samples - 1) * covariance + np.trace(covariance) * np.eye(channels), hermitian=True
    )
    precision = channels * inverse
    prior = np.bincount(labels) / samples
    quadratic = np.einsum('nc,cd,nd->n', means, precision, means)
    return precision, means @ precision, np.log(prior) - quadratic / 2


def unit_views(feats, labels):
    return F.normalize(feats, dim=-1).flatten(0, 1).double().numpy(), np.repeat(labels.numpy(), 6)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    classes=st.integers(2, 5),
    shots=st.integers(1, 4),
    channels=st.sampled_from([4, 16, 64]),
)
def test_scores_are_the_published_ones(seed, classes, shots, channels):
    feats, labels = few_shot(classes, shots, channels=channels, seed=seed)
    queries = draw(10, 6, channels, seed=seed + 3)
    _, weight, bias = published(*unit_views(feats, labels), classes)
    expected = F.normalize(queries.mean(1), dim=-1).double().numpy() @ weight.T + bias
    logits = GDAHead().fit(feats, labels, classes)(queries)
    torch.testing.assert_close(logits, torch.from_numpy(expected).float(), rtol=1e-4, atol=1e-3)


def test_prior_is_the_share_of_the_support():
    feats, labels = few_shot(3, 4)
    chosen = [0, 1, 2, 3, 4, 5, 8]
    _, weight, bias = published(*unit_views(feats[chosen], labels[chosen]), 3)
    head = GDAHead().fit(feats[chosen], labels[chosen], 3)
    np.testing.assert_allclose(head.bias[0], bias, rtol=1e-5)
    np.testing.assert_allclose(head.weight[0], weight, rtol=1e-4, atol=1e-5)


def test_softmax_is_the_posterior_of_the_gaussians():
    """Bayes' rule written out with scipy's density and the precision's inverse."""
    x = few_shot(3, 5, channels=4)[0].flatten(0, 1).double()
    y = torch.arange(3).repeat_interleave(20).roll(5)[torch.arange(90) % 60]
    weight, bias = discriminant(x, y, 3, 1.0)
    means = torch.stack([x[y == label].mean(0) for label in range(3)])
    covariance = np.linalg.inv(shrunk_precision(x - means[y], 1.0))
    density = np.stack(
        [multivariate_normal(mean, covariance).logpdf(x) for mean in means.numpy()], axis=1
    )
    joint = torch.from_numpy(density) + (y.bincount() / len(y)).log()
    torch.testing.assert_close((x @ weight.T + bias).softmax(-1), joint.softmax(-1))


def test_without_shrinkage_boundaries_are_those_of_linear_discriminant_analysis():
    """Precisions differ by a factor only, so with equal priors both decide alike."""
    feats, labels = few_shot(3, 20, channels=4, spread=3)
    x, y = feats.flatten(0, 1).double(), labels.repeat_interleave(6)
    weight, bias = discriminant(x, y, 3, 1e-9)
    reference = LinearDiscriminantAnalysis(solver='lsqr').fit(x, y)
    scores = x @ weight.T + bias
    assert torch.equal(scores.argmax(1), torch.from_numpy(reference.predict(x)))
    ratio = (weight[1:] - weight[0]) / (reference.coef_[1:] - reference.coef_[0])
    torch.testing.assert_close(ratio, ratio[0, 0].expand_as(ratio))


@pytest.mark.parametrize('shrinkage', [0.1, 1.0, 10.0])
def test_precision_by_hand(shrinkage):
    """Scatter diag(2, 8) of 4 samples: the ridge is the trace over 3."""
    residuals = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]]).double()
    ridge = shrinkage * 10 / 3
    expected = torch.tensor([2 / (2 + ridge), 2 / (8 + ridge)]).double().diag()
    torch.testing.assert_close(shrunk_precision(residuals, shrinkage), expected)


@pytest.mark.parametrize('views', [1, 3, 7])
def test_without_scatter_it_is_the_nearest_class_mean(views):
    """Also where equal views differ from their mean by rounding: no logit explodes."""
    feats, labels = few_shot(4, 1, views=1)
    queries = draw(30, 1, 16, seed=9)
    head = GDAHead().fit(feats.expand(-1, views, -1), labels, 4)
    cosines = ProtoNetHead(temperature=1.0).fit(feats, labels, 4)(queries)
    torch.testing.assert_close(head(queries), cosines - 0.5 - math.log(4))


# Groups.


def separate_heads(feats, labels, queries):
    """Logits of three heads, each of a third of the views, (3, B, N)."""
    parts = zip(feats.chunk(3, 1), queries.chunk(3, 1), strict=True)
    return torch.stack([GDAHead().fit(f, labels, 3)(q) for f, q in parts])


def test_groups_are_separate_analyses_of_consecutive_views():
    (feats, labels), queries = few_shot(3, 4, views=9), draw(10, 9, 16, seed=9)
    scores = GDAHead(groups=3).fit(feats, labels, 3)(queries)
    torch.testing.assert_close(scores, separate_heads(feats, labels, queries).mean(0))


@pytest.mark.parametrize('merge_views', ['logits', 'entropy'])
def test_views_are_judged_by_their_group(merge_views):
    """One view per group: the views' logits are the separate heads'."""
    (feats, labels), queries = few_shot(3, 4, views=3), draw(10, 3, 16, seed=9)
    logits = separate_heads(feats, labels, queries)
    scores = GDAHead(groups=3, merge_views=merge_views).fit(feats, labels, 3)(queries)
    if merge_views == 'logits':
        torch.testing.assert_close(scores, logits.mean(0))
    else:
        assert (scores <= logits.softmax(-1).amax(0) + 1e-6).all()
        assert (scores >= logits.softmax(-1).amin(0) - 1e-6).all()


@pytest.mark.parametrize('merge_views', ['feature', 'logits', 'entropy'])
def test_one_group_merges_as_the_base_class(merge_views):
    head, queries = GDAHead(merge_views=merge_views).fit(*few_shot(3, 4), 3), draw(10, 6, 16)
    torch.testing.assert_close(head(queries), super(GDAHead, head).forward(queries))


def test_views_that_cannot_be_grouped():
    feats, labels = few_shot(3, 4, views=4)
    message = '4 views cannot be split in 3 equal groups; set model.head.groups'
    with pytest.raises(ValueError, match=message):
        GDAHead(groups=3).fit(feats, labels, 3)
    head = GDAHead(groups=3).fit(*few_shot(3, 4), 3)
    with pytest.raises(ValueError, match=message):
        head(feats)


@pytest.mark.parametrize('shrinkage', [0, -1.0, math.nan])
def test_bad_shrinkage(shrinkage):
    with pytest.raises(ValueError, match=f'shrinkage must be positive, got {shrinkage}'):
        GDAHead(shrinkage)


@pytest.mark.parametrize('groups', [0, -3])
def test_bad_groups(groups):
    with pytest.raises(ValueError, match=f'groups must be at least 1, got {groups}'):
        GDAHead(groups=groups)
