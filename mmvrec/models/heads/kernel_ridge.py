"""Kernel ridge regression."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.state import frozen
from mmvrec.registry import MODELS

# What alpha is chosen from.
ALPHAS = (0.001, 0.01, 0.1, 1.0, 10.0)


@MODELS.register_module()
class KernelRidgeHead(FewShotHead):
    """Kernel ridge regression to one-hot labels, ProKeR without its zero-shot prior.

    `ProKeR <https://arxiv.org/abs/2501.11175>`_ (CVPR 2025) reads cache adapters as local kernel
    smoothers and solves for the coefficients instead: ``logits = k(query, keys) (K + alpha I)^-1
    Y`` with Zip-Adapter's keys, one-hot labels Y and kernel ``exp(-beta (1 - cos))``. The logits
    estimate Y itself, so that their softmax is flatter than the posterior. Training-free.

    Args:
        beta (float): sharpness of the kernel, > 0. Defaults to 32, as in Zip-Adapter.
        alpha (float, optional): ridge, > 0. None: of ``ALPHAS`` the one with the least squared
            leave-one-out error on the support set. Defaults to 0.1.
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: ``beta`` or ``alpha`` is not positive.
    """

    method = 'ProKeR'
    paper = 'https://arxiv.org/abs/2501.11175'

    def __init__(self, beta: float = 32.0, alpha: float | None = 0.1, **kwargs):
        super().__init__(**kwargs)
        if not beta > 0:
            raise ValueError(f'beta must be positive, got {beta}')
        if alpha is not None and not alpha > 0:
            raise ValueError(f'alpha must be positive, or None to choose it, got {alpha}')
        self.beta = beta
        self.alpha = alpha

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create keys (M, C) of length 1 and coefficients (M, N)."""
        self.support_keys = frozen(num_support, channels)
        self.coefficients = frozen(num_support, num_classes)

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Cache the keys and solve for the coefficients."""
        self.support_keys.copy_(F.normalize(feats.mean(1), dim=-1))
        kernel = cosine_kernel(self.support_keys.double(), self.support_keys.double(), self.beta)
        targets = F.one_hot(labels, num_classes).double()
        alpha = least_error(kernel, targets, ALPHAS) if self.alpha is None else self.alpha
        self.coefficients.copy_(torch.linalg.solve(add_ridge(kernel, alpha), targets))

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N)."""
        kernel = cosine_kernel(F.normalize(feats, dim=-1), self.support_keys, self.beta)
        return kernel @ self.coefficients


def cosine_kernel(a: Tensor, b: Tensor, beta: float) -> Tensor:
    """Compute ``exp(-beta (1 - cos))`` of unit features, (..., C) and (M, C) to (..., M)."""
    return torch.exp(-beta * (1 - a @ b.T))


def add_ridge(kernel: Tensor, alpha: float) -> Tensor:
    """Add the ridge: ``kernel + alpha I``, (M, M)."""
    return kernel + alpha * torch.eye(len(kernel), dtype=kernel.dtype, device=kernel.device)


def leave_one_out_residuals(kernel: Tensor, targets: Tensor, alpha: float) -> Tensor:
    """Compute every sample's target less the prediction of a fit on the others.

    In closed form, the coefficients over the diagonal of the inverse: no sample is refitted.

    Args:
        kernel (Tensor): float64, (M, M).
        targets (Tensor): float64, (M, N).
        alpha (float): the ridge.

    Returns:
        Tensor: float64, (M, N).
    """
    inverse = torch.linalg.inv(add_ridge(kernel, alpha))
    return inverse @ targets / inverse.diagonal()[:, None]


def least_error(kernel: Tensor, targets: Tensor, alphas: tuple[float, ...]) -> float:
    """Of ``alphas`` the one with the least squared leave-one-out error."""
    return min(
        alphas,
        key=lambda alpha: leave_one_out_residuals(kernel, targets, alpha).square().sum().item(),
    )
