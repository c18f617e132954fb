"""Sizes of CLIP's vision transformers, by name or from weights."""

from mmvrec.models.backbones.clip_weights import checked_arch, load_backbone_weights

_LARGE = dict(
    embed_dims=1024,
    num_layers=24,
    num_heads=16,
    feedforward_channels=4096,
    patch_size=14,
    img_size=224,
    out_dims=768,
)
#: Names that :class:`AlphaCLIP` knows; ``img_size`` and ``patch_size`` are in pixels.
ARCHS = {
    'vit-b/16': dict(
        embed_dims=768,
        num_layers=12,
        num_heads=12,
        feedforward_channels=3072,
        patch_size=16,
        img_size=224,
        out_dims=512,
    ),
    'vit-l/14': _LARGE,
    'vit-l/14@336px': {**_LARGE, 'img_size': 336},
    # Embedded default: 2.9 M parameters, for CPUs, demos and tests.
    'tiny': dict(
        embed_dims=192,
        num_layers=6,
        num_heads=3,
        feedforward_channels=768,
        patch_size=14,
        img_size=112,
        out_dims=192,
    ),
}


def resolve_arch(
    arch: str | dict | None, checkpoint: str | None, alpha_checkpoint: str | None
) -> dict:
    """Find the sizes that an architecture stands for, or those of the weights where it is None.

    Raises:
        ValueError: there is no such architecture, sizes are missing, or there are no weights.
    """
    if arch is None:
        if checkpoint is None and alpha_checkpoint is None:
            raise ValueError(
                f'arch=None needs a checkpoint to infer it from; else name one of {list(ARCHS)}'
            )
        state = load_backbone_weights(checkpoint, alpha_checkpoint)
        return checked_arch(state, checkpoint, alpha_checkpoint)
    if isinstance(arch, str):
        if arch.lower() not in ARCHS:
            raise ValueError(f'arch must be one of {list(ARCHS)}, got {arch!r}')
        return ARCHS[arch.lower()]
    missing = set(ARCHS['tiny']) - set(arch)
    if missing:
        raise ValueError(f'arch lacks {sorted(missing)}; example: {ARCHS["tiny"]}')
    return dict(arch)
