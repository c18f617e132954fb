"""Pixels of the runtime against those of mmvrec."""

import sys
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from mmvrec.utils.images import read_image as reference
from mmvrec_runtime.images import image_name, read_image

RNG = np.random.default_rng(0)
COLOURS = RNG.integers(0, 256, (13, 17, 3), np.uint8)
GREY = COLOURS[..., 0]


def saved(path, image: Image.Image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ('name', 'mode'),
    [
        ('a.png', 'RGB'), ('a.png', 'L'), ('a.png', 'P'), ('a.png', 'LA'), ('a.png', 'RGBA'),
        ('a.png', '1'), ('a.bmp', 'RGB'), ('a.tif', 'RGB'), ('a.tif', 'L'), ('a.jpg', 'RGB'),
        ('a.jpg', 'L'), ('a.gif', 'P'), ('a.webp', 'RGB'), ('a.ppm', 'RGB'),
    ],
)  # fmt: skip
def test_pixels_are_those_of_mmvrec(tmp_path, name, mode):
    path = saved(tmp_path / name, Image.fromarray(COLOURS).convert(mode))
    pixels = read_image(path)
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, reference(path))
    np.testing.assert_array_equal(read_image(path.read_bytes()), pixels)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('name', ['a.jpg', 'a.png', 'a.tif'])
def test_images_are_turned_upright(tmp_path, orientation, name):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / name, Image.fromarray(COLOURS), exif=exif)
    np.testing.assert_array_equal(read_image(path), reference(path))


@pytest.mark.parametrize('bit_depth', [None, 12])
def test_grey_values_of_sixteen_bits_are_scaled_alike(tmp_path, bit_depth):
    values = RNG.integers(0, 2 ** (bit_depth or 16), (9, 11)).astype(np.uint16)
    for name in ('a.png', 'a.tif'):
        path = tmp_path / name
        cv2.imwrite(str(path), values)
        np.testing.assert_array_equal(read_image(path, bit_depth), reference(path, bit_depth))


def test_values_above_the_bit_depth_are_refused(tmp_path):
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), np.full((4, 4), 5000, np.uint16))
    with pytest.raises(ValueError, match=r'a\.png has uint16 pixels up to 5000; .* 12 bits'):
        read_image(path, 12)


@pytest.mark.parametrize('channels', [3, 4])
@pytest.mark.parametrize('name', ['a.png', 'a.tif'])
@pytest.mark.parametrize('bit_depth', [None, 12])
def test_colours_of_sixteen_bits_are_those_of_mmvrec(tmp_path, name, channels, bit_depth):
    values = RNG.integers(0, 2 ** (bit_depth or 16), (9, 11, channels)).astype(np.uint16)
    path = tmp_path / name
    cv2.imwrite(str(path), values)
    pixels = read_image(path, bit_depth)
    assert pixels.shape == (9, 11, 3)
    np.testing.assert_array_equal(pixels, reference(path, bit_depth))


def test_colours_of_sixteen_bits_are_refused_without_opencv(tmp_path, monkeypatch):
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), np.zeros((4, 4, 3), np.uint16))
    monkeypatch.setitem(sys.modules, 'cv2', None)
    with pytest.raises(ValueError, match=r'colours of 16 bits.* save it with 8 bits, or pip inst'):
        read_image(path)


def test_arrays_are_taken_as_they_are():
    np.testing.assert_array_equal(read_image(COLOURS), COLOURS)
    np.testing.assert_array_equal(read_image(GREY)[..., 2], GREY)


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (b'', 'damaged or not an image'),
        (b'%!PS-Adobe-3.0 EPSF-3.0', 'damaged or not an image'),
        (np.zeros((2, 2)), 'must be uint8, got float64'),
        (np.zeros((2, 2, 4), np.uint8), r'RGB \(H, W, 3\) or grey'),
    ],
)
def test_broken_images_are_refused(image, message):
    with pytest.raises(ValueError, match=message):
        read_image(image)


def test_a_truncated_file_is_refused():
    stream = BytesIO()
    Image.fromarray(RNG.integers(0, 256, (90, 90, 3), np.uint8)).save(stream, 'PNG')
    with pytest.raises(ValueError, match='the image is damaged, its pixels cannot be decoded'):
        read_image(stream.getvalue()[:9000])


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match='no image at'):
        read_image(tmp_path / 'a.png')


def test_names_say_what_an_image_is():
    assert image_name('a/b.png') == 'a/b.png'
    assert image_name(b'x') == image_name(b'x') != image_name(b'y')
    assert image_name(GREY) != image_name(GREY.T)
