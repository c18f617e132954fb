"""The layers run with less work against the same layers run as MMPretrain has them."""

import pytest
import torch
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch._dynamo.utils import counters

from mmvrec.models.backbones import AlphaCLIP, encoder
from mmvrec.models.backbones.encoder import embed_patches, run_last_layer, run_layer

ARCH = dict(
    embed_dims=64,
    num_layers=12,
    num_heads=2,
    feedforward_channels=96,
    patch_size=14,
    img_size=42,
    out_dims=16,
)


def random_layer(seed=0):
    torch.manual_seed(seed)
    layer = TransformerEncoderLayer(64, 4, 96, act_cfg=dict(type='mmpretrain.QuickGELU'))
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return layer.eval()


@pytest.mark.parametrize(
    ('count', 'channels', 'side', 'patch', 'width'), [(3, 4, 42, 14, 24), (1, 3, 16, 16, 5)]
)
def test_product_of_patches_is_the_convolution(count, channels, side, patch, width):
    torch.manual_seed(0)
    kernel = torch.nn.Conv2d(channels, width, patch, patch, bias=False).double()
    images = torch.randn(count, channels, side, side, dtype=torch.float64)
    expected = kernel(images).flatten(2).transpose(1, 2)
    torch.testing.assert_close(embed_patches(images, kernel), expected, rtol=0, atol=1e-12)


@torch.no_grad()
def test_layer_and_norm_are_those_of_mmpretrain():
    layer, following = random_layer(), torch.nn.LayerNorm(64)
    tokens = torch.randn(2, 10, 64)
    after, normed = run_layer(layer, following, tokens, layer.ln1(tokens))
    assert torch.equal(after, layer(tokens))
    assert torch.equal(normed, following(after))


@torch.no_grad()
def test_class_token_after_the_last_layer_is_that_of_the_whole_layer():
    layer = random_layer().double()
    tokens = torch.randn(3, 10, 64, dtype=torch.float64)
    token = run_last_layer(layer, tokens, layer.ln1(tokens))
    assert token.shape == (3, 1, 64)
    torch.testing.assert_close(token, layer(tokens)[:, :1], rtol=0, atol=1e-12)


@torch.no_grad()
def test_copy_in_another_type_embeds_patches_by_the_product():
    backbone = AlphaCLIP(ARCH, random_seed=0).double()
    views = 255 * torch.rand(2, 4, 42, 42, dtype=torch.float64)
    copy = backbone.in_dtype(torch.float64)
    copy.patch_embed.forward = None  # Not called.
    torch.testing.assert_close(copy.embed(views), backbone.embed(views), rtol=0, atol=1e-10)


@torch.no_grad()
def test_all_layers_share_one_compiled_graph(monkeypatch):
    backbone = AlphaCLIP(ARCH, random_seed=0)
    images = torch.randn(2, 4, 42, 42)
    expected = backbone(images)[0]
    torch._dynamo.reset()
    counters.clear()
    real = torch.compile
    monkeypatch.setattr(
        torch, 'compile', lambda function, **options: real(function, backend='eager', **options)
    )
    assert backbone.compile_layers()
    assert backbone._run_layer is not encoder.run_layer
    for _ in range(2):
        torch.testing.assert_close(backbone(images)[0], expected, rtol=0, atol=1e-6)
    assert counters['stats']['unique_graphs'] == 1
