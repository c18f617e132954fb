"""Reading images as uint8 RGB, upright, whatever their bit depth, channels and orientation."""

from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from mmvrec.utils.files import read_bytes
from mmvrec.utils.image_headers import (
    MAX_PIXELS,
    ImageHeader,
    check_is_image_file,
    header_of,
    image_shape,
    is_image_size,
    read_header,
    turn_of,
)

__all__ = [
    'MAX_PIXELS',
    'check_bit_depth',
    'decode_image',
    'image_shape',
    'is_image_size',
    'read_header',
    'read_image',
    'read_pixels',
    'to_rgb',
    'turn_of',
    'turn_pixels',
]

_FULL_DEPTH = 16


def read_image(path: str | Path, bit_depth: int | None = None) -> np.ndarray:
    """Decode an image file to upright RGB.

    Sixteen-bit images are scaled from their full range (v / 257, rounded), or from that of
    ``bit_depth``, grey images repeated over the three channels, a transparency channel is dropped.
    EXIF orientation is applied: the pixels are those that viewers and annotation tools show. Of
    several frames or pages the first is read.

    Args:
        path (str | Path): an image in a format that OpenCV decodes, a TGA or a PCX file.
        bit_depth (int, optional): see :func:`to_rgb`.

    Returns:
        np.ndarray: uint8, RGB, shape (H, W, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded, or its pixels are neither 8 nor 16 bit.
    """
    return to_rgb(read_pixels(path), str(path), bit_depth)


def read_pixels(path: str | Path, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """Decode an image file to upright pixels; see :func:`decode_image`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, or is larger than 1 GiB.
    """
    check_is_image_file(path)
    try:
        data = read_bytes(path)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error
    return decode_image(data, str(path), flags)


def decode_image(data: bytes, name: str, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """Decode the bytes of an image file to upright pixels.

    Args:
        data (bytes): content of the file.
        name (str): what it is called in messages.
        flags (int): OpenCV's ``IMREAD_UNCHANGED``, the stored channels and bit depth (default), or
            ``IMREAD_GRAYSCALE``.

    Returns:
        np.ndarray: shape (H, W) or (H, W, C); colours in OpenCV's order, BGR(A).

    Raises:
        ValueError: it is no image, damaged, or too large.
    """
    header = header_of(BytesIO(data), name)
    decode = decode_by_pillow if header.is_pillows else decode_by_opencv
    return decode(data, name, header, flags)


def decode_by_opencv(data: bytes, name: str, header: ImageHeader, flags: int) -> np.ndarray:
    """Decode by OpenCV; see :func:`decode_image`."""
    if flags != cv2.IMREAD_UNCHANGED:
        # Which formats OpenCV turns by itself depends on its version, so none is to be.
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ValueError(f'{name} cannot be decoded: {error.err}') from error
    if pixels is None:
        raise ValueError(_damaged(name, data, header))
    if header.tiff is None:
        return turn_pixels(pixels, header.orientation)
    # TIFF files OpenCV turns under every flag. Grey values of 16 bits it takes as they are stored.
    return ~pixels if header.tiff.white_is_zero and pixels.dtype == np.uint16 else pixels


def decode_by_pillow(data: bytes, name: str, header: ImageHeader, flags: int) -> np.ndarray:
    """Decode by Pillow, as OpenCV would were it able to; transparency is dropped."""
    try:
        with Image.open(BytesIO(data), formats=[header.format]) as stored:
            stored.load()
            # Whether Pillow has turned a TIFF file by now depends on its version.
            image = ImageOps.exif_transpose(stored) if header.tiff else stored
            if image.mode in ('1', 'LA'):
                image = image.convert('L')
            elif image.mode not in ('L', 'F') and not image.mode.startswith('I'):
                image = image.convert('RGB')
            pixels = np.asarray(image)
    # Pillow's decoders raise what they stumble over.
    except Exception as error:
        raise ValueError(f'{_damaged(name, data, header)}: {error}') from error
    if header.tiff and 8 * pixels.dtype.itemsize < header.tiff.bits:
        raise ValueError(_damaged(name, data, header))
    if header.tiff and header.tiff.white_is_zero and pixels.dtype == np.uint16:
        pixels = ~pixels
    if flags == cv2.IMREAD_GRAYSCALE:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
        return (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    return np.ascontiguousarray(pixels[..., ::-1] if pixels.ndim == 3 else pixels)


def _damaged(name: str, data: bytes, header: ImageHeader) -> str:
    if header.tiff is None:
        return f'{name} is damaged, its pixels cannot be decoded ({len(data)} bytes)'
    return (
        f'{name} is damaged or of a kind that is not read ({header.tiff}, {len(data)} bytes); '
        'save it as PNG, or as TIFF in strips with compression lzw, integers of 8 or 16 bits '
        '(heat-maps: also floats of 32 bits)'
    )


def turn_pixels(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels upright.

    Args:
        pixels (np.ndarray): image or mask as it is stored, shape (H, W) or (H, W, C).
        orientation (int): EXIF orientation, 1 to 8.

    Returns:
        np.ndarray: the upright one; from orientation 5 on height and width have changed places.
    """
    swap, flip_columns, flip_rows = turn_of(orientation)
    if swap:
        pixels = pixels.swapaxes(0, 1)
    if flip_columns:
        pixels = pixels[:, ::-1]
    if flip_rows:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def check_bit_depth(bit_depth: int | None) -> None:
    """Raise ``ValueError`` unless it is None or one that a 16-bit image can have: 9 to 16."""
    if bit_depth is not None and (type(bit_depth) is not int or not 8 < bit_depth <= _FULL_DEPTH):
        raise ValueError(
            f'bit_depth must be 9 to {_FULL_DEPTH}, or None for all, got {bit_depth!r}'
        )


def to_rgb(image: np.ndarray, name: str = 'the image', bit_depth: int | None = None) -> np.ndarray:
    """Bring a decoded BGR(A) or grey image to uint8 RGB; see :func:`read_image`.

    Args:
        image (np.ndarray): uint8 or uint16, shape (H, W) or (H, W, C).
        name (str): what it is called in messages.
        bit_depth (int, optional): bits that the values of 16-bit images use, the lowest ones;
            images of 8 bits stay as they are. Defaults to None: all 16.

    Raises:
        ValueError: other pixels or channels, or values of more than ``bit_depth`` bits.
    """
    check_bit_depth(bit_depth)
    if image.dtype == np.uint16:
        bits = bit_depth or _FULL_DEPTH
        most = 2**bits - 1
        if image.max() > most:
            raise ValueError(f'{name} has values up to {image.max()}, more than {bits} bits hold')
        image = ((255 * image.astype(np.uint32) + most // 2) // most).astype(np.uint8)
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
