"""The views of an instance, to the byte as mmvrec makes them.

That is ``MultiViewRegionContext(backend='pillow')``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from mmvrec_runtime.shared.view_geometry import (
    check_bbox,
    crop_boxes,
    crop_sizes,
    crop_starts,
    cut_region,
)

#: Side of the intermediate image of ``resize='two_step'``, pixels.
_RELEASED_SIDE = 512
_FLIP_AXES = {'none': (), 'horizontal': (2,), 'vertical': (1,), 'both': (1, 2)}


def make_views(
    image: np.ndarray,
    mask: np.ndarray,
    bbox: Sequence[float],
    settings: Mapping[str, object],
    positions: Sequence[int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Crop and resize an instance.

    Args:
        image (np.ndarray): uint8, RGB, (H, W, 3).
        mask (np.ndarray): uint8, 0 and 255, (H, W).
        bbox (Sequence[float]): x1, y1, x2, y2 in pixels.
        settings (Mapping): of ``MultiViewRegionContext``; rotations are multiples of 90.
        positions (Sequence[int], optional): which of the views are made. Defaults to None: all.

    Returns:
        tuple[np.ndarray, np.ndarray]: the views, uint8, (V, 4, S, S), RGB and alpha, or (V, 3, S,
        S) for ``mask_mode='none'``; and their boxes in the image, int64, (V, 4).
    """
    boxes = _crop_boxes(bbox, settings, *image.shape[:2])
    rotations, flips = settings['rotations'], settings['flips']
    variants = len(rotations) * len(flips)
    positions = np.arange(len(boxes) * variants) if positions is None else np.asarray(positions)
    boxes = boxes[positions // variants]
    region = cut_region(image, mask if settings['mask_mode'] == 'instance' else None, boxes)
    side = settings['img_size']
    sides = (_RELEASED_SIDE, side) if settings['resize'] == 'two_step' else (side,)
    channels = 3 if settings['mask_mode'] == 'none' else 4
    views = np.empty((len(positions), channels, side, side), np.uint8)
    upright: dict[tuple, np.ndarray] = {}
    for view, position, box in zip(views, positions, map(tuple, boxes.tolist()), strict=True):
        if box not in upright:
            upright[box] = _resized(region.cut(*box), sides)
        rotation, flip = divmod(int(position) % variants, len(flips))
        turned = np.rot90(upright[box], int(rotations[rotation] // 90) % 4, (1, 2))
        view[: len(turned)] = np.flip(turned, _FLIP_AXES[flips[flip]])
    if settings['mask_mode'] == 'foreground':
        views[:, 3] = 255
    return views, boxes


def _crop_boxes(
    bbox: Sequence[float], settings: Mapping[str, object], height: int, width: int
) -> np.ndarray:
    """Boxes of the crops, before they are turned, int64, (crops, 4)."""
    x1, y1, x2, y2 = bbox = check_bbox(bbox)
    steps = settings['offsets'], settings['offset_divisor']
    sizes = crop_sizes(settings['scales'], settings['scale_unit'], bbox, height, width)
    return np.concatenate(
        [
            crop_boxes(crop_starts(x1, x2, size, *steps), crop_starts(y1, y2, size, *steps), size)
            for size in sizes
        ]
    )


def _resized(crop: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """Resize (size, size, C), image and mask each on its own, to (C, S, S)."""
    parts = [Image.fromarray(np.ascontiguousarray(crop[..., :3]))]
    if crop.shape[2] == 4:
        parts.append(Image.fromarray(np.ascontiguousarray(crop[..., 3])))
    for side in sides:
        parts = [part.resize((side, side), Image.Resampling.BICUBIC) for part in parts]
    return np.dstack([np.asarray(part) for part in parts]).transpose(2, 0, 1)
