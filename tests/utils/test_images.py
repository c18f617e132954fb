"""Reading images of every bit depth and channel count."""

import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmvrec.utils.images import (
    MAX_PIXELS,
    image_shape,
    is_image_size,
    read_header,
    read_image,
    to_rgb,
    turn_pixels,
)

HEIGHT, WIDTH = 5, 7
RGB = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
GREY = RGB[..., 0]
THREE_GREY = np.repeat(GREY[..., None], 3, 2)
FULL = np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 1872


def scaled(values):
    """Sixteen bits to eight, from the full range: 257 times an eight-bit value is that value."""
    return np.round(values / 257).astype(np.uint8)


def palette():
    return Image.fromarray(GREY).convert('RGB').quantize(256)


KINDS = {
    'rgb.png': (lambda p: Image.fromarray(RGB).save(p), RGB),
    'rgb.bmp': (lambda p: Image.fromarray(RGB).save(p), RGB),
    'rgb.tif': (lambda p: Image.fromarray(RGB).save(p), RGB),
    'rgba.png': (lambda p: Image.fromarray(np.dstack([RGB, GREY])).save(p), RGB),
    'grey.png': (lambda p: Image.fromarray(GREY).save(p), THREE_GREY),
    'grey_alpha.png': (
        lambda p: Image.fromarray(np.dstack([GREY, 255 - GREY])).save(p),
        THREE_GREY,
    ),
    'binary.png': (
        lambda p: Image.fromarray(GREY > 127).save(p),
        np.repeat((GREY > 127)[..., None] * np.uint8(255), 3, 2),
    ),
    'palette.png': (lambda p: palette().save(p), np.asarray(palette().convert('RGB'))),
    'grey16.png': (
        lambda p: Image.fromarray(FULL).save(p),
        np.repeat(scaled(FULL)[..., None], 3, 2),
    ),
    'rgb16.png': (lambda p: cv2.imwrite(str(p), RGB[..., ::-1].astype(np.uint16) * 257), RGB),
    'rgb16.tif': (lambda p: cv2.imwrite(str(p), RGB[..., ::-1].astype(np.uint16) * 257), RGB),
    'palette_and_transparency.png': (
        lambda p: palette().save(p, transparency=3),
        np.asarray(palette().convert('RGB')),
    ),
    'rgb.tga': (lambda p: Image.fromarray(RGB).save(p, compression='tga_rle'), RGB),
    'rgba.tga': (lambda p: Image.fromarray(np.dstack([RGB, GREY])).save(p), RGB),
    'grey_alpha.tga': (
        lambda p: Image.fromarray(np.dstack([GREY, 255 - GREY])).save(p),
        THREE_GREY,
    ),
    'palette.tga': (lambda p: palette().save(p), np.asarray(palette().convert('RGB'))),
    'rgb.pcx': (lambda p: Image.fromarray(RGB).save(p), RGB),
    'grey.pcx': (lambda p: Image.fromarray(GREY).save(p), THREE_GREY),
    'binary.pcx': (
        lambda p: Image.fromarray(GREY > 127).save(p),
        np.repeat((GREY > 127)[..., None] * np.uint8(255), 3, 2),
    ),
    'rgb.ppm': (lambda p: Image.fromarray(RGB).save(p), RGB),
    'rgb.jp2': (lambda p: Image.fromarray(RGB).save(p), RGB),
    'rgb.webp': (lambda p: Image.fromarray(RGB).save(p, lossless=True), RGB),
    'animated.gif': (
        lambda p: Image.fromarray(GREY).save(
            p, save_all=True, append_images=[Image.fromarray(255 - GREY)]
        ),
        THREE_GREY,
    ),
    'animated.webp': (
        lambda p: Image.fromarray(RGB).save(
            p, save_all=True, append_images=[Image.fromarray(255 - RGB)], lossless=True
        ),
        RGB,
    ),
    'animated.png': (
        lambda p: Image.fromarray(RGB).save(
            p, save_all=True, append_images=[Image.fromarray(255 - RGB)]
        ),
        RGB,
    ),
    'pages.tif': (
        lambda p: Image.fromarray(RGB).save(
            p, save_all=True, append_images=[Image.fromarray(255 - RGB)]
        ),
        RGB,
    ),
    'Grüße 缺陷.png': (lambda p: Image.fromarray(RGB).save(p), RGB),
}


@pytest.mark.parametrize('name', KINDS)
def test_image_is_read_as_rgb(tmp_path, name):
    write, expected = KINDS[name]
    write(tmp_path / name)
    image = read_image(tmp_path / name)
    assert image.dtype == np.uint8
    assert np.array_equal(image, expected)
    assert image_shape(str(tmp_path / name)) == (HEIGHT, WIDTH)


def test_jpeg_is_read_as_rgb(tmp_path):
    red = np.zeros((16, 24, 3), np.uint8)
    red[..., 0] = 200
    Image.fromarray(red).save(tmp_path / 'a.jpg', quality=95)
    assert np.abs(read_image(tmp_path / 'a.jpg').astype(int) - red).max() <= 3


def test_cmyk_jpeg_is_read_as_rgb(tmp_path):
    path = tmp_path / 'a.jpg'
    STORED.convert('CMYK').save(path, quality=95)
    expected = np.asarray(Image.open(path).convert('RGB')).astype(int)
    assert np.abs(read_image(path) - expected).max() <= 1


def with_orientation(value) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


STORED = Image.fromarray(np.kron(RGB, np.ones((8, 8, 1), np.uint8)))
FORMATS = {'a.jpg': {}, 'a.png': {}, 'a.tif': {}, 'a.webp': {'lossless': True}}


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('name', FORMATS)
def test_exif_orientation_is_applied(tmp_path, name, orientation):
    path = tmp_path / name
    STORED.save(path, exif=with_orientation(orientation), **FORMATS[name])
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_image(path), expected)
    assert image_shape(path) == expected.shape[:2]
    header = read_header(path)
    assert (header.stored, header.orientation) == ((8 * HEIGHT, 8 * WIDTH), orientation)
    if name != 'a.webp':  # OpenCV 4 ignores the orientation of WebP files.
        by_opencv = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        assert np.array_equal(by_opencv[..., ::-1], expected)


SIXTEEN_BITS = {
    'grey16.png': FULL,
    'grey16.tif': FULL,
    'rgb16.tif': RGB[..., ::-1].astype(np.uint16) * 257,
    'rgb16.png': RGB[..., ::-1].astype(np.uint16) * 257,
}


@pytest.mark.parametrize('orientation', [2, 3, 6, 8])
@pytest.mark.parametrize('name', SIXTEEN_BITS)
def test_exif_orientation_of_sixteen_bits(tmp_path, name, orientation):
    path = tmp_path / name
    write_with_orientation(path, SIXTEEN_BITS[name], orientation)
    expected = turn_pixels(to_rgb(SIXTEEN_BITS[name]), orientation)
    assert np.array_equal(read_image(path), expected)
    assert image_shape(path) == expected.shape[:2]


def write_with_orientation(path, pixels, orientation):
    """Pillow writes no colours of 16 bits: the tag is added to what OpenCV has written."""
    content = cv2.imencode(path.suffix, pixels)[1].tobytes()
    if path.suffix == '.png':
        content = with_chunk(content, b'eXIf', with_orientation(orientation).tobytes()[6:], 33)
    else:
        content = with_tag(content, 0x0112, orientation)
    path.write_bytes(content)


def with_tag(tiff: bytes, tag: int, value: int) -> bytes:
    """Puts a tag in the place of the planar configuration, whose value is the default one."""
    (offset,) = struct.unpack_from('<I', tiff, 4)
    (count,) = struct.unpack_from('<H', tiff, offset)
    entries = dict(struct.unpack_from('<H10s', tiff, offset + 2 + 12 * k) for k in range(count))
    del entries[284]
    entries[tag] = struct.pack('<HIHH', 3, 1, value, 0)
    directory = b''.join(struct.pack('<H10s', *entry) for entry in sorted(entries.items()))
    return tiff[: offset + 2] + directory + tiff[offset + 2 + len(directory) :]


def with_chunk(png: bytes, kind: bytes, data: bytes, place: int) -> bytes:
    chunk = kind + data
    chunk = struct.pack('>I', len(data)) + chunk + struct.pack('>I', zlib.crc32(chunk))
    return png[:place] + chunk + png[place:]


def test_orientation_behind_the_pixels_of_a_png(tmp_path):
    path = tmp_path / 'a.png'
    exif = with_orientation(6).tobytes()[6:]
    content = cv2.imencode('.png', RGB[..., ::-1])[1].tobytes()
    path.write_bytes(with_chunk(content, b'eXIf', exif, len(content) - 12))
    assert np.array_equal(read_image(path), np.rot90(RGB, -1))
    assert image_shape(path) == (WIDTH, HEIGHT)


BAD_VALUES = [0, 9, 65535]
BAD_EXIF = {
    'empty': b'Exif\0\0',
    'garbage': b'Exif\0\0garbage garbage',
    'cut off': with_orientation(6).tobytes()[:18],
    'no TIFF': b'Exif\0\0XX\0*\0\0\0\x08',
    'text': with_orientation(6).tobytes().replace(b'\x01\x12\0\x03', b'\x01\x12\0\x02'),
}


def assert_upright(path, name, exif):
    STORED.save(path / name, exif=exif, **FORMATS[name])
    STORED.save(path / f'plain_{name}', **FORMATS[name])
    assert read_header(path / name).orientation == 1
    assert np.array_equal(read_image(path / name), read_image(path / f'plain_{name}'))


@pytest.mark.parametrize('value', BAD_VALUES)
@pytest.mark.parametrize('name', FORMATS)
def test_an_orientation_that_is_none_is_upright(tmp_path, name, value):
    assert_upright(tmp_path, name, with_orientation(value))


# A TIFF file has a tag, no EXIF data.
@pytest.mark.parametrize('exif', BAD_EXIF.values(), ids=BAD_EXIF)
@pytest.mark.parametrize('name', [name for name in FORMATS if name != 'a.tif'])
def test_damaged_exif_data_is_upright(tmp_path, name, exif):
    assert_upright(tmp_path, name, exif)


def test_many_more_than_reasonable_pixels_are_refused_before_decoding(tmp_path, monkeypatch):
    content = bytearray(cv2.imencode('.png', RGB)[1].tobytes())
    content[16:24] = struct.pack('>II', 60000, 60000)
    content[29:33] = struct.pack('>I', zlib.crc32(content[12:29]))
    (tmp_path / 'bomb.png').write_bytes(content)
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('it is decoded'))
    for read in (read_image, image_shape):
        with pytest.raises(ValueError, match=r'bomb\.png is not .*3600000000 pixels.* exceeds'):
            read(tmp_path / 'bomb.png')
    # The limit is ours, whatever limit the caller has set for Pillow.
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', None)
    for read in (read_image, image_shape):
        with pytest.raises(ValueError, match=r'bomb\.png is not .* 60000 x 60000 pixels'):
            read(tmp_path / 'bomb.png')


@pytest.mark.parametrize(
    ('sixteen', 'eight'), [(0, 0), (128, 0), (129, 1), (257, 1), (32896, 128), (65535, 255)]
)
def test_sixteen_bits_are_scaled_from_their_full_range(sixteen, eight):
    assert to_rgb(np.full((1, 1), sixteen, np.uint16)).flatten().tolist() == [eight] * 3


@pytest.mark.parametrize(
    ('bits', 'value', 'eight'),
    [(12, 4095, 255), (12, 2048, 128), (12, 8, 0), (12, 9, 1), (10, 1023, 255), (16, 65535, 255)],
)
def test_sixteen_bits_are_scaled_from_the_range_of_their_camera(bits, value, eight):
    assert to_rgb(np.full((1, 1), value, np.uint16), bit_depth=bits)[0, 0].tolist() == [eight] * 3


def test_bit_depths_that_cannot_be():
    with pytest.raises(ValueError, match=r'a\.png has values up to 4096, more than 12 bits hold'):
        to_rgb(np.full((1, 1), 4096, np.uint16), 'a.png', 12)
    for bits in (8, 17, 12.0, True, '12'):
        with pytest.raises(ValueError, match='bit_depth must be 9 to 16'):
            to_rgb(np.zeros((1, 1), np.uint16), bit_depth=bits)


def test_bit_depth_leaves_images_of_eight_bits_as_they_are():
    assert to_rgb(np.full((1, 1), 200, np.uint8), bit_depth=12).max() == 200


def test_channels_of_opencv_are_turned():
    pixel = np.array([[[1, 2, 3, 4]]], np.uint8)
    assert to_rgb(pixel).flatten().tolist() == [3, 2, 1]
    assert to_rgb(pixel[..., :3]).flatten().tolist() == [3, 2, 1]
    assert to_rgb(pixel[..., :1]).flatten().tolist() == [1, 1, 1]


def cut(path, form):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = cv2.imencode(form, noise)[1].tobytes()
    path.write_bytes(content[: len(content) // 2])


def tga() -> bytes:
    content = BytesIO()
    Image.fromarray(RGB).save(content, 'TGA')
    return content.getvalue()


BAD_FILES = {
    'empty.png': (lambda p: p.write_bytes(b''), r'damaged or not an image \(0 bytes\)'),
    'text.png': (lambda p: p.write_text('not an image'), r'not an image \(12 bytes\)'),
    'cut.png': (lambda p: cut(p, '.png'), 'damaged'),
    'cut.jpg': (lambda p: cut(p, '.jpg'), 'damaged'),
    'cut.bmp': (lambda p: cut(p, '.bmp'), 'damaged'),
    'cut.tif': (lambda p: cut(p, '.tif'), 'damaged'),
    'cut.tga': (lambda p: p.write_bytes(tga()[:60]), 'damaged, its pixels cannot be decoded'),
    # Pillow runs Ghostscript for these.
    'a.eps': (lambda p: Image.fromarray(RGB).save(p), 'damaged or not an image'),
    'float.tif': (
        lambda p: Image.fromarray(GREY.astype(np.float32)).save(p),
        'has float32 pixels; convert it to 8 or 16 bit',
    ),
}


@pytest.mark.parametrize('name', BAD_FILES)
def test_bad_image_is_named(tmp_path, name):
    write, message = BAD_FILES[name]
    write(tmp_path / name)
    with pytest.raises(ValueError, match=f'{name} .*{message}'):
        read_image(tmp_path / name)


@pytest.mark.parametrize('name', ['empty.png', 'text.png'])
def test_shape_of_what_is_not_an_image(tmp_path, name):
    BAD_FILES[name][0](tmp_path / name)
    with pytest.raises(ValueError, match=f'{name} .*{BAD_FILES[name][1]}'):
        image_shape(tmp_path / name)


@pytest.mark.parametrize('read', [read_image, image_shape])
@pytest.mark.parametrize('name', ['gone.png', '.'])
def test_missing_image(tmp_path, read, name):
    with pytest.raises(FileNotFoundError, match='no image at'):
        read(tmp_path / name)


BAD_PIXELS = {
    'float': (np.zeros((2, 2, 3)), 'a.png has float64 pixels'),
    'bool': (np.zeros((2, 2), bool), 'a.png has bool pixels'),
    'int32': (np.zeros((2, 2), np.int32), 'a.png has int32 pixels'),
    'two channels': (np.zeros((2, 2, 2), np.uint8), 'a.png has 2 channels; 1, 3 or 4'),
    'five channels': (np.zeros((2, 2, 5), np.uint8), 'a.png has 5 channels'),
}


@pytest.mark.parametrize(('image', 'message'), BAD_PIXELS.values(), ids=BAD_PIXELS)
def test_bad_pixels(image, message):
    with pytest.raises(ValueError, match=message):
        to_rgb(image, 'a.png')


def test_sizes_that_an_image_can_have():
    assert is_image_size(1, MAX_PIXELS)
    for size in ((1, MAX_PIXELS + 1), (0, 5), (-2, -2), (5, 5.0), (True, 5), ('5', 5), (5, None)):
        assert not is_image_size(*size)
