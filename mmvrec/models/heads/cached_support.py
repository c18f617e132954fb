"""What heads have in common that compare queries with the support instances."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.state import frozen


class CachedSupportHead(FewShotHead):
    """Keeps the support set: mean features of length 1 as keys, one-hot labels as values."""

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create keys (M, C) and values (M, N)."""
        self.support_keys = frozen(num_support, channels)
        self.support_values = frozen(num_support, num_classes)

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Cache the support set."""
        self.support_keys.copy_(F.normalize(feats.mean(1), dim=-1))
        self.support_values.copy_(F.one_hot(labels, num_classes))
