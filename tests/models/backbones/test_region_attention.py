"""Region tokens against timm's own attention, where that weighs all patches alike."""

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

from mmvrec.models.backbones.region_attention import check_has_region_attention, region_tokens

POOLED, CLASS = 'vit_pe_core_tiny_patch16_384.fb', 'test_vit.r160_in1k'
SIDE = 64


def build(name):
    torch.manual_seed(0)
    model = timm.create_model(name, img_size=SIDE).eval()
    check_has_region_attention(model, name)
    return model


@pytest.fixture
def images():
    return torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def assert_same_direction(token, expected):
    """Random weights give small numbers: compared by direction."""
    expected = F.normalize(expected, dim=1)
    torch.testing.assert_close(F.normalize(token, dim=1), expected, atol=1e-5, rtol=0)


def uniform(model):
    number = model.patch_embed.num_patches
    return torch.full((2, number), 1 / number)


@torch.no_grad()
def test_pool_of_a_full_mask_is_that_of_timm_without_queries(images):
    """A query of zero attends to all patches alike, which is the mean under a full mask."""
    model = build(POOLED)
    pool = model.attn_pool
    pool.latent.zero_()
    pool.q.bias.zero_()
    patches = model.forward_features(images)[:, model.num_prefix_tokens :]
    expected = model.head(model.fc_norm(pool(patches)))
    (token,) = region_tokens(model, images, [uniform(model)])
    assert_same_direction(token, expected)


@torch.no_grad()
def test_class_token_of_a_full_mask_is_that_of_timm_without_queries(images):
    """With no weights of queries the attention of every token is the mean over all."""
    model = build(CLASS)
    block = model.blocks[-1]
    (before,) = model.forward_intermediates(
        images, indices=[len(model.blocks) - 2], output_fmt='NLC', intermediates_only=True
    )
    (token,) = region_tokens(model, images, [uniform(model)])
    block.attn.qkv.weight[: model.embed_dim].zero_()
    block.attn.qkv.bias[: model.embed_dim].zero_()
    mean = block.ls1(block.attn(block.norm1(before)))[:, 0]
    expected = model.head(model.norm(mean + block.ls2(block.mlp(block.norm2(mean)))))
    assert_same_direction(token, expected)


@torch.no_grad()
@pytest.mark.parametrize('name', [POOLED, CLASS])
def test_a_region_does_not_depend_on_values_outside(name, images):
    model = build(name)
    layer = model.attn_pool.kv if name == POOLED else model.blocks[-1].attn.qkv
    weights = torch.zeros(2, model.patch_embed.num_patches)
    weights[:, :3] = 1 / 3
    (expected,) = region_tokens(model, images, [weights])

    def others_changed(module, inputs, output):
        return torch.cat([output[:, :3], output[:, 3:] + 7], dim=1)

    handle = layer.register_forward_hook(others_changed)
    (token,) = region_tokens(model, images, [weights])
    (other,) = region_tokens(model, images, [weights.roll(1, dims=1)])
    handle.remove()
    assert_same_direction(token, expected)
    assert F.cosine_similarity(other, expected).max() < 0.99


class Pooled(nn.Module):
    """A model that is no transformer."""

    attn_pool = None


def test_other_models_are_refused():
    no_token = timm.create_model(CLASS, class_token=False, global_pool='avg')
    for model in (Pooled(), no_token, timm.create_model('test_convnext')):
        with pytest.raises(ValueError, match=r'class token or a latent query.*x has not'):
            check_has_region_attention(model, 'x')
