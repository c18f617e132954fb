"""The multi-view region context of MVREC."""

import math
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral, Real
from typing import Literal

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from mmvrec.datasets.transforms.view_geometry import (
    Region,
    check_bbox,
    crop_boxes,
    crop_sizes,
    crop_starts,
    cut_region,
    is_right_angle,
)
from mmvrec.datasets.transforms.view_resize import pillow_crops, resize_crop, torch_crops
from mmvrec.datasets.transforms.view_rotation import cut_rotated
from mmvrec.registry import TRANSFORMS
from mmvrec.structures.view_plan import FLIP_DIMS, ViewPlan

#: Side of the intermediate image of the released code, in pixels.
RELEASED_SIDE = 512

_CHOICES = {
    'scale_unit': ('pixel', 'defect', 'image'),
    'mask_mode': ('instance', 'foreground', 'none'),
    'resize': ('one_step', 'two_step'),
    'backend': ('torch', 'pillow', 'device'),
}


@TRANSFORMS.register_module()
class MultiViewRegionContext(BaseTransform):
    """Square crops around a defect at several scales and offsets, image and mask together.

    "MVREC: A General Few-shot Defect Classification Model Using Multi-View Region-Context"
    (AAAI 2025, https://arxiv.org/abs/2412.16897), section 3.2: 3 scales x 3 x 3 offsets = 27 views.
    Every combination of scale, y offset, x offset, rotation and flip is one view; the scale
    changes slowest, the flip fastest. Each is made from the image, none from another view. Pixels
    outside the image are 0 in image and mask.

    Required keys: ``img`` (uint8 RGB, shape (H, W, 3)), ``bbox`` (x1, y1, x2, y2 in pixels, floats,
    may leave the image) and, for ``mask_mode='instance'``, ``instance_mask`` (uint8, 0 and 255,
    shape (H, W)).

    Added keys: ``views`` (Tensor), uint8, contiguous, shape (V, 4, img_size, img_size), RGB and
    alpha (shape (V, 3, …), RGB only, for ``mask_mode='none'``); ``view_boxes`` (np.ndarray), int64,
    shape (V, 4), x1, y1, x2, y2 of each crop in the image, before it is turned. For
    ``backend='device'`` ``views`` is a :class:`mmvrec.structures.ViewPlan`.

    Args:
        img_size (int): side of the views in pixels. Defaults to 224.
        scales (Sequence[float]): crop sizes, in ``scale_unit``. Defaults to (256, 384, 512).
        scale_unit (str): ``pixel`` (default), ``defect`` (multiples of the longer side of the box)
            or ``image`` (fractions of the shorter side of the image); crops have at least 1 pixel.
        offsets (Sequence[int]): steps of the crop along x and along y. Defaults to (-1, 0, 1).
        offset_divisor (int): a step is this part of the crop. Defaults to 3 (a third).
        rotations (Sequence[float]): degrees, counter-clockwise, about the centre of the crop.
            Multiples of 90 move pixels exactly; others sample the image around the crop, bicubic.
            Defaults to (0,).
        flips (Sequence[str]): of ``none``, ``horizontal``, ``vertical`` and ``both``, after the
            rotation. Defaults to ('none',).
        mask_mode (str): what alpha holds: ``instance`` (default) the mask; ``foreground`` 255
            everywhere; ``none``: there is no alpha channel.
        resize (str): ``one_step`` (default), crop to ``img_size``; ``two_step``, by way of
            512 x 512 pixels as released. Bicubic, antialiased when shrinking, image and mask alike.
        backend (str): ``torch`` (default), fast; ``pillow``, bit-equal with the released code for
            ``resize='two_step'``. They differ by less than one grey level on average. ``device``:
            as ``torch``, to within one grey level, but made by the data preprocessor on the
            model's device, for GPUs; rotations are then multiples of 90.

    Raises:
        KeyError: a required key is missing.
        ValueError: an argument or the box is not as described, or image and mask differ in size.
    """

    def __init__(
        self,
        img_size: int = 224,
        scales: Sequence[float] = (256, 384, 512),
        scale_unit: Literal['pixel', 'defect', 'image'] = 'pixel',
        offsets: Sequence[int] = (-1, 0, 1),
        offset_divisor: int = 3,
        rotations: Sequence[float] = (0,),
        flips: Sequence[str] = ('none',),
        mask_mode: Literal['instance', 'foreground', 'none'] = 'instance',
        resize: Literal['one_step', 'two_step'] = 'one_step',
        backend: Literal['torch', 'pillow', 'device'] = 'torch',
    ):
        self.settings = {
            'img_size': img_size,
            'scales': _as_list(scales),
            'scale_unit': scale_unit,
            'offsets': _as_list(offsets),
            'offset_divisor': offset_divisor,
            'rotations': _as_list(rotations),
            'flips': _as_list(flips),
            'mask_mode': mask_mode,
            'resize': resize,
            'backend': backend,
        }
        check_settings(self.settings)
        self.mask_mode = mask_mode
        self.sides = (RELEASED_SIDE, img_size) if resize == 'two_step' else (img_size,)

    @property
    def num_views(self) -> int:
        """V, the number of views of an instance."""
        s = self.settings
        grid = len(s['offsets']) ** 2
        return len(s['scales']) * grid * len(s['rotations']) * len(s['flips'])

    def transform(self, results: dict) -> dict:
        """Add the views and their boxes."""
        image, mask = self.read_inputs(results)
        grids = self._grids(check_bbox(results['bbox']), *image.shape[:2])
        boxes = [crop_boxes(*grid) for grid in grids]
        region = cut_region(image, mask, self._reach(np.concatenate(boxes)))
        variants = len(self.settings['rotations']) * len(self.settings['flips'])
        make = self._plan if self.settings['backend'] == 'device' else self.make_views
        results['views'] = make(region, grids)
        results['view_boxes'] = np.concatenate(boxes).repeat(variants, axis=0)
        return results

    def read_inputs(self, results: dict) -> tuple[np.ndarray, np.ndarray | None]:
        """Check and give image and mask; the mask is None where alpha does not hold it."""
        needed = {'img': 'LoadDefectImage', 'bbox': 'a dataset of defect instances'}
        if self.mask_mode == 'instance':
            needed['instance_mask'] = "LoadInstanceMask (or mask_mode='foreground')"
        for key, source in needed.items():
            if results.get(key) is None:
                raise KeyError(f'MultiViewRegionContext needs {key!r}, which comes from {source}')
        image, mask = results['img'], None
        if self.mask_mode == 'instance':
            mask = results['instance_mask']
            if mask.shape != image.shape[:2]:
                raise ValueError(
                    f'the mask has shape {mask.shape} (height, width), the image '
                    f'{image.shape[:2]}; they must be equal'
                )
        return image, mask

    def _grids(
        self, bbox: list[float], height: int, width: int
    ) -> list[tuple[list[int], list[int], int]]:
        """Per scale the first columns, the first rows and the side of its crops."""
        s = self.settings
        steps = s['offsets'], s['offset_divisor']
        x1, y1, x2, y2 = bbox
        return [
            (crop_starts(x1, x2, size, *steps), crop_starts(y1, y2, size, *steps), size)
            for size in crop_sizes(s['scales'], s['scale_unit'], bbox, height, width)
        ]

    def _reach(self, boxes: np.ndarray) -> np.ndarray:
        """The boxes, widened by what turned crops see beyond them."""
        if all(map(is_right_angle, self.settings['rotations'])):
            return boxes
        # Half of (sqrt(2) - 1) sides to the corners, and two pixels for the bicubic filter.
        margin = np.ceil((boxes[:, 2:3] - boxes[:, :1]) * 0.2072).astype(np.int64) + 2
        return boxes + margin * np.array([-1, -1, 1, 1])

    def _plan(self, region: Region, grids: list) -> ViewPlan:
        """The same views, not made yet."""
        return ViewPlan(
            # A copy: the image may be shared and read-only.
            pixels=torch.from_numpy(region.pixels.copy()),
            left=region.left,
            top=region.top,
            grids=tuple(grids),
            sides=self.sides,
            quarters=tuple(int(angle // 90) % 4 for angle in self.settings['rotations']),
            flips=tuple(self.settings['flips']),
            fill_alpha=self.mask_mode == 'foreground',
        )

    def make_views(self, region: Region, grids: list) -> torch.Tensor:
        """Cut the views of all scales, uint8, shape (V, C, img_size, img_size)."""
        s = self.settings
        channels = 3 if self.mask_mode == 'none' else 4
        side, crops = self.sides[-1], len(s['offsets']) ** 2
        shape = (len(grids), crops, len(s['rotations']), len(s['flips']), channels, side, side)
        views = torch.empty(shape, dtype=torch.uint8)
        for scale, grid in enumerate(grids):
            for rotation, turned in enumerate(self.turned_crops(region, grid)):
                for flip, name in enumerate(s['flips']):
                    flipped = turned.flip(FLIP_DIMS[name]) if name != 'none' else turned
                    views[scale, :, rotation, flip, : flipped.shape[1]] = flipped
        if self.mask_mode == 'foreground':
            views[..., 3, :, :] = 255
        return views.flatten(0, 3)

    def turned_crops(self, region: Region, grid: tuple) -> Iterator[torch.Tensor]:
        """Yield per rotation the crops of one scale, uint8, (y * x, C, img_size, img_size)."""
        xs, ys, size = grid
        backend = self.settings['backend']
        resize_all = torch_crops if backend == 'torch' else pillow_crops
        upright = None
        for angle in self.settings['rotations']:
            if not is_right_angle(angle):
                turned = (cut_rotated(region, x, y, size, angle) for y in ys for x in xs)
                yield torch.cat([resize_crop(crop, self.sides, backend) for crop in turned])
                continue
            if upright is None:
                upright = resize_all(region, xs, ys, size, self.sides)
            quarters = int(angle // 90) % 4
            yield torch.rot90(upright, quarters, (2, 3)) if quarters else upright

    def __repr__(self) -> str:
        """All settings; caches of features are keyed by it."""
        settings = ', '.join(f'{key}={value!r}' for key, value in self.settings.items())
        return f'{type(self).__name__}({settings})'


def _as_list(value: object) -> object:
    return list(value) if isinstance(value, (tuple, list)) else value


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_settings(s: dict) -> None:
    """Refuse settings that are not as documented, showing the right form."""
    for key, choices in _CHOICES.items():
        if s[key] not in choices:
            raise ValueError(f'{key} must be one of {list(choices)}, got {s[key]!r}')
    for key, example in (('img_size', 224), ('offset_divisor', 3)):
        if not _is_integer(s[key]) or s[key] < 1:
            raise ValueError(f'{key} must be a positive integer, e.g. {example}, got {s[key]!r}')
    if s['scale_unit'] == 'pixel':
        _check_list(
            'scales',
            s['scales'],
            lambda v: _is_integer(v) and v > 0,
            'positive integers (crop sides in pixels), e.g. [256, 384, 512]',
        )
    else:
        _check_list(
            'scales',
            s['scales'],
            lambda v: _is_number(v) and v > 0,
            f'positive numbers (multiples of the {s["scale_unit"]} side), e.g. [0.5, 1.0]',
        )
    _check_list('offsets', s['offsets'], _is_integer, 'integers (steps), e.g. [-1, 0, 1]')
    _check_list('rotations', s['rotations'], _is_number, 'finite degrees, e.g. [0, 90]')
    _check_list(
        'flips', s['flips'], lambda v: v in tuple(FLIP_DIMS), f'names from {list(FLIP_DIMS)}'
    )
    if s['backend'] == 'device' and not all(map(is_right_angle, s['rotations'])):
        raise ValueError(
            f"backend='device' turns views by multiples of 90 degrees, got {s['rotations']}; use "
            "backend='torch' for others"
        )


def _check_list(name: str, values: object, is_good: Callable, form: str) -> None:
    good = isinstance(values, list) and values and all(map(is_good, values))
    if not good or len(set(values)) < len(values):
        raise ValueError(f'{name} must be a non-empty list of different {form}, got {values!r}')
