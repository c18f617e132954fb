"""Zip-Adapter-F against the published training, step by step."""

import pytest
import torch
from head_battery import HeadBattery

from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import ZipAdapterFHead
from mmvrec.structures import LabelSpace

SETTINGS = TrainingSettings(
    optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 1e-4, 'eps': 1e-6, 'weight_decay': 0.01}},
    max_iters=20,
    param_scheduler=[
        {'type': 'CosineAnnealingLR', 'T_max': 20, 'eta_min': 1e-5, 'by_epoch': False}
    ],
)
RUNS = [(beta, loss) for beta in (32, 1) for loss in ('ce', 'ce_trip4')]


class TestZipAdapterF(HeadBattery):
    HEAD = dict(type='ZipAdapterFHead')
    TRAINABLE = True


@pytest.fixture(scope='module')
def io(fixture_tensors):
    return fixture_tensors('head_io.npz')


def support_of(io) -> SupportSet:
    classes = LabelSpace({'task': ['a', 'b', 'c', 'd']})
    return SupportSet(io['support'], io['support_labels'], classes)


class Recorded(ZipAdapterFHead):
    """Notes what the fixtures note: losses before each step, norms after it."""

    def loss(self, feats, labels):
        losses = super().loss(feats, labels)
        self.steps.append({name: value.item() for name, value in losses.items()})
        self.norms.append(self.norm())
        return losses

    def norm(self):
        linear = self.projection.linear
        return [p.norm().item() for p in (linear.weight, linear.bias, self.support_keys)]


def trained(io, beta, triplet_weight, merge_views='feature'):
    head = Recorded(beta=float(beta), triplet_weight=triplet_weight, merge_views=merge_views)
    head.steps, head.norms = [], []
    fit_head(head, support_of(io), SETTINGS)
    head.norms = [*head.norms[1:], head.norm()]
    return head


@pytest.mark.parametrize(('beta', 'loss'), RUNS)
def test_every_step_is_the_published_one(io, beta, loss):
    head = trained(io, beta, 4.0 if loss == 'ce_trip4' else 0.0)
    run = f'train_b{beta}_{loss}'
    assert len(head.steps) == 20
    total = [sum(step.values()) for step in head.steps]
    assert total == pytest.approx(io[f'{run}_loss'].tolist(), rel=1e-4)
    cross_entropy = [step['loss_ce'] for step in head.steps]
    assert cross_entropy == pytest.approx(io[f'{run}_ce'].tolist(), rel=1e-4)
    if loss == 'ce_trip4':
        triplet = [step['loss_triplet'] / 4 for step in head.steps]
        assert triplet == pytest.approx(io[f'{run}_triplet'].tolist(), rel=1e-4)
    weight, bias, key = (list(values) for values in zip(*head.norms, strict=True))
    assert weight == pytest.approx(io[f'{run}_weight_norm'].tolist(), rel=1e-3)
    assert bias == pytest.approx(io[f'{run}_bias_norm'].tolist(), rel=1e-3)
    assert key == pytest.approx(io[f'{run}_key_norm'].tolist(), rel=1e-5)


@pytest.mark.parametrize(('beta', 'loss'), RUNS)
def test_trained_head_is_the_published_one(io, beta, loss):
    weight = 4.0 if loss == 'ce_trip4' else 0.0
    head = trained(io, beta, weight)
    run = f'train_b{beta}_{loss}'
    final = {
        'final_bias': head.projection.linear.bias,
        'final_weight_row0': head.projection.linear.weight[0],
        'final_key0': head.support_keys[0],
    }
    for name, value in final.items():
        torch.testing.assert_close(value.detach(), io[f'{run}_{name}'], rtol=0, atol=1e-5)
    with torch.no_grad():
        logits = head(io['queries'])
        fused = trained(io, beta, weight, 'entropy')(io['queries'])
    torch.testing.assert_close(logits, io[f'{run}_query_logits_embed'], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(fused, io[f'{run}_query_fused_probs'], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ('trainable', 'moved'),
    [(('keys',), (True, False)), (('projection',), (False, True)), (None, (True, True))],
)
def test_only_what_is_trainable_moves(io, trainable, moved):
    head = ZipAdapterFHead(**({} if trainable is None else {'trainable': trainable}))
    fit_head(head, support_of(io), SETTINGS)
    keys_moved = not torch.equal(head.support_keys, io['support'].mean(1))
    projection_moved = bool(head.projection.linear.weight.any())
    assert (keys_moved, projection_moved) == moved


def test_fitting_again_starts_anew(io):
    head = ZipAdapterFHead()
    arguments = (support_of(io), SETTINGS)
    first = {k: v.clone() for k, v in fit_head(head, *arguments).state_dict().items()}
    second = fit_head(head, *arguments).state_dict()
    assert all(torch.equal(second[name], value) for name, value in first.items())


def test_no_training_is_the_training_free_head(io):
    head = ZipAdapterFHead(beta=32.0)
    head.fit(io['support'], io['support_labels'], 4)
    torch.testing.assert_close(head(io['queries']), io['logits_embed_b32'], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        ({'triplet_weight': -1.0}, 'triplet_weight must be at least 0, got -1.0'),
        ({'triplet_distance': 'cosine'}, "triplet_distance must be one of .* got 'cosine'"),
        ({'trainable': ()}, r'trainable must name some of .* got \(\)'),
        ({'trainable': ('keys', 'values')}, 'trainable must name some of'),
        ({'beta': 0.0}, 'beta must be positive'),
    ],
)
def test_bad_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        ZipAdapterFHead(**kwargs)


def test_scheduler_by_epoch_is_refused():
    with pytest.raises(ValueError, match=r"\['CosineAnnealingLR'\] must have by_epoch=False"):
        TrainingSettings({}, 5, [{'type': 'CosineAnnealingLR', 'T_max': 5}])
