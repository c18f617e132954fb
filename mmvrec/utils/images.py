"""Reading images as uint8 RGB, upright, whatever their bit depth, channels and orientation."""

import os
import struct
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base

#: Images of more pixels are refused, by Pillow as by us: 178 million.
MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS
#: EXIF orientation as a transposition, then a flip of the columns, then one of the rows.
_TURNS = {
    1: (False, False, False),
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


@dataclass(frozen=True)
class ImageHeader:
    """What an image file tells of its pixels.

    Args:
        stored (tuple[int, int]): height and width of the pixels as they lie in the file.
        orientation (int): how they are turned to be upright, as EXIF numbers it: 1 (upright
            already) to 8.
        format (str): the file's format, as Pillow calls it.
    """

    stored: tuple[int, int]
    orientation: int = 1
    format: str = ''

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the upright image."""
        height, width = self.stored
        return (width, height) if turn_of(self.orientation)[0] else (height, width)


def read_header(path: str | Path) -> ImageHeader:
    """Read size and EXIF orientation of an image file, without its pixels.

    An orientation that is none of the eight, and EXIF data that cannot be read, mean upright, as
    for Pillow and OpenCV.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an image, or one of more than 178 million pixels.
    """
    _check_is_file(path)
    with Path(path).open('rb') as file:
        return _header(file, str(path))


def image_shape(path: str | Path) -> tuple[int, int]:
    """Height and width of the upright image in a file; see :func:`read_header`."""
    return read_header(path).shape


def is_image_size(height: object, width: object) -> bool:
    """Whether height and width, as an annotation declares them, can be those of an image."""
    sides = (height, width)
    return all(type(side) is int and side > 0 for side in sides) and height * width <= MAX_PIXELS


def read_image(path: str | Path) -> np.ndarray:
    """Decode an image file to upright RGB.

    Sixteen-bit images are scaled from their full range (v / 257, rounded), grey images repeated
    over the three channels, a transparency channel is dropped. EXIF orientation is applied: the
    pixels are those that viewers and annotation tools show.

    Args:
        path (str | Path): an image in any format that OpenCV decodes.

    Returns:
        np.ndarray: uint8, RGB, shape (H, W, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded, or its pixels are neither 8 nor 16 bit.
    """
    _check_is_file(path)
    return to_rgb(decode_image(Path(path).read_bytes(), str(path)), str(path))


def decode_image(data: bytes, name: str, flags: int = cv2.IMREAD_UNCHANGED) -> np.ndarray:
    """Decode the bytes of an image file to upright pixels.

    Args:
        data (bytes): content of the file.
        name (str): what it is called in messages.
        flags (int): OpenCV's ``IMREAD_*``. Defaults to the stored channels and bit depth.

    Returns:
        np.ndarray: shape (H, W) or (H, W, C); colours in OpenCV's order, BGR(A).

    Raises:
        ValueError: it is no image, damaged, or too large.
    """
    header = _header(BytesIO(data), name)
    if flags != cv2.IMREAD_UNCHANGED:
        # Which formats OpenCV turns by itself depends on its version, so none is to be.
        flags |= cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ValueError(f'{name} cannot be decoded: {error.err}') from error
    if pixels is None:
        raise ValueError(f'{name} is damaged, its pixels cannot be decoded ({len(data)} bytes)')
    # The exception are TIFF files, which OpenCV turns under every flag.
    return pixels if header.format == 'TIFF' else turn_pixels(pixels, header.orientation)


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


def turn_of(orientation: int) -> tuple[bool, bool, bool]:
    """What turns stored pixels upright, one after the other.

    Args:
        orientation (int): EXIF orientation, 1 to 8.

    Returns:
        tuple[bool, bool, bool]: whether rows and columns change places, whether then the order of
        the columns is turned round, and whether that of the rows is.
    """
    return _TURNS[orientation]


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


def _check_is_file(path: str | Path) -> None:
    if not Path(path).is_file():
        raise FileNotFoundError(f'no image at {path}')


def _header(file: BinaryIO, name: str) -> ImageHeader:
    try:
        with Image.open(file) as image:
            width, height = image.size
            if image.format == 'TIFF':
                # Pillow turns the size of a TIFF file in some versions, its tags in none.
                width, height = (image.tag_v2[tag] for tag in (Base.ImageWidth, Base.ImageLength))
            return ImageHeader((height, width), _orientation(image), image.format)
    except UnidentifiedImageError as error:
        size = file.seek(0, os.SEEK_END)
        raise ValueError(f'{name} is damaged or not an image ({size} bytes)') from error
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f'{name} is not a readable image: {error}') from error


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 where there is no valid one."""
    try:
        if image.format == 'TIFF':
            value = image.tag_v2.get(Base.Orientation)
        else:
            exif = Image.Exif()
            exif.load(image.info.get('exif') or _png_exif(image))
            value = exif.get(Base.Orientation)
        return value if value in _TURNS else 1
    # Damaged EXIF data raises whatever Pillow's parser stumbles over.
    except Exception:
        return 1


def _png_exif(image: Image.Image) -> bytes:
    """The eXIf chunk behind the pixels of a PNG file, where Pillow finds it by decoding them."""
    if image.format != 'PNG':
        return b''
    image.fp.seek(8)
    while len(start := image.fp.read(8)) == 8:
        length, kind = struct.unpack('>I4s', start)
        if kind == b'eXIf':
            return image.fp.read(length)
        image.fp.seek(length + 4, 1)
    return b''
