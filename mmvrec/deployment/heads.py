"""What a fitted head is as plain arrays, see :mod:`mmvrec.deployment.scoring`."""

from copy import deepcopy
from functools import singledispatch

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads import (
    FewShotHead,
    GDAHead,
    KernelRidgeHead,
    LinearProbeHead,
    LPPlusPlusHead,
    ProtoNetHead,
    RegionGaussianHead,
    ZipAdapterHead,
)


def exported_head(head: FewShotHead) -> tuple[dict, dict[str, np.ndarray]]:
    """Settings and arrays of a fitted head.

    Args:
        head (FewShotHead): fitted. Heads of other packages register a function for their class
            with ``head_arrays.register``.

    Returns:
        tuple[dict, dict[str, np.ndarray]]: as
        :func:`mmvrec.deployment.scoring.head_logits` takes them.

    Raises:
        ValueError: it is neither linear on features of length 1 nor attention over a support.
    """
    with torch.no_grad():
        settings, arrays = head_arrays(deepcopy(head).cpu().double())
    common = {
        'type': type(head).__name__,
        'merge_views': head.merge_views,
        'view_indices': head.view_indices,
        'groups': 1,
    }
    return {**common, **settings}, {name: _compact(value) for name, value in arrays.items()}


def _compact(values: Tensor) -> np.ndarray:
    """In float32 where that says the same."""
    values = values.detach().numpy()
    short = values.astype(np.float32)
    return short if np.array_equal(short, values) else values


@singledispatch
def head_arrays(head: FewShotHead) -> tuple[dict, dict[str, Tensor]]:
    """Form, constants and arrays of a head; by its class."""
    kinds = ', '.join(sorted(kind.__name__ for kind in head_arrays.registry if kind is not object))
    raise ValueError(f'{type(head).__name__} cannot be exported; heads that can: {kinds}')


@head_arrays.register
def _(head: LinearProbeHead) -> tuple[dict, dict[str, Tensor]]:
    return {'form': 'linear'}, {'weight': head.weight[None], 'bias': head.bias[None]}


@head_arrays.register
def _(head: GDAHead) -> tuple[dict, dict[str, Tensor]]:
    settings = {'form': 'linear', 'groups': head.groups, 'shrinkage': head.shrinkage}
    return settings, {'weight': head.weight, 'bias': head.bias}


@head_arrays.register
def _(head: ProtoNetHead) -> tuple[dict, dict[str, Tensor]]:
    weight = F.normalize(head.prototypes, dim=-1) / head.temperature
    settings = {'form': 'linear', 'temperature': head.temperature}
    return settings, {'weight': weight[None], 'bias': weight.new_zeros(1, len(weight))}


@head_arrays.register
def _(head: LPPlusPlusHead) -> tuple[dict, dict[str, Tensor]]:
    weight = head.weight + head.blending[:, None] * head.text_feats
    return {'form': 'linear'}, {'weight': weight[None], 'bias': weight.new_zeros(1, len(weight))}


@head_arrays.register
def _(head: ZipAdapterHead) -> tuple[dict, dict[str, Tensor]]:
    linear = head.projection.linear
    keys = F.normalize(head.projection(head.support_keys), dim=-1)
    arrays = {'keys': keys, 'values': head.support_values}
    if linear.weight.any() or linear.bias.any():
        arrays |= {'projection_weight': linear.weight, 'projection_bias': linear.bias}
    # The head adds so much to its temperature.
    return {'form': 'attention', 'beta': head.beta, 'tau': head.tau + 1e-9}, arrays


@head_arrays.register
def _(head: KernelRidgeHead) -> tuple[dict, dict[str, Tensor]]:
    arrays = {'keys': head.support_keys, 'values': head.coefficients}
    return {'form': 'attention', 'beta': head.beta, 'tau': 1.0}, arrays


@head_arrays.register
def _(head: RegionGaussianHead) -> tuple[dict, dict[str, Tensor]]:
    arrays = {'weight': head.weight[None], 'bias': head.bias[None]}
    if head.prior is not None:
        arrays['prior'] = head.prior.covariance.float()
    if head.statistics is not None:
        means, whitening = head.rejection_space()
        arrays |= {'rejection_means': means, 'rejection_whitening': whitening.float()}
    return {'form': 'linear', 'prior_weight': head.shrinkage.weight}, arrays
