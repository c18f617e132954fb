"""The Gaussian head with a covariance prior: against numpy, GDA, refits and the equations."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from head_battery import HeadBattery, draw, few_shot
from scipy.stats import multivariate_normal

from mmvrec.models.heads import GDAHead, RegionGaussianHead
from mmvrec.models.heads.covariance_prior import RIDGE, CovariancePrior, load_prior
from mmvrec.models.heads.gaussian_statistics import GaussianStatistics
from mmvrec.models.heads.gda import shrunk_precision


def covariance(channels=16, seed=7) -> torch.Tensor:
    root = draw(channels, channels, seed=seed).double()
    return 0.01 * (root @ root.T + torch.eye(channels))


@pytest.fixture(scope='session')
def prior_file(tmp_path_factory):
    """A prior for 16 channels."""
    path = tmp_path_factory.mktemp('prior') / 'made.safetensors'
    CovariancePrior(covariance(), 'ab' * 32, 'weights of a test', 'nothing').save(path)
    return str(path)


class TestRegionGaussian(HeadBattery):
    HEAD = dict(type='RegionGaussianHead')


class TestRegionGaussianWithPrior(HeadBattery):
    HEAD = dict(type='RegionGaussianHead')

    @pytest.fixture(autouse=True)
    def _with_prior(self, prior_file):
        self.prior_file = prior_file

    def build(self, **options):
        return super().build(prior=self.prior_file, **options)

    def test_nothing_remains_of_an_earlier_support(self):
        """Of as many channels: the prior has its own."""
        head, queries = self.fitted(classes=5, shots=2), draw(8, 6, 16, seed=9)
        self.fit(*few_shot(3, 4), 3, head=head)
        assert torch.equal(head(queries), self.fitted()(queries))


def by_hand(feats, labels, classes, prior, weight):
    """Sigma, the moved means, weights and biases from the equations, by numpy."""
    views = F.normalize(feats.double(), dim=-1).flatten(0, 1).numpy()
    instances = np.bincount(labels.numpy())[:, None]
    labels = np.repeat(labels.numpy(), feats.shape[1])
    means = np.stack([views[labels == k].mean(0) for k in range(classes)])
    residuals = views - means[labels]
    scatter = residuals.T @ residuals
    samples, channels = views.shape
    tau = np.trace(scatter) / (samples - classes)
    target = weight * prior / np.trace(prior) + (1 - weight) * np.eye(channels) / channels
    own = (samples - 1) / (channels + samples - 1)
    sigma = tau * (own * scatter / np.trace(scatter) + (1 - own) * target)
    centre = means.mean(0)
    squares = ((means - centre) @ np.linalg.inv(sigma) * (means - centre)).sum(1, keepdims=True)
    wanted = (instances * squares + squares.mean()) / (instances + 1)
    moved = centre + np.sqrt(wanted / squares) * (means - centre)
    weights = (moved - centre) @ np.linalg.inv(sigma)
    return sigma, moved, weights, -weights @ centre - wanted[:, 0] / 2


@pytest.mark.parametrize(('prior_weight', 'shots'), [(0.1, 5), (0.3, 1), (0.8, 5), (1.0, 2)])
def test_logits_are_those_of_the_equations(prior_file, prior_weight, shots):
    feats, labels = few_shot(3, shots)
    queries = draw(10, 6, 16, seed=9)
    prior = load_prior(prior_file).covariance.numpy()
    _, _, weights, bias = by_hand(feats, labels, 3, prior, prior_weight)
    views = F.normalize(queries.double(), dim=-1).numpy()
    expected = (views @ weights.T + bias).mean(1)
    head = RegionGaussianHead(prior_file, prior_weight).fit(feats, labels, 3)
    np.testing.assert_allclose(head.log_scores(queries), expected, rtol=1e-4, atol=1e-4)


def test_softmax_of_a_view_is_the_posterior_of_equally_likely_gaussians(prior_file):
    feats, labels = few_shot(3, 5)
    chosen = [0, 1, 2, 3, 4, 5, 10]  # five, one and one instances: classes stay equally likely
    prior = load_prior(prior_file).covariance.numpy()
    sigma, means, _, _ = by_hand(feats[chosen], labels[chosen], 3, prior, 0.8)
    view = F.normalize(draw(1, 1, 16, seed=9).double(), dim=-1)
    density = [multivariate_normal(mean, sigma).logpdf(view[0, 0]) for mean in means]
    head = RegionGaussianHead(prior_file).fit(feats[chosen], labels[chosen], 3)
    expected = torch.tensor(density).softmax(0)
    torch.testing.assert_close(head.log_scores(view)[0].softmax(0), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(('shots', 'views'), [(1, 6), (4, 6), (2, 1)])
def test_without_prior_the_covariance_is_that_of_gda(shots, views):
    """Up to a factor: its precision is times channels."""
    feats, labels = few_shot(3, shots, views=views)
    head = RegionGaussianHead().fit(feats, labels, 3)
    rows = F.normalize(feats.double(), dim=-1).flatten(0, 1)
    residuals = rows - head.statistics.means[labels.repeat_interleave(views)]
    product = head.shrinkage.covariance(head.statistics) @ shrunk_precision(residuals, 1.0)
    torch.testing.assert_close(product / product[0, 0], torch.eye(16, dtype=torch.float64))


def test_many_instances_decide_as_gda():
    feats, labels = few_shot(3, 200)
    queries = draw(50, 6, 16, seed=9)
    head = RegionGaussianHead().fit(feats, labels, 3)
    gda = GDAHead(merge_views='logits').fit(feats, labels, 3)
    assert torch.equal(head(queries).argmax(1), gda(queries).argmax(1))


def test_at_one_shot_classes_are_drawn_half_way_to_the_common_distance():
    """Three directions in a plane, of which the last is far from the others; Sigma is 1."""
    angles = torch.tensor([0.0, 0.2, 1.5])
    feats = torch.stack([angles.cos(), angles.sin()], 1)[:, None]
    head = RegionGaussianHead().fit(feats, torch.arange(3), 3)
    squares = (feats[:, 0] - feats[:, 0].mean(0)).square().sum(1)
    torch.testing.assert_close(head.weight.square().sum(1), (squares + squares.mean()) / 2)


def test_classes_that_are_all_alike_are_equally_likely():
    head = RegionGaussianHead().fit(torch.ones(2, 1, 4), torch.arange(2), 2)
    assert torch.equal(head.log_scores(torch.randn(3, 1, 4)), torch.zeros(3, 2))


def test_one_shot_and_one_view_leave_the_prior_alone(prior_file):
    feats, labels = few_shot(4, 1, views=1)
    head = RegionGaussianHead(prior_file, 1.0).fit(feats, labels, 4)
    found, prior = head.shrinkage.covariance(head.statistics), load_prior(prior_file).covariance
    torch.testing.assert_close(found, 16 * prior / prior.trace())


def test_any_scale_of_the_prior_gives_the_same_covariance(prior_file, tmp_path):
    scaled = CovariancePrior(9 * covariance(), 'ab' * 32, 'the same', 'nothing')
    scaled.save(tmp_path / 'scaled.safetensors')
    feats, labels = few_shot(3, 4)
    one = RegionGaussianHead(prior_file).fit(feats, labels, 3)
    other = RegionGaussianHead(str(tmp_path / 'scaled.safetensors')).fit(feats, labels, 3)
    torch.testing.assert_close(one.weight, other.weight, rtol=1e-5, atol=1e-6)


# Growing and shrinking.


def same_head(head, other):
    torch.testing.assert_close(head.weight, other.weight, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(head.bias, other.bias, rtol=1e-6, atol=1e-6)
    assert head.statistics.num_views == other.statistics.num_views


@pytest.mark.parametrize('with_prior', [False, True])
def test_instances_added_are_as_if_they_had_been_there(prior_file, with_prior):
    prior = prior_file if with_prior else None
    feats, labels = few_shot(4, 3)
    first = labels < 3
    first[0] = False  # one more of a known class, and a new class
    head = RegionGaussianHead(prior).fit(feats[first], labels[first], 3)
    head.add(feats[~first], labels[~first], 4)
    same_head(head, RegionGaussianHead(prior).fit(feats, labels, 4))


@pytest.mark.parametrize('with_prior', [False, True])
def test_instances_removed_are_as_if_they_had_never_been_there(prior_file, with_prior):
    prior = prior_file if with_prior else None
    feats, labels = few_shot(4, 3)
    gone = labels == 1
    gone[0] = True
    head = RegionGaussianHead(prior).fit(feats, labels, 4).remove(feats[gone], labels[gone])
    left = labels[~gone]
    same_head(head, RegionGaussianHead(prior).fit(feats[~gone], left - (left > 1).long(), 3))


def test_a_thousand_changes_leave_no_drift(prior_file):
    feats, labels = few_shot(3, 4)
    head = RegionGaussianHead(prior_file).fit(feats, labels, 3)
    gram = head.statistics.gram.clone()
    more = GaussianStatistics.of(*few_shot(3, 1, seed=5), 3)
    statistics = head.statistics
    for _ in range(1000):
        statistics = statistics.plus(more).minus(more)
    torch.testing.assert_close(statistics.gram, gram, rtol=0, atol=1e-10)


def test_changes_that_cannot_be():
    feats, labels = few_shot(3, 2)
    head = RegionGaussianHead().fit(feats, labels, 3)
    with pytest.raises(ValueError, match='class 1 has 12 views, of which 18 cannot be removed'):
        head.remove(feats[[2, 3, 3]], torch.tensor([1, 1, 1]))
    with pytest.raises(ValueError, match=r'classes \[3\] of 5 have no support instance'):
        head.add(feats[:1], torch.tensor([4]), 5)
    with pytest.raises(ValueError, match='labels must be 0 to 2'):
        head.add(feats[:1], torch.tensor([3]), 3)
    loaded = RegionGaussianHead()
    loaded.allocate(6, 3, 16)
    loaded.load_state_dict(head.state_dict())
    with pytest.raises(ValueError, match='no statistics of its support set'):
        loaded.add(feats[:1], torch.tensor([0]), 3)


@pytest.mark.parametrize('weight', [0, -0.1, 1.1, math.nan])
def test_bad_prior_weight(weight):
    with pytest.raises(
        ValueError, match=f'prior_weight must be above 0 and at most 1, got {weight}'
    ):
        RegionGaussianHead(prior_weight=weight)


def test_prior_of_other_channels(prior_file):
    with pytest.raises(ValueError, match='is for 16 channels, the features have 8'):
        RegionGaussianHead(prior_file).fit(*few_shot(3, 2, channels=8), 3)


def test_ridge_keeps_the_trace_but_for_its_own_share(prior_file):
    assert load_prior(prior_file).trace == pytest.approx(
        (1 + RIDGE) * float(covariance().trace()), rel=1e-9
    )
