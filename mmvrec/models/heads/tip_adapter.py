"""Tip-Adapter and its fine-tuned variant."""

import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.cached_support import CachedSupportHead
from mmvrec.models.heads.kernel_ridge import cosine_kernel
from mmvrec.models.heads.trained import TrainedHead
from mmvrec.models.heads.zero_shot import ZeroShotHead
from mmvrec.registry import MODELS


@MODELS.register_module()
class TipAdapterHead(CachedSupportHead, ZeroShotHead):
    """Training-free `Tip-Adapter <https://arxiv.org/abs/2111.03930>`_ (ECCV 2022), equation 6.

    Zero-shot logits plus the attention over the cached support set:
    ``logits = logit_scale * cos(query, text) + alpha * exp(-beta (1 - cos(query, key))) @ values``,
    with the support instances' mean features as keys.

    Args:
        alpha (float): weight of the cache, at least 0. Defaults to 1, the paper's.
        beta (float): sharpness of the attention, > 0. Defaults to 5.5, the paper's.
        **kwargs: see :class:`ZeroShotHead`.

    Raises:
        ValueError: ``alpha`` is negative or ``beta`` not positive.
    """

    method = 'Tip-Adapter'
    paper = 'https://arxiv.org/abs/2111.03930'

    def __init__(self, alpha: float = 1.0, beta: float = 5.5, **kwargs):
        super().__init__(**kwargs)
        if alpha < 0:
            raise ValueError(f'alpha must be at least 0, got {alpha}')
        if not beta > 0:
            raise ValueError(f'beta must be positive, got {beta}')
        self.alpha = alpha
        self.beta = beta

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N)."""
        affinity = cosine_kernel(F.normalize(feats, dim=-1), self.support_keys, self.beta)
        return self.text_logits(feats) + self.alpha * affinity @ self.support_values


@MODELS.register_module()
class TipAdapterFHead(TrainedHead, TipAdapterHead):
    """`Tip-Adapter-F <https://arxiv.org/abs/2111.03930>`_ (ECCV 2022): the keys are trained.

    The cached keys are the weights of a linear layer that is trained with the cross-entropy of all
    support views. As published, a trained key is used as it is, its length not set back to 1.

    Args:
        **kwargs: see :class:`TipAdapterHead`.
    """

    method = 'Tip-Adapter-F'
    paper = 'https://arxiv.org/abs/2111.03930'
    incremental = False

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        super()._allocate(num_support, num_classes, channels)
        self.support_keys.requires_grad_()

    def _loss(self, feats: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Compute the cross-entropy of all support views."""
        views, labels = feats.flatten(0, 1), labels.repeat_interleave(feats.shape[1])
        return {'loss_ce': F.cross_entropy(self.class_logits(views), labels)}
