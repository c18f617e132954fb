"""Heads trained together are the heads trained alone."""

import pytest
import torch
from head_battery import centres_of, draw, few_shot

from mmvrec.benchmark.composition import compose
from mmvrec.fewshot.fitting import TrainingSettings, fit_head, fit_heads
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import FewShotHead
from mmvrec.models.heads.stack import HeadStack
from mmvrec.models.heads.zip_adapter_stack import ZipAdapterStack
from mmvrec.registry import MODELS
from mmvrec.structures import LabelSpace

ZIPAF = dict(type='ZipAdapterFHead')
KINDS = {
    'zipaf': (ZIPAF, ZipAdapterStack),
    'zipaf-ce': ({**ZIPAF, 'triplet_weight': 0.0}, ZipAdapterStack),
    'zipaf-normalized': ({**ZIPAF, 'triplet_distance': 'normalized'}, ZipAdapterStack),
    'zipaf-sharp': ({**ZIPAF, 'beta': 32.0, 'margin': 5.0}, ZipAdapterStack),
    'zipaf-keys': ({**ZIPAF, 'trainable': ('keys',)}, ZipAdapterStack),
    'zipaf-projection': ({**ZIPAF, 'trainable': ('projection',)}, ZipAdapterStack),
    'zipaf-views': ({**ZIPAF, 'view_indices': [4, 1]}, ZipAdapterStack),
    'clip-adapter': (dict(type='CLIPAdapterHead'), HeadStack),
    'tip-adapter-f': (dict(type='TipAdapterFHead'), HeadStack),
}
CLASSES = LabelSpace({'task': ['a', 'b', 'c']})


def supports(number=3, shots=2, spread=2.0, shuffle=True) -> list[SupportSet]:
    found = []
    for seed in range(number):
        feats, labels = few_shot(3, shots, seed=seed, spread=spread)
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(labels), generator=generator) if shuffle else slice(None)
        found.append(SupportSet(feats[order], labels[order], CLASSES, centres_of(3, seed=seed)))
    return found


def fitted(config, support, seed) -> FewShotHead:
    """A head away from its initial state, where no gradient happens to be zero."""
    head = MODELS.build(dict(config))
    head.fit(support.feats, support.labels, 3, support.text_feats)
    with torch.no_grad():
        for index, parameter in enumerate(head.parameters()):
            if parameter.requires_grad or 'ZipAdapter' in config['type']:
                parameter.add_(0.1 * draw(*parameter.shape, seed=10 * seed + index))
    return head


def stack_of(kind, sets):
    heads = [fitted(KINDS[kind][0], support, seed) for seed, support in enumerate(sets)]
    feats = torch.stack([s.feats for s in sets])
    labels = torch.stack([s.labels for s in sets])
    return heads, heads[0].stack_type(heads, feats, labels)


@pytest.mark.parametrize('kind', KINDS)
def test_losses_and_gradients_are_those_of_each_head(kind):
    sets = supports()
    heads, stack = stack_of(kind, sets)
    assert type(stack) is KINDS[kind][1]
    for _ in range(2):  # Gradients replace earlier ones.
        losses = stack.backward()
    assert losses.shape == (3,)
    stacked = dict(stack.head.named_parameters())
    for index, (head, support) in enumerate(zip(heads, sets, strict=True)):
        loss = sum(head.loss(support.feats, support.labels).values())
        loss.backward()
        torch.testing.assert_close(losses[index], loss.detach(), rtol=1e-5, atol=1e-6)
        for name, parameter in head.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad.abs().max() > 0
                ours = stacked[name].grad[index]
                torch.testing.assert_close(ours, parameter.grad, rtol=1e-4, atol=1e-6)
            else:
                assert stacked[name].grad is None


@pytest.mark.parametrize('kind', ['zipaf', 'zipaf-normalized'])
def test_gradient_where_two_views_coincide(kind):
    """At distance zero the triplet loss has no direction; autograd says zero."""
    (support,) = supports(1)
    feats = support.feats.clone()
    feats[:, :] = feats[:, :1]  # All views of an instance are one.
    support = SupportSet(feats, support.labels, CLASSES)
    heads, stack = stack_of(kind, [support])
    losses = stack.backward()
    sum(heads[0].loss(support.feats, support.labels).values()).backward()
    assert torch.isfinite(losses).all()
    torch.testing.assert_close(
        stack.head.support_keys.grad[0], heads[0].support_keys.grad, rtol=1e-4, atol=1e-6
    )


def test_hardest_pairs_by_brute_force():
    """Classes of different sizes, in any order of rows."""
    labels = torch.tensor([2, 0, 1, 1, 0, 1, 2, 1])
    feats = draw(8, 3, 5, seed=2)
    head = MODELS.build(dict(ZIPAF)).fit(feats, labels, 3)
    stack = ZipAdapterStack([head], feats[None], labels[None])
    order = labels.repeat_interleave(3).argsort(stable=True)
    rows, classes = feats.flatten(0, 1)[order], labels.repeat_interleave(3)[order]
    farthest, nearest = stack._hardest(rows, stack.bounds[0])
    distances = torch.cdist(rows, rows)
    same = classes[:, None] == classes
    assert torch.equal(farthest, distances.masked_fill(~same, -1).argmax(1))
    assert torch.equal(nearest, distances.masked_fill(same, torch.inf).argmin(1))


def settings(**optimizer) -> TrainingSettings:
    return TrainingSettings(
        {'optimizer': {'type': 'AdamW', 'lr': 1e-3, **optimizer}},
        25,
        [{'type': 'CosineAnnealingLR', 'T_max': 25, 'by_epoch': False}],
    )


def both_ways(kind, sets, how):
    config = KINDS[kind][0]
    together = fit_heads([MODELS.build(dict(config)) for _ in sets], sets, how)
    alone = [fit_head(MODELS.build(dict(config)), support, how) for support in sets]
    return zip(together, alone, sets, strict=True)


@pytest.mark.parametrize('kind', KINDS)
def test_trained_together_as_trained_alone(kind):
    for one, other, support in both_ways(kind, supports(spread=1.0), settings()):
        assert not one.training
        for name, value in other.state_dict().items():
            torch.testing.assert_close(one.state_dict()[name], value, rtol=1e-3, atol=2e-4)
        torch.testing.assert_close(one.predict(support.feats), other.predict(support.feats),
                                   rtol=1e-3, atol=1e-3)  # fmt: skip


@pytest.mark.parametrize(
    'optimizer',
    [{'type': 'SGD', 'momentum': 0.9}, {'type': 'RMSprop'}, {'foreach': True}],
    ids=str,
)
def test_other_optimizers(optimizer):
    for one, other, _ in both_ways('zipaf-ce', supports(), settings(**optimizer)):
        torch.testing.assert_close(one.support_keys, other.support_keys, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize(
    'optim_wrapper',
    [
        {'optimizer': {'type': 'AdamW', 'lr': 1e-3}, 'clip_grad': {'max_norm': 1e-3}},
        {'optimizer': {'type': 'ASGD', 'lr': 1e-3}},
    ],
    ids=str,
)
def test_optimizers_that_are_not_elementwise_train_one_by_one(optim_wrapper):
    how = TrainingSettings(optim_wrapper, 5)
    assert not how.elementwise
    for one, other, _ in both_ways('zipaf-ce', supports(), how):
        assert torch.equal(one.support_keys, other.support_keys)


def test_names_of_parameters_reach_the_optimizer():
    how = TrainingSettings(
        {
            'optimizer': {'type': 'AdamW', 'lr': 1e-3},
            'paramwise_cfg': {'custom_keys': {'projection': {'lr_mult': 0.0}}},
        },
        5,
    )
    for one, other, _ in both_ways('zipaf-ce', supports(), how):
        assert not one.projection.linear.weight.any()
        torch.testing.assert_close(one.support_keys, other.support_keys)
        assert one.support_keys.ne(0).any()


def test_heads_of_different_shapes_are_fitted_one_by_one():
    sets = [*supports(1, shots=2), *supports(1, shots=3)]
    for one, other, _ in both_ways('zipaf', sets, settings()):
        assert torch.equal(one.support_keys, other.support_keys)


def test_training_free_heads_are_fitted():
    sets = supports()
    heads = fit_heads([MODELS.build({'type': 'ProtoNetHead'}) for _ in sets], sets, settings())
    for head, support in zip(heads, sets, strict=True):
        alone = MODELS.build({'type': 'ProtoNetHead'}).fit(support.feats, support.labels, 3)
        assert torch.equal(head.prototypes, alone.prototypes)


def test_fast_schedule_learns_what_the_published_one_does():
    sets = supports(number=2)
    trained = []
    for name, iterations in {'zipaf': 500, 'zipaf-fast': 100}.items():
        (named,) = compose(heads=[name], datasets=['featurebank'])
        settings = TrainingSettings.from_config(named.config)
        assert settings.max_iters == iterations
        trained.append(fit_heads([MODELS.build(ZIPAF) for _ in sets], sets, settings))
    for whole, fast, support in zip(*trained, sets, strict=True):
        # Projection and keys begin with nothing learnt: at zero, and at the support.
        begin = MODELS.build(ZIPAF).fit(support.feats, support.labels, 3).state_dict()
        learnt, other = (
            torch.cat([(value - begin[key]).flatten() for key, value in head.state_dict().items()])
            for head in (whole, fast)
        )
        assert learnt.norm() > 0.1
        assert (other - learnt).norm() < 0.05 * learnt.norm()
