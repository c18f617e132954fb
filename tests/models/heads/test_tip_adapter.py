"""Tip-Adapter against its equation, and against the heads that it consists of."""

import pytest
import torch
import torch.nn.functional as F
from head_battery import TextHeadBattery, centres_of, draw, few_shot

from mmvrec.fewshot.fitting import TrainingSettings, fit_head
from mmvrec.fewshot.support import SupportSet
from mmvrec.models.heads import TipAdapterFHead, TipAdapterHead, ZeroShotHead, ZipAdapterHead
from mmvrec.structures import LabelSpace


class TestTipAdapter(TextHeadBattery):
    HEAD = dict(type='TipAdapterHead')


class TestTipAdapterF(TextHeadBattery):
    HEAD = dict(type='TipAdapterFHead')
    TRAINABLE = True


@pytest.mark.parametrize('head', [TipAdapterHead, TipAdapterFHead])
def test_equation_by_loops(head):
    (feats, labels), queries, texts = few_shot(3, 2), draw(4, 6, 16, seed=9), centres_of(3)
    with torch.no_grad():
        logits = head(alpha=2.0, beta=3.0, logit_scale=10.0).fit(feats, labels, 3, texts)(queries)
    for query, row in zip(queries.mean(1), logits, strict=True):
        for label, value in enumerate(row):
            cache = sum(
                torch.exp(-3 * (1 - F.cosine_similarity(query, key, dim=0)))
                for key in feats[labels == label].mean(1)
            )
            zero_shot = 10 * F.cosine_similarity(query, texts[label], dim=0)
            torch.testing.assert_close(value, zero_shot + 2 * cache, rtol=1e-4, atol=1e-4)


def test_without_cache_it_is_zero_shot_and_without_text_zip_adapter():
    (feats, labels), queries, texts = few_shot(3, 2), draw(4, 6, 16, seed=9), centres_of(3)
    tip = TipAdapterHead(alpha=0.0).fit(feats, labels, 3, texts)
    torch.testing.assert_close(tip(queries), ZeroShotHead().fit(feats, labels, 3, texts)(queries))
    no_text = TipAdapterHead(alpha=1 / 0.11, beta=32.0, logit_scale=1e-9)
    zip_adapter = ZipAdapterHead(beta=32.0).fit(feats, labels, 3)
    with torch.no_grad():
        expected = zip_adapter(queries)
    torch.testing.assert_close(
        no_text.fit(feats, labels, 3, texts)(queries), expected, rtol=1e-4, atol=1e-5
    )


def test_training_moves_the_keys_and_lowers_the_loss():
    feats, labels = few_shot(3, 4, spread=2.0)
    support = SupportSet(feats, labels, LabelSpace({'t': ['a', 'b', 'c']}), draw(3, 16, seed=3))
    settings = TrainingSettings({'optimizer': {'type': 'AdamW', 'lr': 1e-2}}, 30)
    head = TipAdapterFHead(logit_scale=1.0).fit(feats, labels, 3, support.text_feats)
    before = head.loss(feats, labels)['loss_ce'].item()
    keys = head.support_keys.detach().clone()
    head = fit_head(head, support, settings)
    assert head.loss(feats, labels)['loss_ce'].item() < before
    assert not torch.equal(head.support_keys, keys)


@pytest.mark.parametrize(
    ('options', 'message'),
    [(dict(alpha=-1.0), 'alpha must be at least 0'), (dict(beta=0.0), 'beta must be positive')],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        TipAdapterHead(**options)
