"""CLIP-Adapter."""

import pytest
import torch
import torch.nn.functional as F
from head_battery import TextHeadBattery, centres_of, draw, few_shot

from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import CLIPAdapterHead, ZeroShotHead
from mmvrec.structures import LabelSpace


class TestCLIPAdapter(TextHeadBattery):
    HEAD = dict(type='CLIPAdapterHead')
    TRAINABLE = True


def test_equation():
    queries, texts = draw(4, 6, 16, seed=9), centres_of(3)
    head = CLIPAdapterHead(ratio=0.4, reduction=2).fit(*few_shot(3, 2), 3, texts)
    assert head.down.weight.shape == (8, 16)
    x = queries.mean(1)
    hidden = (x @ head.down.weight.T).clamp(min=0)
    mixed = 0.4 * (hidden @ head.up.weight.T).clamp(min=0) + 0.6 * x
    expected = 100 * F.normalize(mixed, dim=-1) @ F.normalize(texts, dim=-1).T
    torch.testing.assert_close(head(queries), expected)


def test_without_adapter_it_is_zero_shot():
    feats, labels = few_shot(3, 2)
    queries, texts = draw(4, 6, 16, seed=9), centres_of(3)
    adapted = CLIPAdapterHead(ratio=0.0).fit(feats, labels, 3, texts)(queries)
    torch.testing.assert_close(adapted, ZeroShotHead().fit(feats, labels, 3, texts)(queries))


def test_initial_weights_depend_on_their_seed_alone():
    def weights(seed):
        head = CLIPAdapterHead(init_seed=seed).fit(*few_shot(3, 2), 3, centres_of(3))
        return head.down.weight.detach()

    torch.manual_seed(1)
    first = weights(0)
    torch.manual_seed(2)
    assert torch.equal(weights(0), first)
    assert not torch.equal(weights(1), first)


def test_training_lowers_the_loss():
    feats, labels = few_shot(3, 4)
    support = SupportSet(feats, labels, LabelSpace({'t': ['a', 'b', 'c']}), draw(3, 16, seed=3))
    settings = TrainingSettings({'optimizer': {'type': 'AdamW', 'lr': 1e-2}}, 30)
    head = CLIPAdapterHead().fit(feats, labels, 3, support.text_feats)
    before = head.loss(feats, labels)['loss_ce'].item()
    assert fit_head(head, support, settings).loss(feats, labels)['loss_ce'].item() < before - 1


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(ratio=1.1), 'ratio must be 0 to 1, got 1.1'),
        (dict(reduction=0), 'reduction must be at least 1, got 0'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        CLIPAdapterHead(**options)
