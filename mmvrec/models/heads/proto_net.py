"""Prototypical Networks on frozen features."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.state import frozen
from mmvrec.registry import MODELS


@MODELS.register_module()
class ProtoNetHead(FewShotHead):
    """`Prototypical Networks <https://arxiv.org/abs/1703.05175>`_ (NeurIPS 2017): class means.

    A class's prototype is the mean of its support instances' features, each averaged over its
    views and scaled to length 1; ``logits = cos(query, prototype) / temperature``. On CLIP's frozen
    features this is the CLIP-ProtoNet baseline of MVREC. Training-free.

    Args:
        temperature (float): > 0. Defaults to 0.01, CLIP's own.
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: ``temperature`` is not positive.
    """

    method = 'Prototypical Networks'
    paper = 'https://arxiv.org/abs/1703.05175'

    def __init__(self, temperature: float = 0.01, **kwargs):
        super().__init__(**kwargs)
        if not temperature > 0:
            raise ValueError(f'temperature must be positive, got {temperature}')
        self.temperature = temperature

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create prototypes (N, C)."""
        self.prototypes = frozen(num_classes, channels)

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Average each class."""
        self.prototypes.copy_(class_means(F.normalize(feats.mean(1), dim=-1), labels, num_classes))

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N), within 1 / temperature of 0."""
        prototypes = F.normalize(self.prototypes, dim=-1)
        return F.normalize(feats, dim=-1) @ prototypes.T / self.temperature


def class_means(feats: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Average the features of every class.

    Args:
        feats (Tensor): float, (M, C).
        labels (Tensor): class indices, int64, (M,); every class occurs.
        num_classes (int): N.

    Returns:
        Tensor: float, (N, C).
    """
    return torch.stack([feats[labels == label].mean(0) for label in range(num_classes)])
