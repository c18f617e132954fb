"""Headers of image files: size, orientation, and which library decodes the pixels.

Pillow alone: mmvrec-runtime has a copy of this file, to the byte.
"""

import os
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import COMPRESSION_INFO, ImageFileDirectory_v2

#: Images of more pixels are refused. Pillow's default, which a caller may have changed.
MAX_PIXELS = 178_956_970
#: Formats beside TIFF, by Pillow's names. A closed list: Pillow runs Ghostscript for others. TGA
#: comes last, as anything may look like it.
_FORMATS = (
    'JPEG', 'PNG', 'BMP', 'PPM', 'GIF', 'WEBP', 'JPEG2000', 'AVIF', 'SUN', 'PCX', 'TGA',
)  # fmt: skip
#: Of them, those that OpenCV does not read, or not in every build.
_PILLOWS_FORMATS = ('GIF', 'PCX', 'TGA')
_TIFF_STARTS = (b'II*\0', b'MM\0*', b'II+\0')
#: Compressions in TIFF that every OpenCV reads.
_OPENCVS_COMPRESSIONS = (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946)
_UNCOMPRESSED = 1
_UNASSOCIATED_ALPHA = 2
_IEEE_FLOAT = 3


@dataclass(frozen=True)
class ImageHeader:
    """What an image file tells of its pixels.

    Args:
        stored (tuple[int, int]): height and width of the pixels as they lie in the file.
        orientation (int): how they are turned to be upright, as EXIF numbers it: 1 (upright
            already) to 8.
        format (str): the file's format, as Pillow calls it.
        tiff (TiffSamples, optional): more about a TIFF file.
    """

    stored: tuple[int, int]
    orientation: int = 1
    format: str = ''
    tiff: 'TiffSamples | None' = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the upright image."""
        height, width = self.stored
        return (width, height) if turn_of(self.orientation)[0] else (height, width)

    @property
    def is_pillows(self) -> bool:
        """Whether Pillow reads the file, and OpenCV does not or changes its colours."""
        return self.format in _PILLOWS_FORMATS or (self.tiff is not None and self.tiff.is_pillows)


@dataclass(frozen=True)
class TiffSamples:
    """How a TIFF file stores its pixels.

    Args:
        bits (int): of a sample.
        compression (int): as TIFF numbers it.
        white_is_zero (bool): whether grey values count from white.
        floats (bool): whether the samples are floats.
        tiled (bool): whether they lie in tiles.
        extra (tuple[int, ...]): meaning of the samples beside grey or colours.
    """

    bits: int
    compression: int
    white_is_zero: bool
    floats: bool
    tiled: bool
    extra: tuple[int, ...]

    def __str__(self) -> str:
        """``TIFF of 16-bit integers in tiles, compression zstd``."""
        kind = 'floats' if self.floats else 'integers'
        tiles = ' in tiles' if self.tiled else ''
        name = COMPRESSION_INFO.get(self.compression, f'number {self.compression}')
        return f'TIFF of {self.bits}-bit {kind}{tiles}, compression {name}'

    @property
    def is_pillows(self) -> bool:
        """See :attr:`ImageHeader.is_pillows`."""
        if self.compression not in _OPENCVS_COMPRESSIONS:
            return True
        # OpenCV multiplies colours by their alpha, and fails on small tiles.
        tiles = self.tiled and self.compression == _UNCOMPRESSED
        return self.bits <= 8 and (tiles or _UNASSOCIATED_ALPHA in self.extra)


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


def turn_of(orientation: int) -> tuple[bool, bool, bool]:
    """Look up what turns stored pixels upright, one after the other.

    Args:
        orientation (int): EXIF orientation, 1 to 8.

    Returns:
        tuple[bool, bool, bool]: whether rows and columns change places, whether then the order of
        the columns is turned round, and whether that of the rows is.
    """
    return _TURNS[orientation]


def read_header(path: str | Path) -> ImageHeader:
    """Read size and EXIF orientation of an image file, without its pixels.

    An orientation that is none of the eight, and EXIF data that cannot be read, mean upright, as
    for Pillow and OpenCV.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not an image, or one of more than 178 million pixels.
    """
    check_is_image_file(path)
    with Path(path).open('rb') as file:
        return header_of(file, str(path))


def check_is_image_file(path: str | Path) -> None:
    """Raise ``FileNotFoundError`` unless there is a regular file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f'no image at {path}')


def image_shape(path: str | Path) -> tuple[int, int]:
    """Read height and width of the upright image in a file; see :func:`read_header`."""
    return read_header(path).shape


def is_image_size(height: object, width: object) -> bool:
    """Whether height and width, as an annotation declares them, can be those of an image."""
    sides = (height, width)
    return all(type(side) is int and side > 0 for side in sides) and height * width <= MAX_PIXELS


def header_of(file: BinaryIO, name: str) -> ImageHeader:
    """Read the header of an open image file; see :func:`read_header`.

    Args:
        file (BinaryIO): at its start.
        name (str): what it is called in messages.
    """
    start = file.read(4)
    file.seek(0)
    try:
        if start in _TIFF_STARTS:
            header = tiff_header(file)
        else:
            with Image.open(file, formats=readable_formats()) as image:
                width, height = image.size
                header = ImageHeader((height, width), exif_orientation(image), image.format)
    except (UnidentifiedImageError, KeyError, TypeError, SyntaxError, struct.error) as error:
        size = file.seek(0, os.SEEK_END)
        raise ValueError(f'{name} is damaged or not an image ({size} bytes)') from error
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f'{name} is not a readable image: {error}') from error
    if not is_image_size(*header.stored):
        height, width = header.stored
        raise ValueError(
            f'{name} is not a readable image: {width} x {height} pixels (width x height), at most '
            f'{MAX_PIXELS} in all are read'
        )
    return header


def tiff_header(file: BinaryIO) -> ImageHeader:
    """Read a TIFF file's header by its tags: Pillow does not know all samples that OpenCV does."""
    start = file.read(8)
    if start[2] == 43:
        start += file.read(8)
    tags = ImageFileDirectory_v2(start)
    file.seek(tags.next)
    tags.load(file)
    samples = TiffSamples(
        bits=max(tags.get(Base.BitsPerSample, (1,))),
        compression=tags.get(Base.Compression, _UNCOMPRESSED),
        white_is_zero=tags.get(Base.PhotometricInterpretation) == 0,
        floats=_IEEE_FLOAT in tags.get(Base.SampleFormat, ()),
        tiled=Base.TileWidth in tags,
        extra=tags.get(Base.ExtraSamples, ()),
    )
    stored = tags[Base.ImageLength], tags[Base.ImageWidth]
    return ImageHeader(stored, _valid(tags.get(Base.Orientation)), 'TIFF', samples)


@cache
def readable_formats() -> list[str]:
    """Names of the formats beside TIFF that are read, those that this Pillow was built with."""
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def exif_orientation(image: Image.Image) -> int:
    """Read the EXIF orientation, 1 where there is no valid one."""
    try:
        exif = Image.Exif()
        exif.load(image.info.get('exif') or png_exif(image))
        return _valid(exif.get(Base.Orientation))
    # Damaged EXIF data raises whatever Pillow's parser stumbles over.
    except Exception:
        return 1


def _valid(orientation: object) -> int:
    return orientation if isinstance(orientation, int) and orientation in _TURNS else 1


def png_exif(image: Image.Image) -> bytes:
    """Read the eXIf chunk behind the pixels of a PNG file, which Pillow does by decoding."""
    if image.format != 'PNG':
        return b''
    image.fp.seek(8)
    while len(start := image.fp.read(8)) == 8:
        length, kind = struct.unpack('>I4s', start)
        if kind == b'eXIf':
            return image.fp.read(length)
        image.fp.seek(length + 4, 1)
    return b''
