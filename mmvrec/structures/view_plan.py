"""Views that are not made yet: an image region and what is to be cut from it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

#: What a flip turns round, as dimensions of (…, H, W).
FLIP_DIMS = {'none': (), 'horizontal': (-1,), 'vertical': (-2,), 'both': (-1, -2)}


@dataclass(frozen=True)
class ViewPlan:
    """The views of an instance as a recipe: cheap to hand on, made where there is time.

    A worker process decodes the image and cuts the region out; the model's device makes the views
    of it, after one transfer, by matrix products: the filter is separable, so that a crop is
    ``rows @ pixels @ columns``; pixels outside the image are 0.

    The views are those of ``MultiViewRegionContext(backend='torch')``, whose weights it uses, but
    for the order of summation: a value at a tie may be rounded to the other side.

    Args:
        pixels (Tensor): the part of the image that the crops touch, uint8, (h, w, C), RGB and
            the mask; RGB alone where ``fill_alpha`` is set or there is no alpha.
        left (int): image column of the first pixel.
        top (int): image row of the first pixel.
        grids (tuple): per scale the first columns and the first rows of the crops and their side,
            in image pixels.
        sides (tuple[int, …]): sides that a crop is resized to, one after the other.
        quarters (tuple[int, …]): rotations, in quarter turns counter-clockwise.
        flips (tuple[str, …]): keys of ``FLIP_DIMS``.
        fill_alpha (bool): append an alpha channel of 255.
    """

    pixels: Tensor
    left: int
    top: int
    grids: tuple[tuple[list[int], list[int], int], ...]
    sides: tuple[int, ...]
    quarters: tuple[int, ...] = (0,)
    flips: tuple[str, ...] = ('none',)
    fill_alpha: bool = False

    def __len__(self) -> int:
        """V, the number of views."""
        crops = sum(len(xs) * len(ys) for xs, ys, _ in self.grids)
        return crops * len(self.quarters) * len(self.flips)

    def __getitem__(self, index: int) -> Tensor:
        """One view alone, uint8, (C, S, S), on the device of the pixels.

        Raises:
            IndexError: there is no such view.
        """
        index = range(len(self))[index]
        xs, ys, _ = self.grids[0]
        shape = len(self.grids), len(ys), len(xs), len(self.quarters), len(self.flips)
        scale, row, column, quarter, flip = np.unravel_index(index, shape)
        xs, ys, size = self.grids[scale]
        alone = replace(
            self,
            grids=(([xs[column]], [ys[row]], size),),
            quarters=(self.quarters[quarter],),
            flips=(self.flips[flip],),
        )
        return alone.render()[0]

    def __iter__(self) -> Iterator[Tensor]:
        """All views, one after the other."""
        return iter(self.render())

    def pin_memory(self) -> 'ViewPlan':
        """The same with its pixels in page-locked memory; loaders with ``pin_memory`` call it."""
        return replace(self, pixels=self.pixels.pin_memory())

    def render(self, device: torch.device | str | None = None) -> Tensor:
        """Make the views.

        Args:
            device (torch.device | str, optional): where. Defaults to that of the pixels.

        Returns:
            Tensor: uint8, contiguous, (V, C, S, S) on ``device``; the scale changes slowest, then
            the row, the column, the rotation and the flip.
        """
        pixels = self.pixels.to(device or self.pixels.device, non_blocking=True)
        # Half precision, which a caller may have set, would be off by up to two grey levels.
        with torch.autocast(pixels.device.type, enabled=False):
            canvas, left, top = self._canvas(pixels)
            crops = torch.stack(
                [
                    self._crops(canvas, [x - left for x in xs], [y - top for y in ys], size)
                    for xs, ys, size in self.grids
                ]
            )
        turned = torch.stack([torch.rot90(crops, q, (-2, -1)) for q in self.quarters], 2)
        flipped = torch.stack([turned.flip(FLIP_DIMS[name]) for name in self.flips], 3)
        views = flipped.flatten(0, 3)
        if self.fill_alpha:
            views = torch.cat([views, torch.full_like(views[:, :1], 255)], 1)
        return views

    def _canvas(self, pixels: Tensor) -> tuple[Tensor, int, int]:
        """The region and all that crops reach beyond it, float32 (C, H, W), and where it starts."""
        height, width, channels = pixels.shape
        left = min(self.left, *(x for xs, _, _ in self.grids for x in xs))
        top = min(self.top, *(y for _, ys, _ in self.grids for y in ys))
        right = max(self.left + width, *(max(xs) + size for xs, _, size in self.grids))
        bottom = max(self.top + height, *(max(ys) + size for _, ys, size in self.grids))
        canvas = pixels.new_zeros((channels, bottom - top, right - left), dtype=torch.float32)
        column, row = self.left - left, self.top - top
        canvas[:, row : row + height, column : column + width] = pixels.permute(2, 0, 1)
        return canvas, left, top

    def _crops(self, canvas: Tensor, xs: list[int], ys: list[int], size: int) -> Tensor:
        """The crops of one scale, uint8, (y * x, C, S, S), by their starts in the canvas."""
        first, last = min(ys), max(ys) + size
        strips = torch.stack([canvas[:, first:last, x : x + size] for x in xs])
        for before, after in pairwise((size, *self.sides)):
            strips = _to_grey_levels(strips @ _weights(before, after, canvas.device))
        crops = torch.stack([strips[:, :, y - first : y - first + size] for y in ys])
        for before, after in pairwise((size, *self.sides)):
            weights = _weights(before, after, canvas.device)
            crops = _to_grey_levels(weights.T @ crops)
        return crops.flatten(0, 1).to(torch.uint8)


def _to_grey_levels(values: Tensor) -> Tensor:
    """Round to whole numbers from 0 to 255, halves up as torch's filter for bytes does."""
    return values.add_(0.5).floor_().clamp_(0, 255)


@lru_cache(maxsize=64)
def _weights(size: int, side: int, device: torch.device) -> Tensor:
    """Weights of torch's antialiased bicubic filter for bytes, float32, (size, side).

    They are those for float64, the filter's answer to single pixels, as fractions of a power of
    two: the largest for which all fit into 16 bits.
    """
    pixels = torch.eye(size, dtype=torch.float64)[None, :, None]
    weights = F.interpolate(pixels, (1, side), mode='bicubic', antialias=True)[0, :, 0]
    peak, bits = weights.max().item(), 0
    while bits < 22 and int(0.5 + peak * 2 ** (bits + 1)) < 2**15:
        bits += 1
    whole = torch.trunc(weights * 2**bits + 0.5 * weights.sign())
    return (whole / 2**bits).float().to(device)
