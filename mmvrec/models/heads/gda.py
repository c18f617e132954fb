"""Gaussian discriminant analysis."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.proto_net import class_means
from mmvrec.models.heads.scores import log_merge_by_entropy
from mmvrec.models.heads.state import frozen
from mmvrec.registry import MODELS

# Mean squared residual of unit features under which a class does not scatter at all.
NO_SCATTER = 1e-12


@MODELS.register_module()
class GDAHead(FewShotHead):
    """Gaussian discriminant analysis, without the text of the paper's ensemble.

    `A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation
    <https://arxiv.org/abs/2402.04087>`_ (ICLR 2024): classes are Gaussians with one covariance, so
    ``logits = W x + b`` with ``w_k = P mu_k`` and ``b_k = log pi_k - mu_k' P mu_k / 2``. The
    precision is estimated with shrinkage, see :func:`shrunk_precision`. Means and precision are
    those of all support views, scaled to length 1. Training-free.

    With ``groups`` the V views are split in so many consecutive parts, each with its own analysis:
    3 separates the scales of :class:`MultiViewRegionContext`, whose views come scale by scale.
    Views are merged within their group, and the groups' logits averaged.

    Args:
        shrinkage (float): weight of the ridge, > 0. Defaults to 1, the paper's.
        groups (int): parts of the views with their own analysis, at least 1; V must be a multiple.
            Defaults to 1.
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: an argument is not as described.
    """

    method = 'GDA'
    paper = 'https://arxiv.org/abs/2402.04087'

    def __init__(self, shrinkage: float = 1.0, groups: int = 1, **kwargs):
        super().__init__(**kwargs)
        if not shrinkage > 0:
            raise ValueError(f'shrinkage must be positive, got {shrinkage}')
        if groups < 1:
            raise ValueError(f'groups must be at least 1, got {groups}')
        self.shrinkage = shrinkage
        self.groups = groups

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create weights (groups, N, C) and biases (groups, N)."""
        self.weight = frozen(self.groups, num_classes, channels)
        self.bias = frozen(self.groups, num_classes)

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Fit the analysis of every group."""
        grouped = F.normalize(self._split(feats).double(), dim=-1)
        labels = labels.repeat_interleave(grouped.shape[2])
        for index, views in enumerate(grouped.unbind(1)):
            weight, bias = discriminant(views.flatten(0, 1), labels, num_classes, self.shrinkage)
            self.weight[index] = weight
            self.bias[index] = bias

    def _split(self, feats: Tensor) -> Tensor:
        """Group the views, (B, V, C) to (B, groups, V / groups, C)."""
        if feats.shape[1] % self.groups:
            raise ValueError(
                f'{feats.shape[1]} views cannot be split in {self.groups} equal groups; set '
                'model.head.groups to the number of scales that the views were made with, or to 1'
            )
        return feats.unflatten(1, (self.groups, -1))

    def class_logits(self, feats: Tensor) -> Tensor:
        """Average the groups' logits of features of no known group, (..., C) to (..., N)."""
        return F.linear(F.normalize(feats, dim=-1), self.weight.mean(0), self.bias.mean(0))

    def _scores(self, feats: Tensor) -> Tensor:
        """Score queries, every view by its group's analysis."""
        grouped = self._split(feats)
        if self.merge_views == 'feature':
            grouped = grouped.mean(2, keepdim=True)
        logits = torch.einsum('bgvc,gnc->bgvn', F.normalize(grouped, dim=-1), self.weight)
        logits = (logits + self.bias[:, None]).flatten(1, 2)
        return log_merge_by_entropy(logits) if self.merge_views == 'entropy' else logits.mean(1)


def discriminant(
    feats: Tensor, labels: Tensor, num_classes: int, shrinkage: float
) -> tuple[Tensor, Tensor]:
    """Weight (N, C) and bias (N,) of Gaussian discriminant analysis, equation 4 of the paper.

    Args:
        feats (Tensor): float64, (M, C).
        labels (Tensor): class indices, int64, (M,); every class occurs.
        num_classes (int): N.
        shrinkage (float): see :func:`shrunk_precision`.
    """
    means = class_means(feats, labels, num_classes)
    weight = means @ shrunk_precision(feats - means[labels], shrinkage)
    log_prior = (labels.bincount(minlength=num_classes) / len(labels)).log()
    return weight, log_prior - (weight * means).sum(-1) / 2


def shrunk_precision(residuals: Tensor, shrinkage: float) -> Tensor:
    """Precision matrix of few samples in many dimensions.

    ``C ((M - 1) S + shrinkage tr(S) I)^-1`` with the sample covariance S: the empirical Bayes
    ridge-type estimator of the paper. Without any scatter (one view of one shot) it is the
    identity, which makes the analysis a nearest class mean.

    Args:
        residuals (Tensor): samples minus the means of their classes, float64, (M, C).
        shrinkage (float): weight of the ridge; 1 in the paper.

    Returns:
        Tensor: float64, (C, C).
    """
    samples, channels = residuals.shape
    scatter = residuals.T @ residuals
    identity = torch.eye(channels, dtype=residuals.dtype, device=residuals.device)
    if scatter.trace() <= NO_SCATTER * samples:
        return identity
    ridge = shrinkage * scatter.trace() / (samples - 1)
    return channels * torch.linalg.inv(scatter + ridge * identity)
