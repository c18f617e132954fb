"""Views that are not made yet: an image region and what is to be cut from it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

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
    ``rows @ pixels @ columns``, where pixels outside the image, which are 0, have no part.

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
        # Half precision, which a caller may have set, would be off by whole grey levels.
        with torch.autocast(pixels.device.type, enabled=False):
            planes = pixels.permute(2, 0, 1).float()
            crops = torch.stack([self._crops(planes, *grid) for grid in self.grids])
        turned = torch.stack([torch.rot90(crops, q, (-2, -1)) for q in self.quarters], 2)
        flipped = torch.stack([turned.flip(FLIP_DIMS[name]) for name in self.flips], 3)
        views = flipped.flatten(0, 3)
        if self.fill_alpha:
            views = torch.cat([views, torch.full_like(views[:, :1], 255)], 1)
        return views

    def _crops(self, planes: Tensor, xs: list[int], ys: list[int], size: int) -> Tensor:
        """The crops of one scale, uint8, (y * x, C, S, S), of pixels as float (C, h, w)."""
        rows = _part(ys, size, self.top, planes.shape[1])
        strips = self._resize(planes[:, rows], xs, size, self.left)
        # The same along columns, of which each strip has those of all its crops.
        strips = strips.flatten(2).transpose(1, 2)
        crops = self._resize(strips, ys, size, self.top + rows.start)
        crops = crops.unflatten(1, (len(xs), -1))
        return crops.permute(3, 1, 0, 4, 2).flatten(0, 1).to(torch.uint8)

    def _resize(self, pixels: Tensor, starts: list[int], size: int, origin: int) -> Tensor:
        """Cut stretches out of the last dimension and resize them, (…, n) to (…, starts, S)."""
        part = _part(starts, size, origin, pixels.shape[-1])
        weights = _weights(size, self.sides[0], pixels.device)
        placed = pixels.new_zeros(part.stop - part.start, len(starts), self.sides[0])
        for index, start in enumerate(starts):
            inside = _part([start], size, origin, pixels.shape[-1])
            shift = origin - start
            placed[inside.start - part.start : inside.stop - part.start, index] = weights[
                inside.start + shift : inside.stop + shift
            ]
        resized = _to_grey_levels(pixels[..., part] @ placed.flatten(1))
        resized = resized.unflatten(-1, (len(starts), self.sides[0]))
        for before, after in zip(self.sides, self.sides[1:], strict=False):
            resized = _to_grey_levels(resized @ _weights(before, after, pixels.device))
        return resized


def _part(starts: list[int], size: int, origin: int, length: int) -> slice:
    """The pixels from the first to the last that stretches of ``size`` have of a region."""
    first = min(max(min(starts) - origin, 0), length)
    return slice(first, max(min(max(starts) + size - origin, length), first))


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
