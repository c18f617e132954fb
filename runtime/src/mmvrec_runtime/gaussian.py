"""The Gaussian head of mmvrec (``RegionGaussianHead``) in closed form, see there."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from mmvrec_runtime.shared.scoring import normalize

#: Mean squared residual of unit features under which a class does not scatter at all.
_NO_SCATTER = 1e-12


class Statistics(NamedTuple):
    """All that the head needs of its support.

    Args:
        sums (np.ndarray): of unit views by class, float64, (N, C).
        views (np.ndarray): their number, float64, (N,).
        instances (np.ndarray): number of instances, float64, (N,).
        gram (np.ndarray): summed outer products of unit views, float64, (C, C).
    """

    sums: np.ndarray
    views: np.ndarray
    instances: np.ndarray
    gram: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Mean unit view of every class, (N, C)."""
        return self.sums / self.views[:, None]

    def without(self, views: np.ndarray, label: int) -> 'Statistics':
        """Without an instance, its unit views (V, C), of a class that has others."""
        own = np.arange(len(self.views)) == label
        return Statistics(
            self.sums - own[:, None] * views.sum(0),
            self.views - own * len(views),
            self.instances - own,
            self.gram - views.T @ views,
        )


def region_gaussian(
    feats: np.ndarray,
    labels: np.ndarray,
    num_classes: int,
    head: Mapping[str, object],
    arrays: Mapping[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Weights, and the space in which the unknown is told.

    Args:
        feats (np.ndarray): view features, float64, (M, V, C).
        labels (np.ndarray): class indices, int64, (M,); every class occurs.
        num_classes (int): N.
        head (Mapping): ``prior_weight``.
        arrays (Mapping[str, np.ndarray]): perhaps ``prior``, (C, C).

    Returns:
        dict[str, np.ndarray]: ``weight`` (1, N, C), ``bias`` (1, N), ``rejection_means`` (N, C) and
        ``rejection_whitening`` (C, C).
    """
    statistics = _statistics(normalize(feats), labels, num_classes)
    means = statistics.means
    sigma = _covariance(statistics, arrays.get('prior'), head['prior_weight'])
    weight, bias = _discriminant(means, sigma, statistics.instances)
    factor = np.linalg.cholesky(_covariance(statistics))
    return {
        'weight': weight[None],
        'bias': bias[None],
        'rejection_means': means,
        'rejection_whitening': np.linalg.inv(factor).astype(np.float32),
    }


def leave_one_out_typicality(feats: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What every instance has when the head is fitted without it.

    Args:
        feats (np.ndarray): view features, float64, (M, V, C).
        labels (np.ndarray): class indices, int64, (M,).

    Returns:
        np.ndarray: float64, (M,); NaN of those alone in their class.
    """
    units, counts = normalize(feats), np.bincount(labels)
    statistics = _statistics(units, labels, len(counts))
    typical = np.full(len(labels), np.nan)
    for row in np.flatnonzero(counts[labels] > 1):
        rest = statistics.without(units[row], labels[row])
        offsets = (units[row].mean(0) - rest.means).T
        whitened = np.linalg.solve(np.linalg.cholesky(_covariance(rest)), offsets)
        typical[row] = -(whitened**2).sum(0).min()
    return typical


def _statistics(units: np.ndarray, labels: np.ndarray, num_classes: int) -> Statistics:
    instances = np.bincount(labels, minlength=num_classes).astype(np.float64)
    sums = np.zeros((num_classes, units.shape[2]))
    np.add.at(sums, labels, units.sum(1))
    rows = units.reshape(-1, units.shape[2])
    return Statistics(sums, instances * units.shape[1], instances, rows.T @ rows)


def _covariance(
    statistics: Statistics, prior: np.ndarray | None = None, prior_weight: float = 0.0
) -> np.ndarray:
    """Sigma, float64, (C, C)."""
    scatter = statistics.gram - statistics.sums.T @ statistics.means
    (num_classes, channels), samples = statistics.sums.shape, statistics.views.sum()
    target = np.eye(channels)
    if prior is not None:
        prior = prior.astype(np.float64)
        target = (1 - prior_weight) * target + prior_weight * channels / np.trace(prior) * prior
    trace = np.trace(scatter)
    if trace <= _NO_SCATTER * samples:
        return target
    freedom = max(samples - num_classes, 1)
    doubted = channels / (channels + samples - 1)
    return (1 - doubted) / freedom * scatter + doubted * trace / (freedom * channels) * target


def _discriminant(
    means: np.ndarray, sigma: np.ndarray, instances: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weight (N, C) and bias (N,)."""
    centre = means.mean(0)
    weight = np.linalg.solve(sigma, (means - centre).T).T
    squares = (weight * (means - centre)).sum(-1).clip(np.finfo(np.float64).tiny)
    wanted = squares + (squares.mean() - squares) / (instances + 1)
    weight *= np.sqrt(wanted / squares)[:, None]
    return weight, -wanted / 2 - weight @ centre
