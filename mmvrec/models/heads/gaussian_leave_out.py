"""What a Gaussian head would say of support instances had it been fitted without them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from mmvrec.models.heads.gaussian_discriminant import levelled
from mmvrec.models.heads.gaussian_statistics import GaussianStatistics, unit_views
from mmvrec.models.heads.shrinkage import Shrinkage


class GaussianLeaveOut:
    r"""Parameters without blocks of instances, in closed form.

    All covariances of a :class:`RegionGaussianHead` are ``a W' + b T`` with two numbers that every
    support set has its own of. Without block B the scatter is smaller by few directions::

        W' = W - U U',   U = [x_v - m_B,  sqrt(n_B n / (n - n_B)) (m_B - mu)]

    for the views x_v of B of each class, their mean m_B and number n_B, and mean mu and number n of
    the class. With ``T = L L'`` and ``L^-1 W L'^-1 = Q D Q'``, ``R = L'^-1 Q`` makes T the identity
    and W diagonal, once for all blocks, and Sherman, Morrison and Woodbury's identity does the
    rest: with ``A = a D + b`` and ``Z = R' U``::

        Sigma'^-1 = R (A^-1 + a A^-1 Z (1 - a Z' A^-1 Z)^-1 Z' A^-1) R'

    Args:
        feats (Tensor): view features of the support, float, (M, V, C).
        labels (Tensor): class indices, int64, (M,); every class occurs.
        shrinkage (Shrinkage): of the covariance.
    """

    def __init__(self, feats: Tensor, labels: Tensor, shrinkage: Shrinkage):
        self.views, self.labels, self.shrinkage = unit_views(feats), labels, shrinkage
        self.statistics = GaussianStatistics.of(self.views, labels, int(labels.max()) + 1)
        scatter = self.statistics.scatter
        self.trace = float(scatter.trace())
        factor = torch.linalg.cholesky(shrinkage.target(scatter))
        half = torch.linalg.solve_triangular(factor, scatter, upper=False)
        inner = torch.linalg.solve_triangular(factor, half.T, upper=False)
        self.scatters, rotation = torch.linalg.eigh((inner + inner.T) / 2)
        self.basis = torch.linalg.solve_triangular(factor.T, rotation, upper=True)

    def without(self, block: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Weight (N, C) and bias (N,), float64, of a fit without some instances.

        Args:
            block (Sequence[int]): positions of instances; of every class some are left.
        """
        means, instances, solve = self._solver(block)
        centre = means.mean(0)
        weight, bias = levelled(solve(means - centre), means - centre, centre, instances)
        return weight @ self.basis.T, bias

    def distances(self, block: Sequence[int]) -> Tensor:
        """Squared Mahalanobis distances of some instances to the class means of a fit without them.

        Args:
            block (Sequence[int]): positions of instances; of every class some are left.

        Returns:
            Tensor: of the mean unit views, float64, (len(block), N).
        """
        means, _, solve = self._solver(block)
        ways = (self.views[block].mean(1) @ self.basis)[:, None] - means
        return (solve(ways.flatten(0, 1)).view_as(ways) * ways).sum(-1)

    def _solver(self, block: Sequence[int]) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        """Class means and instances without a block, and what multiplies rows by the inverse.

        Means and rows are in the basis.
        """
        labels = self.labels[block]
        counts = labels.bincount(minlength=len(self.statistics.counts)).to(self.views)
        less = self.views.new_zeros(self.statistics.sums.shape)
        less.index_add_(0, labels, self.views[block].sum(1))
        left = replace(
            self.statistics,
            sums=self.statistics.sums - less,
            counts=self.statistics.counts - counts * self.views.shape[1],
            instances=self.statistics.instances - counts,
        )
        directions = torch.cat([self._directions(block, k) for k in labels.unique()])
        trace = max(self.trace - float(directions.square().sum()), 0.0)
        own, target = self.shrinkage.shares(trace, left)
        inverse = 1 / (own * self.scatters + target)
        turned = directions @ self.basis
        scaled = turned * inverse
        core = torch.eye(len(turned), dtype=turned.dtype, device=turned.device)
        core = core - own * scaled @ turned.T

        def solve(rows: Tensor) -> Tensor:
            plain = rows * inverse
            return plain + own * torch.linalg.solve(core, turned @ plain.T).T @ scaled

        return left.means @ self.basis, left.instances, solve

    def _directions(self, block: Sequence[int], label: Tensor) -> Tensor:
        """Rows of U' of one class, (n_B + 1, C)."""
        views = self.views[block][self.labels[block] == label].flatten(0, 1)
        mean, number = views.mean(0), len(views)
        total = self.statistics.counts[label]
        shift = mean - self.statistics.means[label]
        weight = (number * total / (total - number)).sqrt()
        return torch.cat([views - mean, weight * shift[None]])
