"""Reading images of every bit depth and channel count."""

import cv2
import numpy as np
import pytest
from PIL import Image

from mmvrec.utils.images import image_shape, read_image, to_rgb

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


@pytest.mark.parametrize('orientation', [3, 6, 8])
def test_exif_orientation_is_not_applied(tmp_path, orientation):
    image = Image.fromarray(np.kron(RGB, np.ones((8, 8, 1), np.uint8)))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / 'turned.jpg', exif=exif)
    image.save(tmp_path / 'plain.jpg')
    assert np.array_equal(read_image(tmp_path / 'turned.jpg'), read_image(tmp_path / 'plain.jpg'))
    assert image_shape(tmp_path / 'turned.jpg') == (8 * HEIGHT, 8 * WIDTH)


@pytest.mark.parametrize(
    ('sixteen', 'eight'), [(0, 0), (128, 0), (129, 1), (257, 1), (32896, 128), (65535, 255)]
)
def test_sixteen_bits_are_scaled_from_their_full_range(sixteen, eight):
    assert to_rgb(np.full((1, 1), sixteen, np.uint16)).flatten().tolist() == [eight] * 3


def test_channels_of_opencv_are_turned():
    pixel = np.array([[[1, 2, 3, 4]]], np.uint8)
    assert to_rgb(pixel).flatten().tolist() == [3, 2, 1]
    assert to_rgb(pixel[..., :3]).flatten().tolist() == [3, 2, 1]
    assert to_rgb(pixel[..., :1]).flatten().tolist() == [1, 1, 1]


def cut(path, form):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    content = cv2.imencode(form, noise)[1].tobytes()
    path.write_bytes(content[: len(content) // 2])


BAD_FILES = {
    'empty.png': (lambda p: p.write_bytes(b''), r'damaged or not an image \(0 bytes\)'),
    'text.png': (lambda p: p.write_text('not an image'), r'not an image \(12 bytes\)'),
    'cut.png': (lambda p: cut(p, '.png'), 'damaged'),
    'cut.jpg': (lambda p: cut(p, '.jpg'), 'damaged'),
    'cut.bmp': (lambda p: cut(p, '.bmp'), 'damaged'),
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
    with pytest.raises(ValueError, match=f'{name} is not a readable image'):
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
