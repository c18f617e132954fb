"""Weights of the cells of a feature map, by a mask of the pixels."""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

Region = Literal['mask', 'ring', 'mean']
REGIONS = get_args(Region)
#: Width of the ring around a mask, as a part of the view's side.
RING_WIDTH = 1 / 8


def area_matrix(cells: int, size: int) -> Tensor:
    """Means over equal stretches of a line; a pixel that two cells share counts in both by part.

    Args:
        cells (int): number of stretches.
        size (int): number of pixels.

    Returns:
        Tensor: float32, (cells, size), every row sums to 1.
    """
    edges = torch.arange(cells + 1, dtype=torch.float64)[:, None] * size / cells
    left = torch.arange(size, dtype=torch.float64)
    shared = (torch.minimum(edges[1:], left + 1) - torch.maximum(edges[:-1], left)).clamp(min=0)
    return (shared * cells / size).float()


def area_resize(images: Tensor, height: int, width: int) -> Tensor:
    """Images of another size, each pixel the mean of the area that it covers.

    Two products of matrices, so that it is the same wherever it is exported to, whatever the sizes.

    Args:
        images (Tensor): float, (..., H, W).
        height (int): rows of the result.
        width (int): columns of the result.

    Returns:
        Tensor: (..., height, width).
    """
    rows = area_matrix(height, images.shape[-2]).to(images)
    columns = area_matrix(width, images.shape[-1]).to(images)
    return rows @ images @ columns.T


def cell_weights(alpha: Tensor, region: Region, grid: tuple[int, int]) -> Tensor:
    """How much each cell of a feature map counts.

    A cell counts by the part of its area that is in the region, so that a mask smaller than a cell,
    or between several, still weighs what it touches. Where a region is empty, as in a shifted crop
    that has lost the defect, or around a mask that fills the view, all cells count alike.

    Args:
        alpha (Tensor): masks, float, 0 to 1, (B, S, S).
        region (str): ``mask``; ``ring``, the mask dilated by an eighth of the view's side without
            the mask; or ``mean``, the whole view.
        grid (tuple[int, int]): rows and columns of the map, h and w.

    Returns:
        Tensor: float, (B, h * w), every row sums to 1.
    """
    if region == 'mean':
        alpha = torch.ones_like(alpha)
    elif region == 'ring':
        alpha = dilate(alpha, round(alpha.shape[-1] * RING_WIDTH)) - alpha
    areas = area_resize(alpha, *grid).flatten(1)
    areas = torch.where(areas.sum(1, keepdim=True) > 0, areas, torch.ones_like(areas))
    return areas / areas.sum(1, keepdim=True)


def dilate(alpha: Tensor, width: int) -> Tensor:
    """The largest value within ``width`` pixels along rows and columns; (B, S, S) as it came."""
    side = 2 * width + 1
    alpha = F.max_pool2d(alpha[:, None], (side, 1), 1, (width, 0))
    return F.max_pool2d(alpha, (1, side), 1, (0, width))[:, 0]
