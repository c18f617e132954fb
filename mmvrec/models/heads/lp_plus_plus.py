"""LP++: a linear probe blended with text."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.state import frozen
from mmvrec.registry import MODELS

# Of the initial blending: 250 times the classes' mean similarity to their text, as published.
_INITIAL_BLENDING = 250.0


@MODELS.register_module()
class LPPlusPlusHead(FewShotHead):
    """`LP++ <https://arxiv.org/abs/2404.02285>`_ (CVPR 2024): a linear probe blended with text.

    ``logits_k = x . (w_k + a_k t_k)`` with learned class weights w, learned blending a and text
    features t; the cross-entropy of all support views is lowered by block coordinate
    majorise-minimise descent, whose step sizes follow from the features: nothing is tuned. The
    paper's steps rest on an approximate bound of the curvature; here it is Boehning's exact one, so
    that no step can raise the loss. :meth:`fit` does all of it, always with the same result. It
    looks at one query at a time.

    Args:
        iterations (int): steps of w, at least 1. Defaults to 300.
        steps_per_blending (int): steps of w between two of a, at least 1. Defaults to 10.
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: an argument is less than 1.
    """

    method = 'LP++'
    paper = 'https://arxiv.org/abs/2404.02285'
    needs_text = True

    def __init__(self, iterations: int = 300, steps_per_blending: int = 10, **kwargs):
        super().__init__(**kwargs)
        for name, value in (('iterations', iterations), ('steps_per_blending', steps_per_blending)):
            if value < 1:
                raise ValueError(f'{name} must be at least 1, got {value}')
        self.iterations = iterations
        self.steps_per_blending = steps_per_blending

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create class weights (N, C) and blending (N,)."""
        self.weight = frozen(num_classes, channels)
        self.blending = frozen(num_classes)

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Minimise the cross-entropy of all support views."""
        targets = F.one_hot(labels.repeat_interleave(feats.shape[1]), num_classes).double()
        views = F.normalize(feats.flatten(0, 1).double(), dim=-1)
        similarity = views @ self.text_feats.double().T
        weight, blending = initial_solution(views, similarity, targets)
        curvature = largest_curvature(views)
        for step in range(1, self.iterations + 1):
            weight = weight_step(views, similarity, targets, weight, blending, curvature)
            if step % self.steps_per_blending == 0:
                blending = blending_step(views, similarity, targets, weight, blending)
        self.weight.copy_(weight)
        self.blending.copy_(blending)

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N)."""
        feats = F.normalize(feats, dim=-1)
        return feats @ (self.weight + self.blending[:, None] * self.text_feats).T


def initial_solution(views: Tensor, similarity: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Start from class means, and one blending for all classes.

    Args:
        views (Tensor): features of length 1, float64, (R, C).
        similarity (Tensor): their cosines with the text features, (R, N).
        targets (Tensor): one-hot labels, (R, N).

    Returns:
        tuple[Tensor, Tensor]: weight (N, C) and blending (N,).
    """
    shares = targets / targets.sum(0)
    own = (shares * similarity).sum(0).mean()
    return shares.T @ views, torch.full_like(targets[0], _INITIAL_BLENDING * own)


def _errors(views: Tensor, similarity: Tensor, targets: Tensor, weight: Tensor, blending: Tensor):
    """Probabilities minus targets, (R, N): the gradient in the logits of the summed loss."""
    return (views @ weight.T + blending * similarity).softmax(1) - targets


def largest_curvature(views: Tensor) -> float:
    """Bound of the summed loss's second derivative in the weight: ``lambda_max(F'F) / 2``."""
    return torch.linalg.matrix_norm(views, 2).square().item() / 2


def weight_step(
    views: Tensor,
    similarity: Tensor,
    targets: Tensor,
    weight: Tensor,
    blending: Tensor,
    curvature: float,
) -> Tensor:
    """Minimise the quadratic majorant of the loss in the weight.

    Args:
        views (Tensor): features of length 1, float64, (R, C).
        similarity (Tensor): their cosines with the text features, (R, N).
        targets (Tensor): one-hot labels, (R, N).
        weight (Tensor): class weights, (N, C).
        blending (Tensor): (N,).
        curvature (float): of :func:`largest_curvature`.

    Returns:
        Tensor: the new weight.
    """
    gradient = _errors(views, similarity, targets, weight, blending).T @ views
    return weight - gradient / curvature


def blending_step(
    views: Tensor, similarity: Tensor, targets: Tensor, weight: Tensor, blending: Tensor
) -> Tensor:
    """Minimise the quadratic majorant of the loss in the blending, see :func:`weight_step`."""
    gradient = (_errors(views, similarity, targets, weight, blending) * similarity).sum(0)
    return blending - 2 * gradient / similarity.square().sum(0).max()
