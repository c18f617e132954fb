"""Any head, fused with the zero-shot classifier."""

import torch
from torch import Tensor

from mmvrec.models.heads.state import frozen
from mmvrec.models.heads.zero_shot import ZeroShotHead
from mmvrec.registry import MODELS

#: What the weight is chosen from.
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0)
#: The weight where it cannot be chosen: with one instance of a class nothing can be left out.
ONE_SHOT_WEIGHT = 1.0


@MODELS.register_module()
class TextFusionHead(ZeroShotHead):
    """A product of two experts: another head, and CLIP's zero-shot classifier.

    ``log p = log p_head + weight * log p_text`` up to a constant. Around Zip-Adapter it removes the
    limitation that MVREC names for future work, that class names are not used. Training-free, as
    the head must be.

    Args:
        head (dict): config of a training-free head; its logits of single features are fused.
        weight (float, optional): of the text, at least 0. None (default): of ``WEIGHTS`` the one
            with the greatest leave-one-out likelihood of the support set, the smaller of equal
            ones; ``ONE_SHOT_WEIGHT`` where a class has one instance only.
        **kwargs: see :class:`ZeroShotHead`.

    Raises:
        ValueError: ``weight`` is negative, or ``head`` is one that trains.
    """

    method = 'Text fusion'

    def __init__(self, head: dict, weight: float | None = None, **kwargs):
        super().__init__(**kwargs)
        if weight is not None and weight < 0:
            raise ValueError(f'weight must be at least 0, or None to choose it, got {weight}')
        self.head_cfg = dict(head)
        self.head = MODELS.build(dict(head))
        if self.head.trains:
            raise ValueError(f'only training-free heads are fused with text, got {head}')
        self.given_weight = weight

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create the inner head's parameters, and the weight, a scalar."""
        self.head.allocate(num_support, num_classes, channels)
        self.weight = frozen()

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Fit the head, and choose the weight unless it is given."""
        weight = self.given_weight
        if weight is None and labels.bincount().min() == 1:
            weight = ONE_SHOT_WEIGHT
        if weight is None:
            weight = self.most_likely_weight(feats, labels, num_classes)
        self.weight.fill_(weight)
        self.head.fit(feats, labels, num_classes, self.text_feats)

    def most_likely_weight(self, feats: Tensor, labels: Tensor, num_classes: int) -> float:
        """Choose the weight with the greatest leave-one-out likelihood of the support set.

        Args:
            feats (Tensor): view features, float, (M, V, C).
            labels (Tensor): class indices, int64, (M,); every class occurs twice.
            num_classes (int): N.

        Returns:
            float: one of ``WEIGHTS``, the smaller of equal ones.
        """
        held_out = []
        for index in range(len(labels)):
            others = torch.arange(len(labels), device=labels.device) != index
            head = MODELS.build(dict(self.head_cfg))
            head.fit(feats[others], labels[others], num_classes, self.text_feats)
            held_out.append(head.class_logits(feats[index].mean(0)).log_softmax(-1))
        own = torch.stack(held_out)
        text = self.text_logits(feats.mean(1)).log_softmax(-1)
        likelihoods = [
            (own + w * text).log_softmax(-1).gather(1, labels[:, None]).sum().item()
            for w in WEIGHTS
        ]
        return WEIGHTS[likelihoods.index(max(likelihoods))]

    def class_logits(self, feats: Tensor) -> Tensor:
        """Fuse log-probabilities, up to a constant, of single features, (..., C) to (..., N)."""
        return self.head.class_logits(feats) + self.weight * self.text_logits(feats)
