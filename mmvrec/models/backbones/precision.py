"""A frozen backbone in bfloat16, compiled where that pays."""

from copy import deepcopy
from importlib.util import find_spec

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmvrec.models.backbones.base import ViewBackbone

PRECISIONS = ('fp32', 'bf16', 'auto')


def resolve_precision(precision: str, device: torch.device) -> str:
    """What a precision means on a device.

    Args:
        precision (str): one of ``PRECISIONS``.
        device (torch.device): where the backbone computes.

    Returns:
        str: ``fp32`` or ``bf16``.
    """
    if precision != 'auto':
        return precision
    if device.type == 'cuda':
        # Older GPUs than NVIDIA's Ampere (compute capability 8) compute bfloat16 slowly.
        fast = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        fast = device.type == 'cpu' and has_bfloat16_tiles()
    return 'bf16' if fast else 'fp32'


def has_bfloat16_tiles() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 (AMX), as Intel's servers since 2023 do."""
    # Not in older releases of torch.
    capabilities = getattr(torch.cpu, 'get_capabilities', dict)()
    return bool(capabilities.get('amx_bf16'))


class Bfloat16Embedder:
    """Embeds views by a copy of a backbone in bfloat16; the backbone stays what it is.

    Weights are cast once, where autocast casts them at every call, and what lies between layers
    is of half the size. On GPUs the repeated layers are compiled, once for all of them, for full
    calls of ``views`` views; the smaller rest of a batch is embedded by the same copy uncompiled,
    because compiling for one more size costs more time than it saves. Backbones that have none
    (:meth:`ViewBackbone.compile_layers`) are not compiled.

    Args:
        backbone (ViewBackbone): a frozen one, on its device.
        views (int): views of a full call.
    """

    def __init__(self, backbone: ViewBackbone, views: int):
        self.views = views
        self.eager = self.full = backbone.in_dtype(torch.bfloat16)
        self._sources = _sources(backbone)
        device = backbone.mean.device
        # Inductor makes GPU code by Triton, which some systems have no build of.
        compiles = device.type == 'cuda' and find_spec('triton') is not None and self._compile()
        name = torch.cuda.get_device_name(device) if device.type == 'cuda' else device.type
        how = f', compiled for {views} views at once' if compiles else ''
        print_log(f'The backbone computes in bfloat16 on {name}{how}', logger='current')

    def is_current(self, backbone: ViewBackbone) -> bool:
        """Whether the weights are still those that were copied, and on that device."""
        return self._sources == _sources(backbone)

    def __call__(self, views: Tensor) -> Tensor:
        """Embed (B, 4 or 3, S, S) like :meth:`ViewBackbone.embed`; float32, (B, C)."""
        return (self.full if len(views) == self.views else self.eager).embed(views)

    def _compile(self) -> bool:
        shared = {id(p): p for p in (*self.eager.parameters(), *self.eager.buffers())}
        self.full = deepcopy(self.eager, shared)
        return self.full.compile_layers()


def _sources(backbone: ViewBackbone) -> list[tuple[int, int, torch.device]]:
    """Identity and version of every weight: a load, a step or a move changes them."""
    return [(id(p), p._version, p.device) for p in backbone.parameters()]
