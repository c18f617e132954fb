"""CLIP's zero-shot classifier."""

import pytest
import torch
import torch.nn.functional as F
from head_battery import TextHeadBattery, centres_of, draw, few_shot

from mmvrec.models.heads import ZeroShotHead


class TestZeroShot(TextHeadBattery):
    HEAD = dict(type='ZeroShotHead')


def test_logits_are_clips():
    queries, texts = draw(5, 6, 16, seed=9), centres_of(3)
    head = ZeroShotHead(logit_scale=20.0).fit(*few_shot(3, 2), 3, texts)
    expected = 20 * F.cosine_similarity(queries.mean(1)[:, None], texts[None], dim=-1)
    torch.testing.assert_close(head(queries), expected)


def test_support_is_not_looked_at():
    queries = draw(5, 6, 16, seed=9)
    one = ZeroShotHead().fit(*few_shot(3, 2, seed=0), 3, centres_of(3))
    other = ZeroShotHead().fit(*few_shot(3, 4, seed=5), 3, centres_of(3))
    assert torch.equal(one(queries), other(queries))


def test_bad_scale():
    with pytest.raises(ValueError, match='logit_scale must be positive, got 0'):
        ZeroShotHead(logit_scale=0)
