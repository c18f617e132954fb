"""CLIP's zero-shot classifier."""

import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.base import FewShotHead
from mmvrec.registry import MODELS

#: CLIP's learned temperature, at the bound of its training.
LOGIT_SCALE = 100.0


@MODELS.register_module()
class ZeroShotHead(FewShotHead):
    """`CLIP <https://arxiv.org/abs/2103.00020>`_'s classifier: similarity to the classes' texts.

    ``logits = logit_scale * cos(query, text)``: the CLIP-ZeroShot baseline of MVREC. The support
    set is not looked at. Training-free.

    Args:
        logit_scale (float): > 0. Defaults to 100, CLIP's.
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: ``logit_scale`` is not positive.
    """

    method = 'CLIP zero-shot'
    paper = 'https://arxiv.org/abs/2103.00020'
    needs_text = True

    def __init__(self, logit_scale: float = LOGIT_SCALE, **kwargs):
        super().__init__(**kwargs)
        if not logit_scale > 0:
            raise ValueError(f'logit_scale must be positive, got {logit_scale}')
        self.logit_scale = logit_scale

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """The text features are all it needs."""

    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """The text features are all it needs."""

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N)."""
        return self.text_logits(feats)

    def text_logits(self, feats: Tensor) -> Tensor:
        """Compute ``logit_scale * cos`` with the text features, (..., C) to (..., N)."""
        return self.logit_scale * F.normalize(feats, dim=-1) @ self.text_feats.T
