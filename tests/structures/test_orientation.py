"""Boxes, points and masks of stored pixels, turned as Pillow and OpenCV turn the image."""

import io

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from mmvrec.structures import (
    annotation_orientation,
    decode_mask,
    encode_mask,
    mask_bbox,
    turn_box,
    turn_mask,
    turn_points,
)
from mmvrec.utils.image_headers import ImageHeader
from mmvrec.utils.images import turn_pixels

STORED = (5, 8)
QUARTERS = (5, 6, 7, 8)


def upright_shape(orientation: int) -> tuple[int, int]:
    return STORED[::-1] if orientation in QUARTERS else STORED


def stored_mask() -> np.ndarray:
    """No two of the eight turns of it are alike."""
    mask = np.zeros(STORED, np.uint8)
    mask[1:3, 2:7] = mask[3, 2] = 255
    return mask


def by_pillow(pixels: np.ndarray, orientation: int) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.getexif()[0x0112] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def by_opencv(pixels: np.ndarray, orientation: int) -> np.ndarray:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'PNG', exif=exif)
    return cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)


@pytest.mark.parametrize('orientation', range(1, 9))
class TestAllOrientations:
    def test_pixels_as_pillow_and_opencv(self, orientation):
        pixels = np.arange(40, dtype=np.uint8).reshape(STORED)
        turned = turn_pixels(pixels, orientation)
        assert turned.shape == upright_shape(orientation)
        assert np.array_equal(turned, by_pillow(pixels, orientation))
        assert np.array_equal(turned, by_opencv(pixels, orientation))
        colours = np.dstack([pixels, pixels + 1, pixels + 2])
        assert np.array_equal(turn_pixels(colours, orientation), by_pillow(colours, orientation))

    def test_rle(self, orientation):
        shape = upright_shape(orientation)
        entry = turn_mask(encode_mask(stored_mask()), shape, orientation)
        assert entry['size'] == list(shape)
        expected = by_pillow(stored_mask(), orientation)
        assert np.array_equal(decode_mask(entry, [], *shape), expected)

    def test_box_of_the_mask(self, orientation):
        box = turn_box(mask_bbox(stored_mask()), upright_shape(orientation), orientation)
        assert box == mask_bbox(by_pillow(stored_mask(), orientation))

    def test_polygon_of_pixel_centres(self, orientation):
        # The centre of a pixel is within it, whichever way it is turned.
        rows, columns = np.nonzero(stored_mask())
        centres = (np.stack([columns, rows], axis=1) + 0.5).tolist()
        shape = upright_shape(orientation)
        entry = turn_mask({'type': 'polygon', 'points': [centres]}, shape, orientation)
        assert entry['type'] == 'polygon'
        turned = np.zeros(shape, np.uint8)
        for x, y in entry['points'][0]:
            assert (x % 1, y % 1) == (0.5, 0.5)
            turned[int(y), int(x)] = 255
        assert np.array_equal(turned, by_pillow(stored_mask(), orientation))

    def test_a_box_of_negative_size_stays_one(self, orientation):
        x1, y1, x2, y2 = turn_box([6.0, 1.0, 2.0, 3.0], upright_shape(orientation), orientation)
        assert (x1 > x2) != (y1 > y2)

    def test_no_mask_stays_none(self, orientation):
        assert turn_mask(None, upright_shape(orientation), orientation) is None


# Of a stored image 5 high and 8 wide: x, y = 1, 2 and the box (1, 2, 3, 3.5), by hand.
BY_HAND = {
    1: ([1, 2], [1, 2, 3, 3.5]),
    2: ([7, 2], [5, 2, 7, 3.5]),
    3: ([7, 3], [5, 1.5, 7, 3]),
    4: ([1, 3], [1, 1.5, 3, 3]),
    5: ([2, 1], [2, 1, 3.5, 3]),
    6: ([3, 1], [1.5, 1, 3, 3]),
    7: ([3, 7], [1.5, 5, 3, 7]),
    8: ([2, 7], [2, 5, 3.5, 7]),
}


@pytest.mark.parametrize('orientation', BY_HAND)
def test_point_and_box_by_hand(orientation):
    point, box = BY_HAND[orientation]
    shape = upright_shape(orientation)
    assert turn_points(np.array([1, 2]), shape, orientation).tolist() == point
    assert turn_box([1.0, 2.0, 3.0, 3.5], shape, orientation) == box


def test_points_are_not_changed_in_place():
    points = np.array([[1.0, 2.0]])
    turn_points(points, STORED, 3)
    assert points.tolist() == [[1, 2]]


def test_rle_of_another_size():
    with pytest.raises(ValueError, match='made for an image of 4 x 4'):
        turn_mask(encode_mask(np.ones((4, 4))), (8, 5), 6)


@pytest.mark.parametrize('orientation', range(1, 9))
def test_an_annotation_is_turned_by_its_size_alone(orientation):
    header = ImageHeader(STORED, orientation)
    stored = orientation if orientation in QUARTERS else 1
    assert annotation_orientation(STORED, header) == stored
    assert annotation_orientation(list(upright_shape(orientation)), header) == 1
    assert annotation_orientation(None, header) == 1
    assert annotation_orientation((4, 4), ImageHeader((4, 4), orientation)) == 1


def test_an_annotation_of_another_image():
    with pytest.raises(ValueError, match=r'for an image of 9 x 8 pixels .* but a\.png has 8 x 5'):
        annotation_orientation((9, 8), ImageHeader(STORED, 6), 'a.png')
