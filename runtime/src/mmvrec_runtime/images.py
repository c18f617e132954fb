"""Images as uint8 RGB, upright, read by Pillow as mmvrec reads them."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from mmvrec_runtime.shared.image_headers import (
    ImageHeader,
    check_is_image_file,
    header_of,
    turn_of,
)

#: A file, the content of one, or pixels.
ImageSource = str | Path | bytes | np.ndarray
IMAGE_SUFFIXES = (
    '.bmp', '.gif', '.jpeg', '.jpg', '.pcx', '.pgm', '.png', '.ppm', '.tga', '.tif', '.tiff',
    '.webp',
)  # fmt: skip
#: Bytes that an image file may have.
MAX_BYTES = 2**30


def image_name(image: ImageSource) -> str:
    """What an image is called in ids: its path, or what its content is."""
    if isinstance(image, bytes):
        return f'image {sha256(image).hexdigest()[:12]}'
    if isinstance(image, np.ndarray):
        content = f'{image.dtype} {image.shape}'.encode() + np.ascontiguousarray(image).tobytes()
        return f'array {sha256(content).hexdigest()[:12]}'
    return str(image)


def read_image(image: ImageSource, bit_depth: int | None = None) -> np.ndarray:
    """Upright pixels of an image.

    Grey images are repeated over the three channels, transparency is dropped, EXIF orientation
    applied; images of 16 bits are scaled from their full range, or from that of ``bit_depth``.
    Colours of 16 bits, which Pillow does not read, OpenCV decodes where it is installed.

    Args:
        image (ImageSource): a file, the bytes of one, or a uint8 array, RGB (H, W, 3) or grey
            (H, W).
        bit_depth (int, optional): bits that the values of 16-bit images use. Defaults to None: 16.

    Returns:
        np.ndarray: uint8, RGB, (H, W, 3).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be decoded, has colours of 16 bits and OpenCV is not there, or is an
            array of another type or shape.
    """
    if isinstance(image, np.ndarray):
        return _checked_array(image)
    name = 'the image' if isinstance(image, bytes) else str(image)
    data = image if isinstance(image, bytes) else _read_file(image)
    header = header_of(BytesIO(data), name)
    try:
        pixels = _decode(data, header)
    except ValueError as error:
        raise ValueError(f'{name}: {error}') from error
    # Pillow's decoders raise what they stumble over.
    except Exception as error:
        raise ValueError(f'{name} is damaged, its pixels cannot be decoded: {error}') from error
    if pixels.dtype != np.uint8:
        pixels = _to_eight_bits(pixels, name, bit_depth or 16)
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def _read_file(path: str | Path) -> bytes:
    check_is_image_file(path)
    if Path(path).stat().st_size > MAX_BYTES:
        raise ValueError(f'{path} has more than {MAX_BYTES} bytes')
    return Path(path).read_bytes()


def _decode(data: bytes, header: ImageHeader) -> np.ndarray:
    """Upright pixels, uint8 or 16-bit numbers, RGB or grey."""
    with Image.open(BytesIO(data), formats=[header.format]) as stored:
        deep = [str(tile[3]) for tile in stored.tile if '16' in str(tile[3])]
        if deep and stored.mode not in ('I', 'I;16', 'I;16B'):
            return _decode_by_opencv(data, header)
        stored.load()
        image = ImageOps.exif_transpose(stored) if header.tiff else stored
        if image.mode in ('1', 'LA'):
            image = image.convert('L')
        is_numbers = image.mode in ('L', 'F') or image.mode.startswith('I')
        pixels = np.asarray(image if is_numbers else image.convert('RGB'))
    if header.tiff and header.tiff.white_is_zero and pixels.dtype == np.uint16:
        pixels = ~pixels
    return pixels if header.tiff else _upright(pixels, header.orientation)


def _decode_by_opencv(data: bytes, header: ImageHeader) -> np.ndarray:
    """Upright pixels of colours of 16 bits, RGB, as mmvrec decodes them."""
    try:
        import cv2
    except ImportError as error:
        raise ValueError(
            'it has colours of 16 bits, which Pillow does not read; save it with 8 bits, or '
            "pip install 'mmvrec-runtime[deep]'"
        ) from error
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3:
        raise ValueError('it is damaged, or its colours of 16 bits are of a kind that is not read')
    pixels = np.ascontiguousarray(pixels[..., 2::-1])
    # TIFF files OpenCV has turned.
    return pixels if header.tiff else _upright(pixels, header.orientation)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    swap, flip_columns, flip_rows = turn_of(orientation)
    pixels = pixels.swapaxes(0, 1) if swap else pixels
    pixels = pixels[:, ::-1] if flip_columns else pixels
    return np.ascontiguousarray(pixels[::-1] if flip_rows else pixels)


def _to_eight_bits(pixels: np.ndarray, name: str, bits: int) -> np.ndarray:
    most = 2**bits - 1
    if pixels.dtype.kind not in 'ui' or pixels.min() < 0 or pixels.max() > most:
        raise ValueError(
            f'{name} has {pixels.dtype} pixels up to {pixels.max()}; integers of at most {bits} '
            'bits are read'
        )
    return ((255 * pixels.astype(np.uint32) + most // 2) // most).astype(np.uint8)


def _checked_array(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim not in (2, 3):
        raise ValueError(f'an image must be uint8, got {image.dtype} of shape {image.shape}')
    image = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    if image.shape[2] != 3 or image.size == 0:
        raise ValueError(f'an image must be RGB (H, W, 3) or grey (H, W), got {image.shape}')
    return image
