"""The linear probe against scikit-learn, and against the optimum's own equation."""

import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from head_battery import HeadBattery, draw, few_shot
from sklearn.linear_model import LogisticRegression

from mmvrec.models.heads import LinearProbeHead


class TestLinearProbe(HeadBattery):
    HEAD = dict(type='LinearProbeHead')


class TestLinearProbeOnViews(HeadBattery):
    HEAD = dict(type='LinearProbeHead', views='all')


def samples(feats, labels, views):
    if views == 'mean':
        return F.normalize(feats.mean(1), dim=-1).double(), labels
    return F.normalize(feats.flatten(0, 1), dim=-1).double(), labels.repeat_interleave(6)


@pytest.mark.parametrize('views', ['mean', 'all'])
@pytest.mark.parametrize('C', [0.1, 31.6])
@pytest.mark.parametrize(('classes', 'shots'), [(2, 1), (2, 5), (3, 1), (6, 4)])
def test_scores_are_those_of_scikit_learn(classes, shots, C, views):
    (feats, labels), queries = few_shot(classes, shots, spread=4), draw(10, 6, 16, seed=9)
    reference = LogisticRegression(C=C, tol=1e-6, max_iter=1000)
    reference.fit(*samples(feats, labels, views))
    queries_of_one = F.normalize(queries.mean(1), dim=-1)
    head = LinearProbeHead(C, views).fit(feats, labels, classes)
    decision = torch.from_numpy(reference.decision_function(queries_of_one)).float()
    logits = head(queries)
    scores = logits[:, 1] - logits[:, 0] if classes == 2 else logits
    torch.testing.assert_close(scores, decision, rtol=1e-4, atol=1e-5)
    probabilities = torch.from_numpy(reference.predict_proba(queries_of_one)).float()
    torch.testing.assert_close(head.predict(queries), probabilities, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('views', ['mean', 'all'])
@pytest.mark.parametrize('C', [0.1, 31.6])
def test_fit_reaches_the_optimum(C, views):
    """Where ``C sum (p - y) x' + w = 0``, the gradient of the penalised likelihood."""
    feats, labels = few_shot(4, 3, spread=4)
    head = LinearProbeHead(C, views).fit(feats, labels, 4)
    x, y = samples(feats, labels, views)
    errors = (x @ head.weight.T.double() + head.bias).softmax(-1) - F.one_hot(y, 4)
    gradient = C * errors.T @ x + head.weight
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=2e-3)
    torch.testing.assert_close(errors.sum(0), torch.zeros(4).double(), rtol=0, atol=2e-3)


@pytest.mark.parametrize('views', ['mean', 'all'])
def test_two_fits_are_equal_to_the_bit(views):
    first, second = (LinearProbeHead(views=views).fit(*few_shot(3, 4), 3) for _ in range(2))
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.bias, second.bias)


def test_scikit_learn_is_imported_when_it_is_needed():
    code = 'import mmvrec.models, sys; print("sklearn" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == 'False'


@pytest.mark.parametrize('C', [0, -1.0, math.nan])
def test_bad_penalty(C):
    with pytest.raises(ValueError, match=f'C must be positive, got {C}'):
        LinearProbeHead(C)


def test_bad_views():
    with pytest.raises(ValueError, match=r"views must be one of \('mean', 'all'\), got 'every'"):
        LinearProbeHead(views='every')
