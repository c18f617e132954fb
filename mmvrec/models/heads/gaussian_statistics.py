"""Sufficient statistics of Gaussian classes: what grows and shrinks with the support set."""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

# Mean squared residual of unit features under which a class does not scatter at all.
NO_SCATTER = 1e-12


@dataclass(frozen=True)
class GaussianStatistics:
    """Sums over the views of every class, from which means and scatter follow.

    With unit views ``x`` of class k: ``s_k = sum x``, ``n_k`` their number, and over all classes
    ``G = sum x x'``. Then ``mu_k = s_k / n_k`` and the scatter within classes is
    ``W = G - sum_k s_k s_k' / n_k``. An instance is added or removed by adding or subtracting its
    own sums. A value: nothing changes it, so that copies share their tensors.

    Args:
        sums (Tensor): s, float64, (N, C).
        counts (Tensor): n, views, float64, (N,).
        instances (Tensor): instances, float64, (N,).
        gram (Tensor): G, float64, (C, C).
    """

    sums: Tensor
    counts: Tensor
    instances: Tensor
    gram: Tensor

    def __deepcopy__(self, memo: dict) -> 'GaussianStatistics':
        """Itself, as it never changes."""
        return self

    @classmethod
    def of(cls, feats: Tensor, labels: Tensor, num_classes: int) -> 'GaussianStatistics':
        """The statistics of some instances.

        Args:
            feats (Tensor): view features, float, (M, V, C), of any length.
            labels (Tensor): class indices, int64, (M,).
            num_classes (int): N.
        """
        views = unit_views(feats)
        rows = views.flatten(0, 1)
        sums = rows.new_zeros(num_classes, rows.shape[1]).index_add_(0, labels, views.sum(1))
        instances = labels.bincount(minlength=num_classes).to(rows)
        return cls(sums, instances * views.shape[1], instances, rows.T @ rows)

    @property
    def num_views(self) -> float:
        """Views of all classes."""
        return float(self.counts.sum())

    @property
    def means(self) -> Tensor:
        """Mean view of every class, float64, (N, C)."""
        return self.sums / self.counts[:, None]

    @property
    def scatter(self) -> Tensor:
        """Summed outer products of views minus their class means, float64, (C, C)."""
        return self.gram - self.sums.T @ self.means

    def plus(self, other: 'GaussianStatistics') -> 'GaussianStatistics':
        """With the instances of ``other``, which may know further classes behind those of self."""
        more = len(other.counts) - len(self.counts)
        return GaussianStatistics(
            F.pad(self.sums, (0, 0, 0, more)) + other.sums,
            F.pad(self.counts, (0, more)) + other.counts,
            F.pad(self.instances, (0, more)) + other.instances,
            self.gram + other.gram,
        )

    def minus(self, other: 'GaussianStatistics') -> 'GaussianStatistics':
        """Without the instances of ``other``; classes of which nothing is left leave too.

        Raises:
            ValueError: a class has fewer views than are to be taken from it.
        """
        counts = self.counts - other.counts
        if counts.min() < 0:
            label = int(counts.argmin())
            raise ValueError(
                f'class {label} has {self.counts[label]:.0f} views, of which '
                f'{other.counts[label]:.0f} cannot be removed'
            )
        left = counts > 0
        return GaussianStatistics(
            (self.sums - other.sums)[left],
            counts[left],
            (self.instances - other.instances)[left],
            self.gram - other.gram,
        )


def unit_views(feats: Tensor) -> Tensor:
    """Views of length 1 in double precision, (…, C); a zero view stays zero."""
    return F.normalize(feats.double(), dim=-1)
