"""Geometry of the views, as plain functions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmvrec.datasets.transforms.view_geometry import (
    Region,
    crop_boxes,
    crop_sizes,
    crop_starts,
    cut_region,
)
from mmvrec.datasets.transforms.view_rotation import cut_rotated


@pytest.mark.parametrize(
    ('size', 'moves'), [(256, (-86, 85)), (384, (-128, 128)), (512, (-171, 170))]
)
def test_steps_use_floor_division(size, moves):
    low, middle, high = crop_starts(100, 200, size, (-1, 0, 1), 3)
    assert middle == 150 - size // 2
    assert (low - middle, high - middle) == moves


@pytest.mark.parametrize(
    ('low', 'high', 'centre'), [(10.5, 33.75, 22), (-4, 1, -2), (-3, 0, -2), (0, 1, 0)]
)
def test_centre_is_floored(low, high, centre):
    assert crop_starts(low, high, 1, (0,), 3) == [centre]


def test_boxes_have_x_fastest():
    assert crop_boxes([1, 2], [5, 6], 10).tolist() == [
        [1, 5, 11, 15],
        [2, 5, 12, 15],
        [1, 6, 11, 16],
        [2, 6, 12, 16],
    ]


def test_sizes_are_at_least_one_pixel():
    assert crop_sizes([0.01, 2], 'defect', [0, 0, 3, 1], 9, 9) == [1, 6]


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12)),
    x=st.integers(-20, 20),
    y=st.integers(-20, 20),
    width=st.integers(1, 25),
    height=st.integers(1, 25),
    masked=st.booleans(),
)
def test_cut_is_the_image_in_zeros(shape, x, y, width, height, masked):
    image = np.arange(1, shape[0] * shape[1] * 3 + 1).reshape(*shape, 3).astype(np.uint8)
    mask = np.full(shape, 255, np.uint8) if masked else None
    box = np.array([[x, y, x + width, y + height]])
    crop = cut_region(image, mask, box).cut(*box[0].tolist())
    source = np.dstack([image, mask]) if masked else image
    padded = np.pad(source, ((50, 50), (50, 50), (0, 0)))
    np.testing.assert_array_equal(crop, padded[y + 50 : y + 50 + height, x + 50 : x + 50 + width])


@pytest.mark.parametrize('size', [8, 9])
@pytest.mark.parametrize('angle', [90, 180, 270])
def test_turning_by_sampling_agrees_with_turning_pixels(size, angle):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    region = Region(image[3:, 5:], left=5, top=3)
    turned = cut_rotated(region, 14, 6, size, angle).astype(int)
    expected = np.rot90(region.cut(14, 6, 14 + size, 6 + size), angle // 90)
    assert np.abs(turned - expected).max() <= 1
