"""Weights of CLIP's and AlphaCLIP's vision tower: reading, recognising, renaming.

Layouts that are recognised:

- ``openai``: a CLIP checkpoint of OpenAI, TorchScript archive or state dict (``visual.*`` and the
  text tower, which is left out);
- ``alphaclip``: an AlphaCLIP visual checkpoint (no prefix, ``conv1_alpha.weight``);
- ``mmvrec``: our converted safetensors, with the names of :class:`AlphaCLIP`.
"""

import json
import re
import zipfile
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mmvrec.models.backbones.weights import find_weights
from mmvrec.utils.files import atomic_write, sha256_file

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

#: What every vision tower has, and its architecture is read from; our names.
_INDISPENSABLE = (
    'patch_embed.projection.weight',
    'cls_token',
    'pos_embed',
    'proj',
    'layers.0.ln1.weight',
    'layers.0.ffn.layers.0.0.weight',
)


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a checkpoint in any of the file types in use.

    Args:
        path (str | Path): as in :func:`find_weights`: ``.safetensors``, a TorchScript archive, or
            a file of ``torch.save`` (loaded with ``weights_only=True``; a dict under
            ``state_dict`` or ``model`` is taken).

    Returns:
        tuple: the tensors by name, and the metadata (empty unless safetensors).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or holds no tensors.
    """
    path = find_weights(path)
    try:
        if path.suffix == '.safetensors':
            with safe_open(path, framework='pt') as file:
                names = list(file.keys())
                return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
        if _is_torchscript(path):
            # A TorchScript archive runs in its own interpreter, it holds no pickled Python code.
            state = torch.jit.load(str(path), map_location='cpu').state_dict()
        else:
            state = torch.load(path, map_location='cpu', weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f'{path} is not a readable checkpoint: {error}') from error
    for key in ('state_dict', 'model'):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    tensors = {}
    if isinstance(state, dict):
        tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f'{path} holds no state dict of tensors')
    return tensors, {}


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith('constants.pkl') for name in archive.namelist())


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
        return {name: value.float() for name, value in state.items()}
    if layout == 'openai':
        prefix = 'visual.'
        state = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    state = {name: value.float() for name, value in state.items()}
    rgb = state['conv1.weight']
    alpha = state.pop('conv1_alpha.weight', torch.zeros_like(rgb[:, :1]))
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


def infer_arch(state: dict[str, Tensor]) -> dict[str, int]:
    """Architecture of a vision tower from the shapes of its weights.

    Args:
        state (dict[str, Tensor]): weights with the names of :class:`AlphaCLIP`.

    Returns:
        dict[str, int]: ``embed_dims``, ``num_layers``, ``num_heads`` (64 channels each),
        ``feedforward_channels``, ``patch_size``, ``img_size`` and ``out_dims``.

    Raises:
        ValueError: weights are missing.
    """
    _check_complete(state)
    embed_dims, _, patch_size, _ = state['patch_embed.projection.weight'].shape
    layers = {int(m[1]) for m in (re.match(r'layers\.(\d+)\.', name) for name in state) if m}
    grid = round((state['pos_embed'].shape[1] - 1) ** 0.5)
    return {
        'embed_dims': embed_dims,
        'num_layers': max(layers) + 1,
        'num_heads': max(embed_dims // HEAD_DIMS, 1),
        'feedforward_channels': state['layers.0.ffn.layers.0.0.weight'].shape[0],
        'patch_size': patch_size,
        'img_size': grid * patch_size,
        'out_dims': state['proj'].shape[1],
    }


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
            _check_metadata(metadata)
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
        'arch': infer_arch(state),
        'sources': [
            {'file': p.name, 'bytes': p.stat().st_size, 'sha256': sha256_file(p)} for p in paths
        ],
    }
    tensors = {name: value.contiguous() for name, value in state.items()}
    with atomic_write(out) as temporary:
        save_file(tensors, temporary, {'format': FORMAT, 'info': json.dumps(info)})
    return info


def _check_metadata(metadata: dict[str, str]) -> None:
    if metadata.get('format') != FORMAT:
        return
    info = json.loads(metadata['info'])
    if info['version'] != FORMAT_VERSION:
        raise ValueError(
            f'format version {info["version"]}, this release reads {FORMAT_VERSION}; '
            'convert the original weights again'
        )
