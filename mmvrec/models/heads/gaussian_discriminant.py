"""Linear discriminants of equally likely Gaussian classes with one covariance."""

import torch
from torch import Tensor


def discriminant(means: Tensor, covariance: Tensor, instances: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (N, C) and bias (N,), float64; equations stand at :class:`RegionGaussianHead`.

    Args:
        means (Tensor): float64, (N, C).
        covariance (Tensor): float64, positive definite, (C, C).
        instances (Tensor): that every mean was taken of, float64, (N,).
    """
    centre = means.mean(0)
    offsets = means - centre
    factor = torch.linalg.cholesky(covariance)
    return levelled(torch.cholesky_solve(offsets.T, factor).T, offsets, centre, instances)


def levelled(
    weight: Tensor, offsets: Tensor, centre: Tensor, instances: Tensor
) -> tuple[Tensor, Tensor]:
    """Draw the distances of class means from their centre together, and give weight and bias.

    Args:
        weight (Tensor): offsets times the inverse covariance, float64, (N, C).
        offsets (Tensor): means minus their centre, float64, (N, C).
        centre (Tensor): mean of the class means, float64, (C,).
        instances (Tensor): of every class, float64, (N,).
    """
    squares = (weight * offsets).sum(-1).clamp(min=torch.finfo(weight.dtype).tiny)
    wanted = squares + (squares.mean() - squares) / (instances + 1)
    weight = weight * (wanted / squares).sqrt()[:, None]
    return weight, -wanted / 2 - weight @ centre
