"""Resizing of the crops of an instance, by two backends.

Both take the crops that start at all pairs of ``xs`` and ``ys`` and give them in the order of
:func:`~mmvrec.datasets.transforms.view_geometry.crop_boxes`. ``sides`` are the sides that a crop is
resized to, one after the other: (224,), or (512, 224) as released.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from mmvrec.datasets.transforms.view_geometry import Region


def torch_crops(
    region: Region, xs: Sequence[int], ys: Sequence[int], size: int, sides: Sequence[int]
) -> torch.Tensor:
    """Crop and resize with torch's antialiased bicubic filter for bytes.

    The filter is separable and crops in one column of the grid share their rows, so rows are
    resized once a column and then columns once a crop. Rows outside the image are not resized.

    Args:
        region (Region): C channels, covering what the crops have inside the image.
        xs (Sequence[int]): first columns of the crops.
        ys (Sequence[int]): first rows of the crops.
        size (int): side of the crops in pixels.
        sides (Sequence[int]): see the module.

    Returns:
        Tensor: uint8, shape (len(ys) * len(xs), C, sides[-1], sides[-1]).
    """
    top, bottom, side = min(ys), max(ys) + size, sides[-1]
    channels = region.pixels.shape[2]
    strips = torch.zeros((len(xs), bottom - top, side, channels), dtype=torch.uint8)
    first, last = max(top, region.top), min(bottom, region.bottom)
    if first < last:
        for strip, x in zip(strips, xs, strict=True):
            rows = _batch_of_one(region.cut(x, first, x + size, last))
            for width in sides:
                rows = _bicubic(rows, last - first, width)
            strip[first - top : last - top] = rows[0]
    crops = torch.cat([strips[:, y - top : y - top + size] for y in ys])
    for height in sides:
        crops = _bicubic(crops, height, side)
    return crops.permute(0, 3, 1, 2)


def pillow_crops(
    region: Region, xs: Sequence[int], ys: Sequence[int], size: int, sides: Sequence[int]
) -> torch.Tensor:
    """Crop and resize one by one with Pillow's bicubic filter; as :func:`torch_crops`."""
    crops = [_pillow(region.cut(x, y, x + size, y + size), sides) for y in ys for x in xs]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)


def resize_crop(crop: np.ndarray, sides: Sequence[int], backend: str) -> torch.Tensor:
    """Resize one crop that is already cut.

    Args:
        crop (np.ndarray): uint8, shape (size, size, C).
        sides (Sequence[int]): see the module.
        backend (str): ``torch`` or ``pillow``.

    Returns:
        Tensor: uint8, shape (1, C, sides[-1], sides[-1]).
    """
    if backend == 'pillow':
        resized = _batch_of_one(_pillow(crop, sides))
    else:
        resized = _batch_of_one(crop)
        for side in sides:
            resized = _bicubic(resized, side, side)
    return resized.permute(0, 3, 1, 2)


def _batch_of_one(crop: np.ndarray) -> torch.Tensor:
    # Not crop[None]: its stride of 0 makes torch leave the channels-last layout, at a cost.
    return torch.from_numpy(crop).unsqueeze(0)


def _bicubic(images: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize uint8 (B, H, W, C)."""
    if images.shape[1:3] == (height, width):
        return images
    # Permuted, not copied: torch's fast filter is the one for channels last.
    channels_first = images.permute(0, 3, 1, 2)
    resized = F.interpolate(channels_first, (height, width), mode='bicubic', antialias=True)
    return resized.permute(0, 2, 3, 1)


def _pillow(crop: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """Resize (size, size, C), image and mask each on its own."""
    parts = [Image.fromarray(np.ascontiguousarray(crop[..., :3]))]
    if crop.shape[2] == 4:
        parts.append(Image.fromarray(np.ascontiguousarray(crop[..., 3])))
    for side in sides:
        parts = [part.resize((side, side), Image.Resampling.BICUBIC) for part in parts]
    return np.dstack([np.asarray(part) for part in parts])
