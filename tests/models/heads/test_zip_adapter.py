"""Zip-Adapter against the published head's numbers, untrained and trained."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from head_battery import HeadBattery

from mmvrec.models.heads import ZipAdapterFHead, ZipAdapterHead
from mmvrec.models.heads.scores import normalized_entropy
from mmvrec.models.heads.zip_adapter import ZeroInitProjection, balanced_values
from mmvrec.registry import MODELS

BETAS = [32, 1]


class TestZipAdapter(HeadBattery):
    HEAD = dict(type='ZipAdapterHead')
    TRAINABLE = True


def close(value, expected, rtol=1e-4, atol=1e-5):
    torch.testing.assert_close(value, expected, rtol=rtol, atol=atol)


@pytest.fixture(scope='module')
def io(fixture_tensors):
    return fixture_tensors('head_io.npz')


def fitted(io, beta, merge_views='feature'):
    head = ZipAdapterHead(beta=float(beta), merge_views=merge_views)
    return head.fit(io['support'], io['support_labels'], 4)


@pytest.mark.parametrize('beta', BETAS)
@pytest.mark.parametrize(
    ('merge_views', 'expected'),
    [('feature', 'logits_embed'), ('logits', 'logits_mean'), ('entropy', 'fused_probs')],
)
def test_untrained_scores_are_the_published_ones(io, beta, merge_views, expected):
    scores = fitted(io, beta, merge_views)(io['queries'])
    close(scores, io[f'{expected}_b{beta}'])


@pytest.mark.parametrize('beta', BETAS)
def test_untrained_views_are_the_published_ones(io, beta):
    logits = fitted(io, beta).class_logits(io['queries'])
    close(logits, io[f'logits_views_b{beta}'])
    uncertainty = normalized_entropy(logits.softmax(-1))
    close(uncertainty, io[f'uncertainty_b{beta}'])
    certainty = 1 - uncertainty
    close(certainty / certainty.sum(1, keepdim=True), io[f'view_weights_b{beta}'])


@pytest.mark.parametrize('beta', BETAS)
def test_cross_entropy_of_support_views_is_the_published_one(io, beta):
    logits = fitted(io, beta).class_logits(io['support']).flatten(0, 1)
    loss = F.cross_entropy(logits, io['support_labels'].repeat_interleave(27))
    close(loss, io[f'ce_support_views_b{beta}'])


def train(head, io):
    """Twenty steps of AdamW on the cross entropy of all support views; what was logged."""
    targets = io['support_labels'].repeat_interleave(27)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-4, eps=1e-6, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=20, eta_min=1e-5)
    log = {name: [] for name in ('loss', 'lr', 'weight_norm', 'bias_norm', 'key_norm')}
    for _ in range(20):
        loss = F.cross_entropy(head.class_logits(io['support']).flatten(0, 1), targets)
        log['loss'].append(loss.item())
        log['lr'].append(schedule.get_last_lr()[0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        log['weight_norm'].append(head.projection.linear.weight.norm().item())
        log['bias_norm'].append(head.projection.linear.bias.norm().item())
        log['key_norm'].append(head.support_keys.norm().item())
    return log


@pytest.mark.parametrize('beta', BETAS)
def test_training_follows_the_published_one(io, beta):
    """Losses and norms of every step show that the graph of the head is the published one."""
    head = fitted(io, beta)
    log = train(head, io)
    for name, rtol in {
        'loss': 1e-4,
        'lr': 1e-6,
        'weight_norm': 1e-3,
        'bias_norm': 1e-3,
        'key_norm': 1e-5,
    }.items():
        expected = io[f'train_b{beta}_ce_{name}'].numpy()
        np.testing.assert_allclose(log[name], expected, rtol=rtol, err_msg=name)
    head.requires_grad_(False)
    for value, name in [
        (head.support_keys[0], 'final_key0'),
        (head.projection.linear.bias, 'final_bias'),
        (head.projection.linear.weight[0], 'final_weight_row0'),
    ]:
        close(value, io[f'train_b{beta}_ce_{name}'], rtol=0)
    logits = head(io['queries'])
    close(logits, io[f'train_b{beta}_ce_query_logits_embed'], rtol=1e-3, atol=1e-4)
    head.merge_views = 'entropy'
    fused = head(io['queries'])
    close(fused, io[f'train_b{beta}_ce_query_fused_probs'], rtol=1e-3, atol=1e-4)


# Without fixtures.


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_projection_is_the_identity_before_training_and_its_linear_layer_learns():
    projection, x = ZeroInitProjection(6), drawn(4, 6)
    assert torch.equal(projection(x), x)
    projection(x).square().sum().backward()
    assert projection.linear.weight.grad.abs().sum() > 0
    assert projection.linear.bias.grad.abs().sum() > 0


def test_projection_adds_the_silu_of_the_linear_layer():
    projection = ZeroInitProjection(2)
    with torch.no_grad():
        projection.linear.bias.copy_(torch.tensor([1.0, -2.0]))
    expected = [3 + 1 / (1 + math.exp(-1)), 4 - 2 / (1 + math.exp(2))]
    assert projection(torch.tensor([3.0, 4.0])).tolist() == pytest.approx(expected)


def test_logits_by_hand():
    """Cosines 1, 0.6 and 0 with keys of classes 0, 0 and 1, which weigh 3/4, 3/4 and 3/2."""
    support = torch.tensor([[[2.0, 0.0]], [[3.0, 4.0]], [[0.0, 5.0]]])
    head = ZipAdapterHead(beta=2.0, tau=0.5).fit(support, torch.tensor([0, 0, 1]), 2)
    logits = head(torch.tensor([[[7.0, 0.0]]]))
    expected = [0.75 * (1 + math.exp(-0.8)) / 0.5, 1.5 * math.exp(-2) / 0.5]
    assert logits[0].tolist() == pytest.approx(expected)


def test_keys_are_the_mean_of_raw_views():
    feats = drawn(3, 5, 4)
    head = ZipAdapterHead().fit(feats, torch.tensor([0, 1, 2]), 3)
    torch.testing.assert_close(head.support_keys.detach(), feats.mean(1))


def test_scale_of_the_features_does_not_matter():
    head = ZipAdapterHead().fit(drawn(4, 2, 8), torch.tensor([0, 1, 0, 1]), 2)
    scaled = ZipAdapterHead().fit(7 * drawn(4, 2, 8), torch.tensor([0, 1, 0, 1]), 2)
    queries = drawn(3, 2, 8, seed=1)
    torch.testing.assert_close(scaled(100 * queries), head(queries))


def test_order_of_the_support_does_not_matter():
    feats, labels, order = drawn(6, 2, 8), torch.tensor([0, 1, 2, 0, 1, 2]), [3, 5, 1, 0, 4, 2]
    head = ZipAdapterHead().fit(feats, labels, 3)
    shuffled = ZipAdapterHead().fit(feats[order], labels[order], 3)
    queries = drawn(3, 2, 8, seed=1)
    torch.testing.assert_close(shuffled(queries), head(queries))


def test_support_is_recognised():
    feats, labels = drawn(8, 3, 16), torch.arange(4).repeat(2)
    head = ZipAdapterHead().fit(feats, labels, 4)
    assert torch.equal(head.predict(feats).argmax(1), labels)


def test_state_dict_carries_the_support():
    head = ZipAdapterHead().fit(drawn(4, 2, 8), torch.tensor([0, 1, 0, 1]), 2)
    other = ZipAdapterHead()
    other.allocate(4, 2, 8)
    other.load_state_dict(head.state_dict(), strict=True)
    queries = drawn(3, 2, 8, seed=1)
    assert torch.equal(other(queries), head(queries))
    assert set(head.state_dict()) == {
        'projection.linear.weight',
        'projection.linear.bias',
        'support_keys',
        'support_values',
    }


def test_is_registered():
    head = MODELS.build(dict(type='ZipAdapterHead', beta=1.0))
    assert isinstance(head, ZipAdapterHead)
    assert (head.beta, head.tau, head.merge_views) == (1.0, 0.11, 'feature')


@pytest.mark.parametrize('name', ['beta', 'tau'])
@pytest.mark.parametrize('value', [0, -1.0, math.nan])
def test_bad_options(name, value):
    with pytest.raises(ValueError, match=f'{name} must be positive, got {value}'):
        ZipAdapterHead(**{name: value})


def test_classes_of_any_number_weigh_the_same():
    labels = torch.tensor([0, 0, 0, 1, 2, 2])
    values = balanced_values(labels, 3)
    torch.testing.assert_close(values.sum(0), torch.full((3,), 2.0))
    assert values[0].tolist() == pytest.approx([2 / 3, 0, 0])
    # With as many of each class they are the one-hot labels, exactly.
    assert balanced_values(torch.tensor([2, 0, 1, 0, 1, 2]), 3).tolist() == [
        [0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1],
    ]  # fmt: skip


@pytest.mark.parametrize('head', [ZipAdapterHead(beta=1.0), ZipAdapterFHead()])
def test_an_instance_that_is_enrolled_twice_changes_nothing(head):
    feats = torch.randn(3, 2, 8, generator=torch.Generator().manual_seed(0))
    rows = [0, 1, 2, 2, 2]
    once = head.fit(feats, torch.arange(3), 3).predict(feats)
    again = head.fit(feats[rows], torch.tensor(rows), 3).predict(feats)
    # The factor 5/3 of all logits is a temperature.
    logits = again.log() - once.log() * (5 / 3)
    torch.testing.assert_close(logits, logits.mean(1, keepdim=True).expand(3, 3))
