"""The one rule for boxes and polygons that leave their image."""

import numpy as np
import pytest

from mmvrec.structures.borders import cut_at_border, cut_box


@pytest.mark.parametrize(
    ('box', 'expected', 'is_cut'),
    [
        ([0, 0, 64, 48], [0, 0, 64, 48], False),
        ([-1, 6, 20, 22], [0, 6, 20, 22], True),
        ([50, 40, 65, 49], [50, 40, 64, 48], True),
        ([-0.5, 40, 64.5, 44], [0, 40, 64, 44], True),
    ],
)
def test_a_pixel_is_cut(box, expected, is_cut):
    assert cut_box(box, 48, 64) == (expected, is_cut)


def test_one_percent_of_a_large_image_is_cut():
    assert cut_box([-20, 0, 100, 1010], 1000, 2000) == ([0, 0, 100, 1000], True)


@pytest.mark.parametrize('box', [[-1.1, 0, 10, 10], [0, 0, 65.1, 10], [0, 0, 10, 49.1]])
def test_farther_outside_is_an_error(box):
    with pytest.raises(ValueError, match=r'leaves the image of 64 x 48 pixels .* reaches from'):
        cut_box(box, 48, 64)


@pytest.mark.parametrize('box', [[-1, 5, -0.5, 10], [64, 5, 65, 10], [20, 48, 30, 48.5]])
def test_nothing_is_left_of_what_lies_beside_the_image(box):
    with pytest.raises(ValueError, match='the box lies beside the image of 64 x 48 pixels'):
        cut_box(box, 48, 64)


def test_polygon():
    points = np.array([[-0.5, 3.0], [10, 48.25], [64.5, 20]])
    cut, is_cut = cut_at_border(points, 48, 64)
    assert is_cut
    np.testing.assert_array_equal(cut, [[0, 3], [10, 48], [64, 20]])
