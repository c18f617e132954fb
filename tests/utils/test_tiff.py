"""TIFF files of every kind, written here tag by tag: no library writes all of them."""

import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from mmvrec.utils.images import decode_image, image_shape, read_image, to_rgb

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (40, 56, 3), np.uint8)
GREY = RGB[..., 0]
ALPHA = RNG.integers(0, 256, (40, 56, 1), np.uint8)
WIDE = 257  # An eight-bit value times this is the same grey of sixteen bits.


def tiff_of(pixels, photometric=1, side=None, compression=1, **more_tags) -> bytes:
    """A little-endian TIFF file with one strip, or with uncompressed square tiles of a side."""
    height, width = pixels.shape[:2]
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    chunks = [pixels.tobytes()] if side is None else list(tiles_of(pixels, side))
    offsets = (8 + np.cumsum([0, *map(len, chunks[:-1])])).tolist()
    sizes = [len(chunk) for chunk in chunks]
    tags = {
        256: [width],
        257: [height],
        258: [8 * pixels.dtype.itemsize] * samples,
        259: [compression],
        262: [photometric],
        277: [samples],
    }
    if side is None:
        tags |= {273: offsets, 278: [height], 279: sizes}
    else:
        tags |= {322: [side], 323: [side], 324: offsets, 325: sizes}
    tags |= {int(name[1:]): [value] for name, value in more_tags.items()}
    place = 8 + sum(sizes)
    entries, behind = b'', b''
    for tag, values in sorted(tags.items()):
        data = struct.pack(f'<{len(values)}I', *values)
        if len(data) > 4:
            offset = place + 2 + 12 * len(tags) + 4 + len(behind)
            data, behind = struct.pack('<I', offset), behind + data
        entries += struct.pack('<HHI4s', tag, 4, len(values), data)
    directory = struct.pack('<H', len(tags)) + entries + bytes(4)
    return b'II*\0' + struct.pack('<I', place) + b''.join(chunks) + directory + behind


def tiles_of(pixels, side):
    for top in range(0, pixels.shape[0], side):
        for left in range(0, pixels.shape[1], side):
            tile = np.zeros((side, side, *pixels.shape[2:]), pixels.dtype)
            part = pixels[top : top + side, left : left + side]
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile.tobytes()


def rgb_of(data) -> np.ndarray:
    return to_rgb(decode_image(data, 'a.tif'))


GREY16 = GREY.astype(np.uint16) * WIDE
KINDS = {
    'rgb': (tiff_of(RGB, 2), RGB),
    'rgb in tiles of 16': (tiff_of(RGB, 2, 16), RGB),
    'rgb in tiles of 48': (tiff_of(RGB, 2, 48), RGB),
    'grey in tiles of 16': (tiff_of(GREY, 1, 16), GREY),
    'grey of 16 bits in tiles of 16': (tiff_of(GREY16, 1, 16), GREY),
    'rgb of 16 bits in tiles of 16': (tiff_of(RGB.astype(np.uint16) * WIDE, 2, 16), RGB),
    'white is zero': (tiff_of(255 - GREY, 0), GREY),
    'white is zero, 16 bits': (tiff_of(65535 - GREY16, 0), GREY),
    'white is zero, 16 bits, in tiles': (tiff_of(65535 - GREY16, 0, 16), GREY),
    'rgb and alpha': (tiff_of(np.dstack([RGB, ALPHA]), 2, t338=2), RGB),
    'rgb and alpha in tiles of 16': (tiff_of(np.dstack([RGB, ALPHA]), 2, 16, t338=2), RGB),
    'rgb and alpha of 16 bits': (
        tiff_of(np.dstack([RGB, ALPHA]).astype(np.uint16) * WIDE, 2, t338=2),
        RGB,
    ),
    'rgb and something': (tiff_of(np.dstack([RGB, ALPHA]), 2, t338=0), RGB),
    'grey and alpha': (tiff_of(np.dstack([GREY, ALPHA]), 1, t338=2), GREY),
}


@pytest.mark.parametrize('kind', KINDS)
def test_pixels_are_those_that_were_stored(kind):
    data, expected = KINDS[kind]
    expected = expected if expected.ndim == 3 else np.repeat(expected[..., None], 3, 2)
    np.testing.assert_array_equal(rgb_of(data), expected)


@pytest.mark.parametrize('compression', ['zstd', 'lzma', 'tiff_lzw', 'packbits'])
@pytest.mark.parametrize('pixels', [RGB, GREY16], ids=['rgb', 'grey of 16 bits'])
def test_compressions(tmp_path, pixels, compression):
    path = tmp_path / 'a.tif'
    save_compressed(path, pixels, compression)
    expected = to_rgb(pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    np.testing.assert_array_equal(read_image(path), expected)


def save_compressed(path, pixels, compression):
    try:
        Image.fromarray(pixels).save(path, compression=compression)
    except OSError as error:
        pytest.skip(f'Pillow was built without {compression}: {error}')


@pytest.mark.parametrize('orientation', range(1, 9))
def test_orientation_where_pillow_decodes(tmp_path, orientation):
    path = tmp_path / 'a.tif'
    path.write_bytes(tiff_of(RGB, 2, 16, t274=orientation))
    (tmp_path / 'strips.tif').write_bytes(tiff_of(RGB, 2, t274=orientation))
    expected = read_image(tmp_path / 'strips.tif')
    np.testing.assert_array_equal(read_image(path), expected)
    assert image_shape(path) == expected.shape[:2]


def test_masks_where_pillow_decodes():
    def mask_of(*args, **more):
        return decode_image(tiff_of(*args, **more), 'm.tif', cv2.IMREAD_GRAYSCALE)

    np.testing.assert_array_equal(mask_of(GREY, 1, 16), GREY)
    # OpenCV's TIFF decoder rounds greys of colours in its own way.
    np.testing.assert_allclose(mask_of(RGB, 2, 16).astype(int), mask_of(RGB, 2), atol=1)
    # Transparent pixels of a mask are as bright as opaque ones.
    with_alpha = mask_of(np.dstack([RGB, ALPHA]), 2, t338=2)
    np.testing.assert_array_equal(with_alpha, mask_of(RGB, 2, 16))


@pytest.mark.parametrize('dtype', [np.float32, np.float64, np.int32])
def test_samples_that_pillow_does_not_know_keep_their_values(dtype):
    more = {} if dtype == np.int32 else {'t339': 3}
    pixels = decode_image(tiff_of(GREY.astype(dtype), 1, **more), 'map.tif')
    np.testing.assert_array_equal(pixels, GREY)


UNREADABLE = {
    'half floats': (tiff_of(GREY.astype(np.float16), 1, t339=3), '16-bit floats, compression raw'),
    'unknown compression': (tiff_of(GREY, 1, compression=50002), 'compression number 50002'),
    'cut off in tiles': (tiff_of(GREY, 1, 16)[8:], 'damaged or not an image'),
    # Pillow would cut 16 bits to 8.
    'colours of 16 bits': (
        tiff_of(RGB.astype(np.uint16), 2, compression=50000),
        'TIFF of 16-bit integers, compression zstd',
    ),
    'no size': (tiff_of(GREY, 1).replace(struct.pack('<HH', 256, 4), b'\0\xff\4\0'), 'damaged'),
}


@pytest.mark.parametrize('kind', UNREADABLE)
def test_what_cannot_be_read_is_named(kind):
    data, message = UNREADABLE[kind]
    with pytest.raises(ValueError, match=f'^a.tif .*{message}'):
        decode_image(data, 'a.tif')


@pytest.mark.parametrize(
    ('one', 'other'), [('rgba.tif', 'rgba.png'), ('miniswhite16.tif', 'miniswhite8.tif')]
)
def test_files_of_other_programs(fixtures, one, other):
    folder = fixtures('150-images')
    np.testing.assert_array_equal(read_image(folder / one), read_image(folder / other))
