"""LP++: its steps against the loss that they must lower, its end against a general optimizer."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from head_battery import TextHeadBattery, centres_of, draw, few_shot
from scipy.optimize import minimize

from mmvrec.models.heads import LPPlusPlusHead
from mmvrec.models.heads.lp_plus_plus import (
    blending_step,
    initial_solution,
    largest_curvature,
    weight_step,
)


class TestLPPlusPlus(TextHeadBattery):
    HEAD = dict(type='LPPlusPlusHead', iterations=50)


def problem(classes=3, rows=60, channels=4, seed=0):
    """Overlapping classes in few dimensions: the loss has a minimum."""
    labels = torch.arange(classes).repeat_interleave(rows // classes)
    views = F.normalize(draw(rows, channels, seed=seed).double(), dim=-1)
    texts = F.normalize(draw(classes, channels, seed=seed + 1).double(), dim=-1)
    return views, views @ texts.T, F.one_hot(labels, classes).double(), texts


def loss(views, similarity, targets, weight, blending) -> float:
    logits = views @ weight.T + blending * similarity
    return -(targets * logits.log_softmax(1)).sum(1).mean().item()


@pytest.mark.parametrize('seed', range(4))
def test_no_step_raises_the_loss(seed):
    views, similarity, targets, _ = problem(seed=seed)
    weight, blending = initial_solution(views, similarity, targets)
    values = [loss(views, similarity, targets, weight, blending)]
    for step in range(40):
        if step % 4 == 3:
            blending = blending_step(views, similarity, targets, weight, blending)
        else:
            curvature = largest_curvature(views)
            weight = weight_step(views, similarity, targets, weight, blending, curvature)
        values.append(loss(views, similarity, targets, weight, blending))
    assert (np.diff(values) <= 1e-12).all()
    assert values[-1] < values[0] - 0.01


def test_steps_are_majorise_minimise_steps():
    """Gradient of the mean loss over its curvature's bound, from autograd."""
    views, similarity, targets, _ = problem()
    weight, blending = (x.requires_grad_() for x in initial_solution(views, similarity, targets))
    logits = views @ weight.T + blending * similarity
    mean = -(targets * logits.log_softmax(1)).sum(1).mean()
    in_weight, in_blending = torch.autograd.grad(mean, (weight, blending))
    rows = len(views)
    curvature = torch.linalg.eigvalsh(views.T @ views).max() / (2 * rows)
    torch.testing.assert_close(
        weight_step(views, similarity, targets, weight, blending, largest_curvature(views)),
        weight - in_weight / curvature,
    )
    curvature = (similarity**2).sum(0).max() / (2 * rows)
    torch.testing.assert_close(
        blending_step(views, similarity, targets, weight, blending),
        blending - in_blending / curvature,
    )


def test_it_goes_to_the_minimum():
    views, similarity, targets, texts = problem()
    feats, labels = views[:, None].float(), targets.argmax(1)

    def objective(x):
        weight, blending = torch.tensor(x[:12]).view(3, 4), torch.tensor(x[12:])
        return loss(views, similarity, targets, weight, blending)

    least = minimize(objective, np.zeros(15), method='BFGS', options={'gtol': 1e-7}).fun
    head = LPPlusPlusHead(iterations=20000).fit(feats, labels, 3, texts.float())
    reached = F.cross_entropy(head.class_logits(views.float()), labels).item()
    assert reached == pytest.approx(least, abs=2e-4)


def test_initial_solution_by_loops():
    views, similarity, targets, texts = problem()
    weight, blending = initial_solution(views, similarity, targets)
    own = []
    for label in range(3):
        members = views[targets[:, label] == 1]
        torch.testing.assert_close(weight[label], members.mean(0))
        own.append((members @ texts[label]).mean())
    torch.testing.assert_close(blending, torch.full((3,), 250 * sum(own) / 3).double())


def test_logits_blend_weight_and_text():
    queries, texts = draw(5, 6, 16, seed=9), centres_of(3)
    head = LPPlusPlusHead(iterations=10).fit(*few_shot(3, 2), 3, texts)
    x, t = F.normalize(queries.mean(1), dim=-1), F.normalize(texts, dim=-1)
    expected = torch.stack(
        [x @ (head.weight[k] + head.blending[k] * t[k]) for k in range(3)], dim=1
    )
    torch.testing.assert_close(head(queries), expected)


@pytest.mark.parametrize('name', ['iterations', 'steps_per_blending'])
def test_bad_options(name):
    with pytest.raises(ValueError, match=f'{name} must be at least 1, got 0'):
        LPPlusPlusHead(**{name: 0})
