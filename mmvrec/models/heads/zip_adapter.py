"""Zip-Adapter: attention over a cached support set."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmvrec.models.heads.base import FewShotHead
from mmvrec.registry import MODELS


class ZeroInitProjection(nn.Module):
    """``x + SiLU(linear(x))`` with a zero linear layer: the identity before any training."""

    def __init__(self, channels: int):
        super().__init__()
        self.linear = nn.Linear(channels, channels)
        self.reset()

    def reset(self) -> None:
        """Make it the identity again."""
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Project features, (..., C) to (..., C)."""
        return x + F.silu(self.linear(x))


def balanced_values(labels: Tensor, num_classes: int) -> Tensor:
    """Weigh one-hot labels: those of a class with n of the M instances times M / (N n).

    Affinities are summed, so a class with more instances would win by their number alone. With K
    instances of every class, as in the paper, the factor is 1.

    Args:
        labels (Tensor): class indices, int64, (M,); every class occurs.
        num_classes (int): N.

    Returns:
        Tensor: float32, (M, N).
    """
    counts = labels.bincount(minlength=num_classes)
    return F.one_hot(labels, num_classes) * (len(labels) / (num_classes * counts))


@MODELS.register_module()
class ZipAdapterHead(FewShotHead):
    """Training-free Zip-Adapter, equations 1 to 3 of `MVREC <https://arxiv.org/abs/2412.16897>`_.

    Keys are the support instances' features, averaged over their views; values their one-hot
    labels, weighted where classes differ in number (:func:`balanced_values`). Queries and keys pass
    the same zero-initialised projection, then
    ``logits = exp(-beta (1 - cos(query, key))) @ values / tau``. Without training the projection
    is the identity.

    Args:
        beta (float): sharpness of the attention, > 0. Defaults to 32.
        tau (float): temperature of the logits, > 0. Defaults to 0.11, as released.
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: ``beta`` or ``tau`` is not positive.
    """

    method = 'Zip-Adapter'
    paper = 'https://arxiv.org/abs/2412.16897'

    def __init__(self, beta: float = 32.0, tau: float = 0.11, **kwargs):
        super().__init__(**kwargs)
        for name, value in (('beta', beta), ('tau', tau)):
            if not value > 0:
                raise ValueError(f'{name} must be positive, got {value}')
        self.beta = beta
        self.tau = tau

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create projection, keys (M, C) and values (M, N)."""
        self.projection = ZeroInitProjection(channels)
        self.support_keys = nn.Parameter(torch.zeros(num_support, channels))
        self.register_buffer('support_values', torch.zeros(num_support, num_classes))

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Cache the support set, with the projection the identity."""
        self.projection.reset()
        self.support_keys.copy_(feats.mean(1))
        self.support_values.copy_(balanced_values(labels, num_classes))

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N), each at least 0."""
        return self.attend(self.projection(feats))

    def embed(self, feats: Tensor) -> Tensor:
        """Project features, (..., C) to (..., C)."""
        return self.projection(feats)

    def attend(self, projected: Tensor) -> Tensor:
        """Compute logits of features that are projected already, (..., C) to (..., N)."""
        queries = F.normalize(projected, dim=-1)
        keys = F.normalize(self.projection(self.support_keys), dim=-1)
        affinity = torch.exp(-self.beta * (1 - queries @ keys.T))
        # The released code guards its temperature so, and the published numbers include it.
        return affinity @ self.support_values / (self.tau + 1e-9)
