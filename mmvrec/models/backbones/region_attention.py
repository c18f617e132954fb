"""Region tokens of frozen image-text models: their last attention, restricted to a mask."""

from collections.abc import Sequence

from timm.layers import Attention, AttentionPoolLatent
from timm.models.eva import Eva
from timm.models.vision_transformer import Block, VisionTransformer
from torch import Tensor, nn


def check_has_region_attention(model: nn.Module, name: str) -> None:
    """See that the last attention of a model of timm can be restricted.

    Args:
        model (nn.Module): as timm builds it, nothing cut off.
        name (str): for the message.

    Raises:
        ValueError: it cannot.
    """
    pool = getattr(model, 'attn_pool', None)
    if isinstance(model, VisionTransformer | Eva) and isinstance(pool, AttentionPoolLatent):
        good = pool.latent_len == 1 and pool.pos_embed is None
    else:
        block = model.blocks[-1] if isinstance(model, VisionTransformer) else None
        good = type(block) is Block and type(block.attn) is Attention and block.attn.gate is None
        good = good and model.cls_token is not None
    if not good:
        raise ValueError(
            f"attention='region' needs a vision transformer whose last attention has a class token "
            f'or a latent query, as those of CLIP, SigLIP 2, PE-Core and TIPSv2; {name} has not'
        )


def region_tokens(model: nn.Module, images: Tensor, weights: Sequence[Tensor]) -> list[Tensor]:
    """Tokens of regions.

    `TextRegion <https://arxiv.org/abs/2505.23769>`_: in the last attention the class token (or the
    latent query of an attention pool) takes the mean of the patches' value vectors, here weighted
    by areas, where the model would weigh them by its own attention. Residual, MLP, norm and
    projection follow as in the model, except that of a class token nothing but this attention is
    kept.

    Args:
        model (nn.Module): has passed :func:`check_has_region_attention`.
        images (Tensor): normalised, float, (B, 3, S, S).
        weights (Sequence[Tensor]): of the patches, (B, N), one for each region.

    Returns:
        list[Tensor]: for each region the tokens, (B, C), as the model's head gives them.
    """
    if model.attn_pool is not None:
        pool = model.attn_pool
        values = pool.kv(_patches(model, images, -1, norm=True)).chunk(2, dim=-1)[1]
        tokens = [pool.proj(_mean(values, weight)) for weight in weights]
        if pool.mlp is not None:
            tokens = [token + pool.mlp(pool.norm(token)) for token in tokens]
    else:
        block = model.blocks[-1]
        patches = block.norm1(_patches(model, images, -2, norm=False))
        values = block.attn.qkv(patches).chunk(3, dim=-1)[2]
        tokens = [block.attn.proj(block.attn.norm(_mean(values, weight))) for weight in weights]
        tokens = [block.ls1(token) for token in tokens]
        tokens = [model.norm(token + block.ls2(block.mlp(block.norm2(token)))) for token in tokens]
    return [model.head(model.fc_norm(token)) for token in tokens]


def _patches(model: nn.Module, images: Tensor, layer: int, norm: bool) -> Tensor:
    """Tokens of the patches behind a layer, (B, N, C)."""
    return model.forward_intermediates(
        images,
        indices=[len(model.blocks) + layer],
        norm=norm,
        stop_early=True,
        output_fmt='NLC',
        intermediates_only=True,
    )[0]


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (weight[:, None] @ values)[:, 0]
