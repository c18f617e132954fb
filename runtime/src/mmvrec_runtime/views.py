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
_FLIP_AXES = {'none': (), 'horizontal': (3,), 'vertical': (2,), 'both': (2, 3)}


def make_views(
    image: np.ndarray, mask: np.ndarray, bbox: Sequence[float], settings: Mapping[str, object]
) -> tuple[np.ndarray, np.ndarray]:
    """Crop and resize an instance.

    Args:
        image (np.ndarray): uint8, RGB, (H, W, 3).
        mask (np.ndarray): uint8, 0 and 255, (H, W).
        bbox (Sequence[float]): x1, y1, x2, y2 in pixels.
        settings (Mapping): of ``MultiViewRegionContext``; rotations are multiples of 90.

    Returns:
        tuple[np.ndarray, np.ndarray]: the views, uint8, (V, 4, S, S), RGB and alpha, or (V, 3, S,
        S) for ``mask_mode='none'``; and their boxes in the image, int64, (V, 4).
    """
    bbox = check_bbox(bbox)
    steps = settings['offsets'], settings['offset_divisor']
    sizes = crop_sizes(settings['scales'], settings['scale_unit'], bbox, *image.shape[:2])
    x1, y1, x2, y2 = bbox
    grids = [
        (crop_starts(x1, x2, size, *steps), crop_starts(y1, y2, size, *steps), size)
        for size in sizes
    ]
    boxes = np.concatenate([crop_boxes(*grid) for grid in grids])
    region = cut_region(image, mask if settings['mask_mode'] == 'instance' else None, boxes)
    side = settings['img_size']
    sides = (_RELEASED_SIDE, side) if settings['resize'] == 'two_step' else (side,)
    rotations, flips = settings['rotations'], settings['flips']
    shape = (len(grids), len(steps[0]) ** 2, len(rotations), len(flips))
    views = np.empty((*shape, 3 if settings['mask_mode'] == 'none' else 4, side, side), np.uint8)
    for scale, (xs, ys, size) in enumerate(grids):
        upright = np.stack(
            [_resized(region.cut(x, y, x + size, y + size), sides) for y in ys for x in xs]
        )
        for rotation, angle in enumerate(rotations):
            turned = np.rot90(upright, int(angle // 90) % 4, (2, 3))
            for flip, name in enumerate(flips):
                flipped = np.flip(turned, _FLIP_AXES[name])
                views[scale, :, rotation, flip, : flipped.shape[1]] = flipped
    if settings['mask_mode'] == 'foreground':
        views[..., 3, :, :] = 255
    views = views.reshape(-1, *views.shape[4:])
    return views, boxes.repeat(len(rotations) * len(flips), axis=0)


def _resized(crop: np.ndarray, sides: Sequence[int]) -> np.ndarray:
    """Resize (size, size, C), image and mask each on its own, to (C, S, S)."""
    parts = [Image.fromarray(np.ascontiguousarray(crop[..., :3]))]
    if crop.shape[2] == 4:
        parts.append(Image.fromarray(np.ascontiguousarray(crop[..., 3])))
    for side in sides:
        parts = [part.resize((side, side), Image.Resampling.BICUBIC) for part in parts]
    return np.dstack([np.asarray(part) for part in parts]).transpose(2, 0, 1)
