"""Kernel ridge regression against scikit-learn, and leave-one-out against refitting."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from head_battery import HeadBattery, draw, few_shot
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import cosine_similarity

from mmvrec.models.heads import KernelRidgeHead, ZipAdapterHead
from mmvrec.models.heads.kernel_ridge import ALPHAS, leave_one_out_residuals


class TestKernelRidge(HeadBattery):
    HEAD = dict(type='KernelRidgeHead')


class TestKernelRidgeWithChosenAlpha(HeadBattery):
    HEAD = dict(type='KernelRidgeHead', alpha=None)


def kernel(a, b, beta):
    return np.exp(-beta * (1 - cosine_similarity(a.mean(1).double(), b.mean(1).double())))


def reference(feats, labels, queries, beta, alpha):
    """Scores of scikit-learn's regression, (B, N)."""
    regression = KernelRidge(alpha=alpha, kernel='precomputed')
    regression.fit(kernel(feats, feats, beta), F.one_hot(labels))
    return torch.from_numpy(regression.predict(kernel(queries, feats, beta)))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    classes=st.integers(2, 5),
    shots=st.integers(1, 4),
    beta=st.floats(0.5, 40),
    alpha=st.floats(0.01, 10),
)
def test_scores_are_those_of_scikit_learn(seed, classes, shots, beta, alpha):
    feats, labels = few_shot(classes, shots, seed=seed, spread=2)
    queries = draw(10, 6, 16, seed=seed + 3)
    scores = KernelRidgeHead(beta, alpha).fit(feats, labels, classes)(queries)
    expected = reference(feats, labels, queries, beta, alpha)
    torch.testing.assert_close(scores, expected.float(), rtol=1e-3, atol=1e-4)


def brute_force(feats, labels, beta, alpha):
    """Residuals of every instance from a regression on the others."""
    rows = []
    for index in range(len(labels)):
        others = torch.arange(len(labels)) != index
        regression = KernelRidge(alpha=alpha, kernel='precomputed')
        targets = F.one_hot(labels).double()
        regression.fit(kernel(feats[others], feats[others], beta), targets[others])
        predicted = regression.predict(kernel(feats[index][None], feats[others], beta))
        rows.append(targets[index] - torch.from_numpy(predicted)[0])
    return torch.stack(rows)


@pytest.mark.parametrize('shots', [1, 3])
@pytest.mark.parametrize('alpha', [0.01, 1.0])
def test_leave_one_out_is_that_of_refitting(shots, alpha):
    feats, labels = few_shot(3, shots, spread=2)
    whole = torch.from_numpy(kernel(feats, feats, 4.0))
    residuals = leave_one_out_residuals(whole, F.one_hot(labels).double(), alpha)
    torch.testing.assert_close(residuals, brute_force(feats, labels, 4.0, alpha))


@pytest.mark.parametrize('spread', [0.1, 1, 2, 4, 8])
def test_chosen_alpha_has_the_least_leave_one_out_error(spread):
    (feats, labels), queries = few_shot(4, 3, spread=spread), draw(10, 6, 16, seed=9)
    errors = [brute_force(feats, labels, 4.0, alpha).square().sum() for alpha in ALPHAS]
    best = ALPHAS[int(np.argmin(errors))]
    chosen = KernelRidgeHead(4.0, alpha=None).fit(feats, labels, 4)
    fixed = KernelRidgeHead(4.0, alpha=best).fit(feats, labels, 4)
    assert torch.equal(chosen(queries), fixed(queries))


def test_wrong_labels_ask_for_a_larger_ridge():
    feats, labels = few_shot(2, 8)
    wrong = labels.clone()
    wrong[::3] = 1 - wrong[::3]
    errors = [
        [brute_force(feats, given, 4.0, alpha).square().sum() for alpha in ALPHAS]
        for given in (labels, wrong)
    ]
    assert np.argmin(errors[0]) < np.argmin(errors[1])


def test_large_ridge_is_the_zip_adapter():
    """With alpha I far above K the coefficients are the labels over alpha: a kernel smoother."""
    (feats, labels), queries = few_shot(3, 4), draw(10, 6, 16, seed=9)
    scores = 1e6 * KernelRidgeHead(4.0, alpha=1e6).fit(feats, labels, 3)(queries)
    adapter = ZipAdapterHead(beta=4.0, tau=1.0).fit(feats, labels, 3)
    torch.testing.assert_close(scores, adapter(queries).detach(), rtol=1e-3, atol=1e-6)


def test_small_ridge_interpolates_the_labels():
    feats, labels = few_shot(3, 4, spread=2)
    scores = KernelRidgeHead(32.0, alpha=1e-6).fit(feats, labels, 3)(feats)
    torch.testing.assert_close(scores, F.one_hot(labels).float(), rtol=0, atol=1e-3)


@pytest.mark.parametrize('value', [0, -1.0, math.nan])
def test_bad_options(value):
    with pytest.raises(ValueError, match=f'beta must be positive, got {value}'):
        KernelRidgeHead(beta=value)
    with pytest.raises(ValueError, match=f'alpha must be positive, or None .* got {value}'):
        KernelRidgeHead(alpha=value)
