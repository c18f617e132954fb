"""Crops of instances, and outlines that leave them to be seen."""

import cv2
import numpy as np
import pytest

from mmvrec.visualization.crops import crop_instance, crop_side, ring


def points(line: str) -> np.ndarray:
    """Pixels through whose middles the line runs."""
    return np.floor(np.array([pair.split(',') for pair in line.split()], float)).astype(int)


def rectangle(height, width, x1, y1, x2, y2) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[y1:y2, x1:x2] = 255
    return mask


def inside(line: str, shape: tuple[int, int]) -> np.ndarray:
    """What the line surrounds, and where it runs."""
    return cv2.fillPoly(np.zeros(shape, np.uint8), [points(line)], 1).astype(bool)


def test_a_crop_is_twice_as_wide_as_the_instance():
    image = np.arange(200 * 300 * 3, dtype=np.uint32).astype(np.uint8).reshape(200, 300, 3)
    crop = crop_instance(image, rectangle(200, 300, 100, 60, 160, 90), [100, 60, 160, 90], 320)
    assert (crop.pixels == image[15:135, 70:190]).all()


def test_small_instances_have_surroundings_and_those_at_borders_end_there():
    image = np.zeros((200, 300, 3), np.uint8)
    crop = crop_instance(image, rectangle(200, 300, 0, 0, 4, 4), [0, 0, 4, 4], 320)
    assert crop.pixels.shape == (26, 26, 3)
    crop = crop_instance(image, rectangle(200, 300, 50, 0, 100, 200), [50, 0, 100, 200], 100)
    assert crop.pixels.shape == (73, 100, 3)


@pytest.mark.parametrize('side', [40, 120, 320])
def test_the_outline_is_beside_the_defect(side):
    mask = rectangle(200, 300, 100, 60, 160, 90)
    crop = crop_instance(np.zeros((200, 300, 3), np.uint8), mask, [100, 60, 160, 90], side)
    (line,) = crop.outline
    height, width = crop.pixels.shape[:2]
    part = mask[15:135, 70:190]
    defect = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA) > 0
    drawn = np.zeros((height, width), np.uint8)
    cv2.polylines(drawn, [points(line)], True, 1)
    assert inside(line, (height, width))[defect].all()
    assert not drawn.astype(bool)[defect].any()


def test_a_line_of_one_pixel_is_outlined_in_a_small_crop():
    mask = rectangle(2000, 2000, 401, 200, 402, 1800)
    crop = crop_instance(np.zeros((2000, 2000, 3), np.uint8), mask, [401, 200, 402, 1800], 160)
    assert len(crop.outline) == 1


def test_whole_images_have_no_outline():
    image = np.zeros((100, 80, 3), np.uint8)
    assert (
        crop_instance(image, np.full((100, 80), 255, np.uint8), [0, 0, 80, 100], 50).outline == ()
    )


def test_the_largest_parts_are_outlined():
    mask = np.zeros((400, 400), bool)
    mask[::40, ::40] = True
    mask[200:260, 200:260] = True
    lines = ring(mask)
    assert len(lines) == 30
    assert np.ptp(points(lines[0]), axis=0).min() > 60


def test_the_more_instances_the_smaller_the_crops():
    assert [crop_side(n) for n in (0, 300, 301, 1000, 1001, 10**6)] == [
        320,
        320,
        224,
        224,
        160,
        160,
    ]


def test_the_outline_keeps_two_pixels_from_a_small_defect():
    (line,) = ring(rectangle(40, 40, 15, 15, 25, 25) > 0)
    drawn = np.array([pair.split(',') for pair in line.split()], float)
    assert drawn.min(0).tolist() == [13.5, 13.5]
    assert drawn.max(0).tolist() == [26.5, 26.5]
