"""CLIP-Adapter."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmvrec.models.heads.trained import TrainedHead
from mmvrec.models.heads.zero_shot import ZeroShotHead
from mmvrec.registry import MODELS


@MODELS.register_module()
class CLIPAdapterHead(TrainedHead, ZeroShotHead):
    """`CLIP-Adapter <https://arxiv.org/abs/2110.04544>`_ (IJCV 2024), its visual adapter.

    A bottleneck of two linear layers without bias, each with a ReLU, is trained on the features;
    ``logits = logit_scale * cos(ratio * adapter(query) + (1 - ratio) * query, text)``. The loss is
    the cross-entropy of all support views.

    Args:
        ratio (float): share of the adapter's output, in [0, 1]. Defaults to 0.2, the paper's.
        reduction (int): channels over those of the bottleneck, at least 1. Defaults to 4.
        init_seed (int): seed of the adapter's initial weights. Defaults to 0.
        **kwargs: see :class:`ZeroShotHead`.

    Raises:
        ValueError: an argument is not as described.
    """

    method = 'CLIP-Adapter'
    paper = 'https://arxiv.org/abs/2110.04544'
    incremental = False

    def __init__(self, ratio: float = 0.2, reduction: int = 4, init_seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= ratio <= 1:
            raise ValueError(f'ratio must be 0 to 1, got {ratio}')
        if reduction < 1:
            raise ValueError(f'reduction must be at least 1, got {reduction}')
        self.ratio = ratio
        self.reduction = reduction
        self.init_seed = init_seed

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create the two linear layers."""
        width = max(channels // self.reduction, 1)
        self.down = nn.Linear(channels, width, bias=False)
        self.up = nn.Linear(width, channels, bias=False)

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Draw the initial weights, the same for every support set, as torch draws them."""
        generator = torch.Generator().manual_seed(self.init_seed)
        for layer in (self.down, self.up):
            drawn = torch.empty(layer.weight.shape)
            nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
            layer.weight.copy_(drawn)

    def embed(self, feats: Tensor) -> Tensor:
        """Adapted features, (..., C) to (..., C)."""
        adapted = F.relu(self.up(F.relu(self.down(feats))))
        return self.ratio * adapted + (1 - self.ratio) * feats

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N)."""
        return self.text_logits(self.embed(feats))

    def _loss(self, feats: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Compute the cross-entropy of all support views."""
        views, labels = feats.flatten(0, 1), labels.repeat_interleave(feats.shape[1])
        return {'loss_ce': F.cross_entropy(self.class_logits(views), labels)}
