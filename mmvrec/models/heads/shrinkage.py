"""The covariance of Gaussian classes, shrunk towards what is known before any label."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmvrec.models.heads.covariance_prior import CovariancePrior
from mmvrec.models.heads.gaussian_statistics import NO_SCATTER, GaussianStatistics


@dataclass(frozen=True)
class Shrinkage:
    """``Sigma = a W + b P``: the scatter W within classes, and what it is shrunk to, P.

    Equations stand at :class:`RegionGaussianHead`.

    Args:
        prior (CovariancePrior, optional): P; None shrinks to the identity.
        weight (float): of the prior, in (0, 1]; without effect where there is none.
    """

    prior: CovariancePrior | None = None
    weight: float = 1.0

    def target(self, scatter: Tensor) -> Tensor:
        """Give P, float64, (C, C), on the device of the scatter."""
        if self.prior is None:
            return torch.eye(len(scatter), dtype=torch.float64, device=scatter.device)
        return self.prior.covariance.to(scatter.device)

    def shares(self, trace: float, statistics: GaussianStatistics) -> tuple[float, float]:
        """Compute the numbers a and b.

        Args:
            trace (float): tr(W).
            statistics (GaussianStatistics): of the same support; shapes and counts are looked at.
        """
        num_classes, channels = statistics.sums.shape
        num_views = statistics.num_views
        if trace <= NO_SCATTER * num_views:
            return 0.0, 1.0
        freedom = max(num_views - num_classes, 1)
        if self.prior is None:
            believed, target_trace = 1 - channels / (channels + num_views - 1), channels
        else:
            free = 1 - num_classes / float(statistics.instances.sum())
            believed, target_trace = (1 - self.weight) * free, self.prior.trace
        return believed / freedom, (1 - believed) * trace / (freedom * target_trace)

    def covariance(self, statistics: GaussianStatistics) -> Tensor:
        """Compute Sigma, float64, (C, C)."""
        scatter = statistics.scatter
        own, target = self.shares(float(scatter.trace()), statistics)
        return own * scatter + target * self.target(scatter)
