"""Linear probe."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from mmvrec.models.heads.base import FewShotHead
from mmvrec.models.heads.state import frozen
from mmvrec.registry import MODELS

SAMPLES = ('mean', 'all')


@MODELS.register_module()
class LinearProbeHead(FewShotHead):
    """Logistic regression on frozen features, as in `CLIP <https://arxiv.org/abs/2103.00020>`_.

    The CLIP-LinearProb baseline of MVREC: scikit-learn's ``LogisticRegression`` (L2 penalty,
    L-BFGS) on features of length 1. It is fitted to its optimum on the CPU by :meth:`fit`, always
    with the same result.

    Args:
        C (float): inverse strength of the penalty, > 0. Defaults to 31.6, which on features of
            length 1 is what CLIP's 0.316 is on raw ones of length 10.
        views (str): the samples that it is fitted on: ``mean`` (default), one mean feature per
            support instance, or ``all``, every view.
        **kwargs: ``merge_views`` and ``view_indices``, see :class:`FewShotHead`.

    Raises:
        ValueError: ``C`` is not positive, or ``views`` is none of these.
    """

    method = 'Linear probe'
    paper = 'https://arxiv.org/abs/2103.00020'

    def __init__(
        self,
        C: float = 31.6,
        views: Literal['mean', 'all'] = 'mean',
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not C > 0:
            raise ValueError(f'C must be positive, got {C}')
        if views not in SAMPLES:
            raise ValueError(f'views must be one of {SAMPLES}, got {views!r}')
        self.C = C
        self.views = views

    def _allocate(self, num_support: int, num_classes: int, channels: int) -> None:
        """Create weight (N, C) and bias (N,)."""
        self.weight = frozen(num_classes, channels)
        self.bias = frozen(num_classes)

    @torch.no_grad()
    def _fit(self, feats: Tensor, labels: Tensor, num_classes: int) -> None:
        """Fit the regression and copy its weights."""
        if self.views == 'all':
            labels = labels.repeat_interleave(feats.shape[1])
            feats = feats.flatten(0, 1)
        else:
            feats = feats.mean(1)
        weight, bias = logistic_regression(F.normalize(feats, dim=-1), labels, self.C)
        self.weight.copy_(weight)
        self.bias.copy_(bias)

    def class_logits(self, feats: Tensor) -> Tensor:
        """Compute logits of single features, (..., C) to (..., N)."""
        return F.linear(F.normalize(feats, dim=-1), self.weight, self.bias)


def logistic_regression(feats: Tensor, labels: Tensor, C: float) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regression by scikit-learn, in double precision.

    Args:
        feats (Tensor): float, (M, C).
        labels (Tensor): class indices, int64, (M,); every class occurs, and there are at least 2.
        C (float): inverse strength of the L2 penalty.

    Returns:
        tuple[Tensor, Tensor]: weight (N, C) and bias (N,), float64, on the CPU.
    """
    from sklearn.linear_model import LogisticRegression

    regression = LogisticRegression(C=C, tol=1e-6, max_iter=10_000)
    regression.fit(feats.double().cpu().numpy(), labels.cpu().numpy())
    weight, bias = torch.from_numpy(regression.coef_), torch.from_numpy(regression.intercept_)
    if len(weight) == 1:  # Two classes: the one row tells class 1 from class 0.
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    return weight, bias
