"""The covariance of Gaussian classes, shrunk towards what is known before any label."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mmvrec.models.heads.covariance_prior import CovariancePrior
from mmvrec.models.heads.gaussian_statistics import NO_SCATTER, GaussianStatistics


@dataclass(frozen=True)
class Shrinkage:
    """``Sigma = a W + b T``: the scatter W within classes, and what it is shrunk to, T.

    Equations stand at :class:`RegionGaussianHead`; a and b are those here up to their scale.

    Args:
        prior (CovariancePrior, optional): P; None shrinks to the identity.
        weight (float): of the prior in T, in (0, 1]; without effect where there is none.
    """

    prior: CovariancePrior | None = None
    weight: float = 1.0

    def target(self, scatter: Tensor) -> Tensor:
        """Give T with a mean variance of 1, float64, (C, C), on the device of the scatter."""
        identity = torch.eye(len(scatter), dtype=torch.float64, device=scatter.device)
        if self.prior is None:
            return identity
        scale = self.weight * len(scatter) / self.prior.trace
        return scale * self.prior.covariance.to(scatter.device) + (1 - self.weight) * identity

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
        doubted = channels / (channels + num_views - 1)
        return (1 - doubted) / freedom, doubted * trace / (freedom * channels)

    def covariance(self, statistics: GaussianStatistics) -> Tensor:
        """Compute Sigma, float64, (C, C)."""
        scatter = statistics.scatter
        own, target = self.shares(float(scatter.trace()), statistics)
        return own * scatter + target * self.target(scatter)
