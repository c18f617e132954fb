"""Zip-Adapter-F: the fine-tuned Zip-Adapter."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.trained import TrainedHead
from mmvrec.models.heads.zip_adapter import ZipAdapterHead
from mmvrec.models.heads.zip_adapter_stack import ZipAdapterStack
from mmvrec.models.losses import batch_hard_triplet_loss
from mmvrec.models.losses.triplet import DISTANCES
from mmvrec.registry import MODELS

TRAINABLE = ('keys', 'projection')


@MODELS.register_module()
class ZipAdapterFHead(TrainedHead, ZipAdapterHead):
    """Fine-tuned Zip-Adapter, equations 4 to 6 of `MVREC <https://arxiv.org/abs/2412.16897>`_.

    Keys and projection are trained on all support views at once: cross-entropy of their logits plus
    ``triplet_weight`` times the batch-hard triplet loss of the projected views. The paper trains
    500 iterations of AdamW (lr 1e-4, eps 1e-6, cosine to 1e-5); its published numbers were made
    with the cross-entropy alone (``triplet_weight=0``).

    Args:
        beta (float): see :class:`ZipAdapterHead`. Defaults to 1.
        tau (float): see :class:`ZipAdapterHead`.
        triplet_weight (float): the paper's lambda, at least 0. Defaults to 4.
        margin (float): of the triplet loss, the paper's alpha. Defaults to 0.5.
        triplet_distance (str): ``euclidean`` (default) or ``normalized``, see
            :func:`batch_hard_triplet_loss`.
        trainable (Sequence[str]): what is trained (Table 5): ``keys``, ``projection`` or both
            (default).
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: an argument is not as described.
    """

    method = 'Zip-Adapter-F'
    paper = 'https://arxiv.org/abs/2412.16897'
    stack_type = ZipAdapterStack

    def __init__(
        self,
        beta: float = 1.0,
        tau: float = 0.11,
        triplet_weight: float = 4.0,
        margin: float = 0.5,
        triplet_distance: str = 'euclidean',
        trainable: Sequence[str] = TRAINABLE,
        **kwargs,
    ):
        super().__init__(beta, tau, **kwargs)
        if triplet_weight < 0:
            raise ValueError(f'triplet_weight must be at least 0, got {triplet_weight}')
        if triplet_distance not in DISTANCES:
            raise ValueError(
                f'triplet_distance must be one of {DISTANCES}, got {triplet_distance!r}'
            )
        if not trainable or not set(trainable) <= set(TRAINABLE):
            raise ValueError(f'trainable must name some of {TRAINABLE}, got {trainable}')
        self.triplet_weight = triplet_weight
        self.margin = margin
        self.triplet_distance = triplet_distance
        self.trainable = tuple(trainable)

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        super()._allocate(num_support, num_classes, channels)
        self.support_keys.requires_grad_('keys' in self.trainable)
        self.projection.requires_grad_('projection' in self.trainable)

    @torch.no_grad()
    def take_over(self, trained: 'ZipAdapterFHead', rows: Sequence[int | None]) -> None:
        """Take projection and keys; the key of an instance that is new stays as it is."""
        self.projection.load_state_dict(trained.projection.state_dict())
        for row, known in enumerate(rows):
            if known is not None:
                self.support_keys[row] = trained.support_keys[known]

    def _loss(self, feats: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Compute cross-entropy and weighted triplet loss of all support views."""
        views, labels = feats.flatten(0, 1), labels.repeat_interleave(feats.shape[1])
        projected = self.projection(views)
        losses = {'loss_ce': F.cross_entropy(self.attend(projected), labels)}
        if self.triplet_weight:
            losses['loss_triplet'] = self.triplet_weight * batch_hard_triplet_loss(
                projected, labels, self.margin, self.triplet_distance
            )
        return losses
