"""Loading of an instance's image and mask."""

import logging
from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.logging import print_log

from mmvrec.registry import TRANSFORMS
from mmvrec.structures.masks import FOREGROUND, decode_mask
from mmvrec.utils.images import check_bit_depth, read_pixels, to_rgb

#: Values of 16-bit images below 2 to the power of this are logged.
_CAMERA_BITS = 12


@TRANSFORMS.register_module()
class LoadDefectImage(BaseTransform):
    """Load the image of an instance; see :func:`mmvrec.utils.images.read_image`.

    Cameras of 10 or 12 bits store their values in 16-bit files, which look black when they are
    scaled from the full range: ``bit_depth`` says it, and where it is not given, the first such
    file is logged as a warning.

    The last decoded image is kept, so that instances of one image that follow each other
    (:class:`mmvrec.datasets.samplers.ImageGroupedSampler`) decode it once. It is read-only, because
    they share it: a transform that changes pixels makes a copy first.

    Required keys: ``img_path`` (str), unless ``img`` is already there (generated datasets); it is
    then used as it is.

    Added keys: ``img`` (np.ndarray), uint8, RGB, shape (H, W, 3); ``img_shape`` (tuple[int, int]),
    height and width in pixels.

    Args:
        bit_depth (int, optional): bits of the values in 16-bit files, 9 to 16; it changes the
            features. Defaults to None: all 16.

    Raises:
        FileNotFoundError: there is no file ``img_path``.
        ValueError: the file cannot be decoded, has values of more than ``bit_depth`` bits, or
            ``img`` is not a uint8 RGB array.
    """

    def __init__(self, bit_depth: int | None = None):
        check_bit_depth(bit_depth)
        self.bit_depth = bit_depth
        self._warned = False
        self._key = None
        self._image = None

    def transform(self, results: dict) -> dict:
        """Add the image."""
        if results.get('img') is None:
            results['img'] = self._load(Path(results['img_path']))
        else:
            _check_image(results['img'])
        results['img_shape'] = results['img'].shape[:2]
        return results

    def _load(self, path: Path) -> np.ndarray:
        key = None
        if path.is_file():
            stat = path.stat()
            key = (str(path), stat.st_mtime_ns, stat.st_size)
        if key is None or key != self._key:
            pixels = read_pixels(path)
            self.warn_of_few_bits(pixels, path)
            self._image = to_rgb(pixels, str(path), self.bit_depth)
            self._image.flags.writeable = False
            self._key = key
        return self._image

    def warn_of_few_bits(self, pixels: np.ndarray, path: Path) -> None:
        """Log the first 16-bit image whose values look like those of a camera of fewer bits."""
        if self._warned or self.bit_depth is not None or pixels.dtype != np.uint16:
            return
        highest = int(pixels.max())
        if highest < 2**_CAMERA_BITS:
            self._warned = True
            print_log(
                f'{path} has 16 bits, and its highest value is {highest}: if it is of a camera of '
                f'{_CAMERA_BITS} bits, set bit_depth={_CAMERA_BITS} of LoadDefectImage in the '
                'pipeline, or it is nearly black',
                logger='current',
                level=logging.WARNING,
            )

    def __getstate__(self) -> dict:
        """Leave the kept image behind: a worker process decodes its own."""
        return {**vars(self), '_key': None, '_image': None}

    def __repr__(self) -> str:
        """``LoadDefectImage()``, with ``bit_depth`` where one is given."""
        options = '' if self.bit_depth is None else f'bit_depth={self.bit_depth}'
        return f'{type(self).__name__}({options})'


@TRANSFORMS.register_module()
class LoadInstanceMask(BaseTransform):
    """Render the mask of an instance; see :func:`mmvrec.structures.decode_mask`.

    Required keys: ``mask`` (dict | None), the record's entry, None for a box-only instance, whose
    box is then its mask; ``bbox`` (list[float]), x1, y1, x2, y2 in pixels; ``img_shape``.

    Added keys: ``instance_mask`` (np.ndarray), uint8, values 0 and 255, shape (H, W). One that is
    already there (generated datasets) is kept.

    Raises:
        ValueError: the mask has no foreground, cannot be decoded, belongs to another image size, or
            one that is already there is not as described.
    """

    def transform(self, results: dict) -> dict:
        """Add the mask."""
        height, width = results['img_shape']
        if results.get('instance_mask') is None:
            results['instance_mask'] = decode_mask(results['mask'], results['bbox'], height, width)
        check_mask(results['instance_mask'], height, width)
        return results

    def __repr__(self) -> str:
        """``LoadInstanceMask()``."""
        return f'{type(self).__name__}()'


def _check_image(image: object) -> None:
    is_rgb = isinstance(image, np.ndarray) and image.ndim == 3 and image.shape[2] == 3
    if not is_rgb or image.dtype != np.uint8:
        got = f'{type(image).__name__}'
        if isinstance(image, np.ndarray):
            got = f'{image.dtype} of shape {image.shape}'
        raise ValueError(f"'img' must be a uint8 RGB array of shape (H, W, 3), got {got}")


def check_mask(mask: object, height: int, width: int) -> None:
    """Raise ``ValueError`` unless it is a mask with foreground, uint8 {0, 255}, (height, width)."""
    is_mask = isinstance(mask, np.ndarray) and mask.dtype == np.uint8
    if not is_mask or mask.shape != (height, width):
        got = f'{mask.dtype} of shape {mask.shape}' if isinstance(mask, np.ndarray) else type(mask)
        raise ValueError(
            f"'instance_mask' must be a uint8 array of shape ({height}, {width}), got {got}"
        )
    highest = mask.max()
    if highest == 0:
        raise ValueError(
            f'the mask is empty: it has no foreground in the image of {width} x {height} '
            'pixels (width x height); correct it, remove the instance, or leave its mask out '
            '(None) to use the box as mask'
        )
    if highest != FOREGROUND:
        raise ValueError(f"'instance_mask' must have values 0 and 255, its highest is {highest}")
