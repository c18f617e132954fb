"""A head fused with text: the formula, and the choice of the weight."""

import pytest
import torch
import torch.nn.functional as F
from head_battery import TextHeadBattery, centres_of, draw, few_shot

from mmvrec.models.heads import TextFusionHead, ZeroShotHead, ZipAdapterHead
from mmvrec.models.heads.text_fusion import ONE_SHOT_WEIGHT, WEIGHTS

ZIP = dict(type='ZipAdapterHead')


class TestTextFusion(TextHeadBattery):
    HEAD = dict(type='TextFusionHead', head=ZIP)

    def test_gradients_only_where_training_can_go_on(self):
        """The keys of Zip-Adapter could be trained; the fused head is not."""
        assert not self.build().trains


@pytest.mark.parametrize('weight', [0.0, 0.7])
def test_product_of_experts(weight):
    (feats, labels), queries, texts = few_shot(3, 3), draw(5, 6, 16, seed=9), centres_of(3)
    fused = TextFusionHead(ZIP, weight=weight).fit(feats, labels, 3, texts)
    with torch.no_grad():
        visual = ZipAdapterHead().fit(feats, labels, 3).predict(queries)
        text = ZeroShotHead().fit(feats, labels, 3, texts).predict(queries)
        product = visual * text**weight
        torch.testing.assert_close(
            fused.predict(queries), product / product.sum(1, keepdim=True), rtol=1e-4, atol=1e-6
        )


def left_out_likelihood(feats, labels, texts, weight) -> float:
    """By masking the affinities of an instance with itself."""
    keys = F.normalize(feats.mean(1), dim=-1)
    affinity = torch.exp(-32 * (1 - keys @ keys.T)).fill_diagonal_(0)
    visual = (affinity @ F.one_hot(labels).float() / 0.11).log_softmax(1)
    text = (100 * keys @ F.normalize(texts, dim=-1).T).log_softmax(1)
    fused = (visual + weight * text).log_softmax(1)
    return fused[torch.arange(len(labels)), labels].sum().item()


@pytest.mark.parametrize('noise', [0.0, 1.0, 3.0, 30.0])
def test_weight_is_the_most_likely_one(noise):
    feats, labels = few_shot(3, 4, spread=2.0)
    texts = centres_of(3) + noise * draw(3, 16, seed=4)
    head = TextFusionHead(ZIP).fit(feats, labels, 3, texts)
    likelihoods = [left_out_likelihood(feats, labels, texts, w) for w in WEIGHTS]
    assert head.weight.item() == pytest.approx(WEIGHTS[likelihoods.index(max(likelihoods))])


def test_weight_follows_what_text_is_worth():
    feats, labels = few_shot(3, 4, spread=3.0)
    good = TextFusionHead(ZIP).fit(feats, labels, 3, centres_of(3)).weight
    wrong = TextFusionHead(ZIP).fit(feats, labels, 3, centres_of(3).roll(1, 0)).weight
    assert good > wrong == 0


def test_one_shot_has_nothing_to_choose_by():
    feats, labels = few_shot(3, 1)
    head = TextFusionHead(ZIP).fit(feats, labels, 3, centres_of(3))
    assert head.weight.item() == ONE_SHOT_WEIGHT


@pytest.mark.parametrize('inner', ['GDAHead', 'KernelRidgeHead', 'KNNHead', 'TipAdapterHead'])
def test_any_training_free_head_can_be_fused(inner):
    feats, labels = few_shot(3, 4, spread=0.3)
    head = TextFusionHead(dict(type=inner)).fit(feats, labels, 3, centres_of(3))
    assert torch.equal(head.predict(feats).argmax(1), labels)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(head=ZIP, weight=-1.0), 'weight must be at least 0'),
        (dict(head=dict(type='ZipAdapterFHead')), 'only training-free heads'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        TextFusionHead(**options)
