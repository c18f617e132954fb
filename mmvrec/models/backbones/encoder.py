"""The layers of a vision transformer, run so that no work is done for what nobody looks at."""

import torch
import torch.nn.functional as F
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from torch import Tensor, nn


def embed_patches(images: Tensor, kernel: nn.Conv2d) -> Tensor:
    """Embed the patches of images, by one matrix product.

    It is the convolution ``kernel`` where stride and kernel are equal: patches have no pixel in
    common, each is a row. On GPUs that is several times faster.

    Args:
        images (Tensor): float, (B, channels, S, S), S a multiple of the patch size P.
        kernel (nn.Conv2d): weights (D, channels, P, P), stride P, without padding or bias.

    Returns:
        Tensor: (B, (S / P)^2, D), row by row.
    """
    side = kernel.kernel_size[0]
    cells = images.unflatten(3, (-1, side)).unflatten(2, (-1, side))
    rows = cells.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    return rows @ kernel.weight.flatten(1).T


def run_layer(
    layer: TransformerEncoderLayer, following: nn.Module, tokens: Tensor, normed: Tensor
) -> tuple[Tensor, Tensor]:
    """A layer and the norm of the next, which a compiler joins with the sum at the end of it.

    Args:
        layer (TransformerEncoderLayer): pre-norm.
        following (nn.Module): the first norm of the next layer.
        tokens (Tensor): (B, T, D).
        normed (Tensor): the same after the first norm of ``layer``.

    Returns:
        tuple[Tensor, Tensor]: the tokens after the layer, and the same after ``following``.
    """
    tokens = tokens + layer.attn(normed)
    tokens = layer.ffn(layer.ln2(tokens), identity=tokens)
    return tokens, following(tokens)


def run_last_layer(layer: TransformerEncoderLayer, tokens: Tensor, normed: Tensor) -> Tensor:
    """The class token after the last layer.

    The other tokens are only looked at by its attention: of them keys and values are computed, no
    queries, outputs and feed-forward network, five sixths of a layer.

    Args:
        layer (TransformerEncoderLayer): pre-norm; its attention without dropout.
        tokens (Tensor): (B, T, D), the class token first.
        normed (Tensor): the same after the first norm of ``layer``.

    Returns:
        Tensor: (B, 1, D).
    """
    attn, width = layer.attn, tokens.shape[2]
    weight, bias = attn.qkv.weight, attn.qkv.bias
    query = F.linear(normed[:, :1], weight[:width], bias[:width])
    both = F.linear(normed, weight[width:], bias[width:])
    query, keys, values = (
        part.unflatten(2, (attn.num_heads, -1)).transpose(1, 2)
        for part in (query, *both.chunk(2, dim=2))
    )
    attended = F.scaled_dot_product_attention(query, keys, values)
    token = tokens[:, :1] + attn.proj(attended.transpose(1, 2).flatten(2))
    return layer.ffn(layer.ln2(token), identity=token)


@torch.no_grad()
def draw_clip_weights(
    module: nn.Module, width: int, layers: int, generator: torch.Generator
) -> None:
    """Draw all weights with the standard deviations of CLIP's initialisation.

    Args:
        module (nn.Module): a vision transformer with the names of MMPretrain's.
        width (int): channels of a token, D.
        layers (int): number of its layers.
        generator (torch.Generator): draws.
    """
    deviations = {
        'attn.proj.weight': (2 * layers * width) ** -0.5,
        'ffn.layers.1.weight': (2 * layers * width) ** -0.5,
        'ffn.layers.0.0.weight': (2 * width) ** -0.5,
        'patch_embed.projection.weight': module.patch_embed.projection.weight[0].numel() ** -0.5,
    }
    for name, parameter in module.named_parameters():
        if 'ln' in name or 'norm' in name:
            parameter.fill_(float(name.endswith('weight')))
        elif name.endswith('bias'):
            parameter.zero_()
        else:
            ending = next((e for e in deviations if name.endswith(e)), None)
            deviation = deviations[ending] if ending else width**-0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * deviation)
