"""Weights of CLIP's and AlphaCLIP's vision tower: recognising, renaming, converting.

Layouts that are recognised:

- ``openai``: a CLIP checkpoint of OpenAI, TorchScript archive or state dict (``visual.*`` and the
  text tower, which is left out);
- ``alphaclip``: an AlphaCLIP visual checkpoint (no prefix, ``conv1_alpha.weight``);
- ``mmvrec``: our converted safetensors, with the names of :class:`AlphaCLIP`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from mmvrec.models.backbones.checkpoints import read_weights
from mmvrec.utils.files import atomic_write, sha256_file
from mmvrec.weights.lookup import find_weights

FORMAT = 'mmvrec-alphaclip'
FORMAT_VERSION = 1
#: Channels per attention head in every CLIP vision transformer.
HEAD_DIMS = 64

_RENAMES = (
    (r'^conv1\.weight$', 'patch_embed.projection.weight'),
    (r'^class_embedding$', 'cls_token'),
    (r'^positional_embedding$', 'pos_embed'),
    (r'^ln_pre\.', 'pre_norm.'),
    (r'^ln_post\.', 'ln1.'),
    (r'^transformer\.resblocks\.(\d+)\.ln_(\d)\.', r'layers.\1.ln\2.'),
    (r'^transformer\.resblocks\.(\d+)\.attn\.in_proj[._]', r'layers.\1.attn.qkv.'),
    (r'^transformer\.resblocks\.(\d+)\.attn\.out_proj\.', r'layers.\1.attn.proj.'),
    (r'^transformer\.resblocks\.(\d+)\.mlp\.c_fc\.', r'layers.\1.ffn.layers.0.0.'),
    (r'^transformer\.resblocks\.(\d+)\.mlp\.c_proj\.', r'layers.\1.ffn.layers.1.'),
)

#: What every vision tower has, and its architecture is read from, with its dimensions; our names.
_INDISPENSABLE = {
    'patch_embed.projection.weight': (4,),
    'cls_token': (1, 3),
    'pos_embed': (2, 3),
    'proj': (2,),
    'layers.0.ln1.weight': (1,),
    'layers.0.ffn.layers.0.0.weight': (2,),
}


def weights_layout(state: dict[str, Tensor]) -> str:
    """Recognise the layout of a state dict: ``openai``, ``alphaclip`` or ``mmvrec``.

    Raises:
        ValueError: none of them.
    """
    if 'visual.conv1.weight' in state:
        return 'openai'
    if 'conv1.weight' in state and 'class_embedding' in state:
        return 'alphaclip'
    if 'patch_embed.projection.weight' in state and 'proj' in state:
        return 'mmvrec'
    raise ValueError(
        'these are neither CLIP nor AlphaCLIP vision transformer weights: expected '
        f'"visual.conv1.weight", "conv1.weight" or our converted names, found {sorted(state)[:4]}'
    )


def to_backbone_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename CLIP or AlphaCLIP visual weights to :class:`AlphaCLIP`'s, as float32.

    AlphaCLIP adds ``conv1_alpha(alpha)`` to ``conv1(rgb)``, which is one convolution of the
    concatenated channels with the concatenated kernels; CLIP alone gets a zero alpha kernel.

    Args:
        state (dict[str, Tensor]): weights in any layout of :func:`weights_layout`.

    Returns:
        dict[str, Tensor]: float32 tensors with the names of :class:`AlphaCLIP`.

    Raises:
        ValueError: the layout is unknown, or indispensable weights are missing.
    """
    layout = weights_layout(state)
    if layout == 'mmvrec':
        _check_complete(state)
        return {name: value.float() for name, value in state.items()}
    if layout == 'openai':
        prefix = 'visual.'
        state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    state = {name: value.float() for name, value in state.items()}
    rgb = state['conv1.weight']
    alpha = state.pop('conv1_alpha.weight', None)
    kernel = (*rgb.shape[:1], 1, *rgb.shape[2:])
    if rgb.ndim != 4 or (alpha is not None and alpha.shape != kernel):
        raise ValueError('the kernels conv1.weight and conv1_alpha.weight do not fit together')
    alpha = rgb.new_zeros(kernel) if alpha is None else alpha
    state['conv1.weight'] = torch.cat([rgb, alpha], dim=1)
    renamed = {_rename(name): value for name, value in state.items()}
    _check_complete(renamed)
    renamed['cls_token'] = renamed['cls_token'][None, None]
    renamed['pos_embed'] = renamed['pos_embed'][None]
    return renamed


def _rename(name: str) -> str:
    for pattern, replacement in _RENAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _check_complete(state: dict[str, Tensor]) -> None:
    missing = [name for name in _INDISPENSABLE if name not in state]
    if missing:
        raise ValueError(
            f"the vision tower is incomplete, {missing} are missing; only CLIP's vision "
            'transformers are read, not its ResNets'
        )
    for name, dims in _INDISPENSABLE.items():
        if state[name].ndim not in dims or not state[name].numel():
            raise ValueError(f'{name} of a vision tower cannot be {tuple(state[name].shape)}')


def infer_arch(state: dict[str, Tensor]) -> dict[str, int]:
    """Architecture of a vision tower from the shapes of its weights.

    Args:
        state (dict[str, Tensor]): weights with the names of :class:`AlphaCLIP`.

    Returns:
        dict[str, int]: ``embed_dims``, ``num_layers``, ``num_heads`` (64 channels each),
        ``feedforward_channels``, ``patch_size``, ``img_size`` and ``out_dims``.

    Raises:
        ValueError: weights are missing, or have impossible shapes.
    """
    _check_complete(state)
    embed_dims, _, patch_size, _ = state['patch_embed.projection.weight'].shape
    grid = round((state['pos_embed'].shape[1] - 1) ** 0.5)
    return {
        'embed_dims': embed_dims,
        'num_layers': num_layers(state, 'layers.'),
        'num_heads': max(embed_dims // HEAD_DIMS, 1),
        'feedforward_channels': state['layers.0.ffn.layers.0.0.weight'].shape[0],
        'patch_size': patch_size,
        'img_size': grid * patch_size,
        'out_dims': state['proj'].shape[1],
    }


def checked_arch(state: dict[str, Tensor], *sources: str | Path | None) -> dict[str, int]:
    """Architecture of weights, which must have them all before memory is taken for a model.

    Args:
        state (dict[str, Tensor]): see :func:`infer_arch`.
        *sources (str | Path | None): the files that they come from.

    Returns:
        dict[str, int]: see :func:`infer_arch`.

    Raises:
        ValueError: weights are missing, or have impossible shapes.
    """
    try:
        arch = infer_arch(state)
        present, needed = sum(value.numel() for value in state.values()), num_weights(arch)
        if present < needed:
            raise ValueError(f'{arch} has {needed} weights, here are {present}')
    except ValueError as error:
        raise ValueError(f'{" + ".join(str(s) for s in sources if s)}: {error}') from error
    return arch


def num_layers(state: dict[str, Tensor], prefix: str) -> int:
    """Number of a tower's layers, whose weights are named ``<prefix><number>.``.

    Raises:
        ValueError: a layer is missing.
    """
    names = [name.removeprefix(prefix) for name in state if name.startswith(prefix)]
    numbers = {name.partition('.')[0] for name in names}
    missing = sorted({str(i) for i in range(len(numbers))} - numbers)
    if missing:
        raise ValueError(f'layers {missing[:3]} of its {len(numbers)} are missing')
    return len(numbers)


def num_weights(arch: Mapping[str, int]) -> int:
    """Number of weights of a vision tower.

    Args:
        arch (Mapping[str, int]): as of :func:`infer_arch`.
    """
    width, hidden, patch = arch['embed_dims'], arch['feedforward_channels'], arch['patch_size']
    tokens = (arch['img_size'] // patch) ** 2 + 1
    layer = 4 * width * width + 2 * width * hidden + 9 * width + hidden
    ends = width * (4 * patch * patch + tokens + 5 + arch['out_dims'])
    return arch['num_layers'] * layer + ends


def load_backbone_weights(
    checkpoint: str | None, alpha_checkpoint: str | None = None
) -> dict[str, Tensor]:
    """Weights of a vision tower from one or two files.

    Args:
        checkpoint (str | None): CLIP, AlphaCLIP or converted weights, or embedded ones, see
            :func:`find_weights`.
        alpha_checkpoint (str | None): AlphaCLIP visual weights that replace those of
            ``checkpoint``.

    Returns:
        dict[str, Tensor]: float32, names of :class:`AlphaCLIP`.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, foreign, of a newer format, or has NaN weights.
    """
    merged: dict[str, Tensor] = {}
    for path in (checkpoint, alpha_checkpoint):
        if path is None:
            continue
        tensors, metadata = read_weights(path)
        try:
            check_metadata(metadata)
            renamed = to_backbone_names(tensors)
            bad = [name for name, value in renamed.items() if not torch.isfinite(value).all()]
            if bad:
                raise ValueError(f'NaN or infinite values in {bad[:3]}; get the file again')
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from error
        merged |= renamed
    return merged


def convert(out: str | Path, checkpoint: str | None, alpha_checkpoint: str | None = None) -> dict:
    """Convert weights to one safetensors file with the names of :class:`AlphaCLIP`.

    Args:
        out (str | Path): the file to write, ending in ``.safetensors``.
        checkpoint (str | None): see :func:`load_backbone_weights`.
        alpha_checkpoint (str | None): see :func:`load_backbone_weights`.

    Returns:
        dict: what is noted in the file: format version, architecture, and name, size and SHA-256
        of every source.

    Raises:
        ValueError: ``out`` has another ending, no source is given, or see
            :func:`load_backbone_weights`.
    """
    named = [p for p in (checkpoint, alpha_checkpoint) if p is not None]
    if Path(out).suffix != '.safetensors' or not named:
        raise ValueError(f'need at least one source and an output in .safetensors, got {out}')
    paths = [find_weights(p) for p in named]
    state = load_backbone_weights(checkpoint, alpha_checkpoint)
    info = {
        'version': FORMAT_VERSION,
        'arch': checked_arch(state, checkpoint, alpha_checkpoint),
        'sources': [
            {'file': p.name, 'bytes': p.stat().st_size, 'sha256': sha256_file(p)} for p in paths
        ],
    }
    # Copied, because tensors of a checkpoint may be parts of one.
    tensors = {name: value.contiguous().clone() for name, value in state.items()}
    with atomic_write(out) as temporary:
        save_file(tensors, temporary, {'format': FORMAT, 'info': json.dumps(info)})
    return info


def check_metadata(metadata: dict[str, str]) -> None:
    """Raise ``ValueError`` for a converted file of another version of the format."""
    if metadata.get('format') != FORMAT:
        return
    try:
        version = json.loads(metadata['info'])['version']
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f'its metadata cannot be read: {error!r}') from error
    if version != FORMAT_VERSION:
        raise ValueError(
            f'format version {version}, this release reads {FORMAT_VERSION}; '
            'convert the original weights again'
        )
