"""Reading images as uint8 RGB, whatever their bit depth and channels."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError


def image_shape(path: str | Path) -> tuple[int, int]:
    """Height and width of an image file, read from its header.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an image.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no image at {path}')
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise ValueError(f'{path} is not a readable image: {error}') from error


def read_image(path: str | Path) -> np.ndarray:
    """Decode an image file to RGB.

    Sixteen-bit images are scaled from their full range (v / 257, rounded), grey images repeated
    over the three channels, a transparency channel is dropped. EXIF orientation is not applied:
    the pixels are those that the annotations count.

    Args:
        path (str | Path): an image in any format that OpenCV decodes.

    Returns:
        np.ndarray: uint8, RGB, shape (H, W, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded, or its pixels are neither 8 nor 16 bit.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no image at {path}')
    data = np.fromfile(path, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise ValueError(f'{path} is damaged or not an image ({data.size} bytes)')
    return to_rgb(image, str(path))


def to_rgb(image: np.ndarray, name: str = 'the image') -> np.ndarray:
    """Bring a decoded BGR(A) or grey image to uint8 RGB; see :func:`read_image`."""
    if image.dtype == np.uint16:
        image = ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if image.dtype != np.uint8:
        raise ValueError(f'{name} has {image.dtype} pixels; convert it to 8 or 16 bit integers')
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    conversion = {
        1: cv2.COLOR_GRAY2RGB,
        3: cv2.COLOR_BGR2RGB,
        4: cv2.COLOR_BGRA2RGB,
    }.get(image.shape[2])
    if conversion is None:
        raise ValueError(f'{name} has {image.shape[2]} channels; 1, 3 or 4 are expected')
    return cv2.cvtColor(image, conversion)
