"""Outlines of masks."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mmvrec.visualization.outline import OUTLINE, draw_outline, plot_outline


def square(dtype=np.uint8, value=255) -> np.ndarray:
    mask = np.zeros((20, 20), dtype)
    mask[5:15, 5:15] = value
    return mask


def border(first: int, last: int) -> np.ndarray:
    """Pixels of the border of a square."""
    expected = np.zeros((20, 20), bool)
    expected[first : last + 1, first : last + 1] = True
    expected[first + 1 : last, first + 1 : last] = False
    return expected


def drawn(mask: np.ndarray, **options) -> np.ndarray:
    """Where the line is; it is smoothed, so that its neighbours are a little coloured."""
    image = np.full((20, 20, 3), 90, np.uint8)
    draw_outline(image, mask, **options)
    return image[..., 0] > 200


@pytest.mark.parametrize('mask', [square(), square(bool, True), square(np.float32, 0.1)])
def test_the_line_covers_the_border(mask):
    assert (drawn(mask) == border(5, 14)).all()


def test_a_margin_keeps_the_line_away():
    assert (drawn(square(), margin=2) == border(3, 16)).all()


def test_holes_are_outlined():
    mask = square()
    mask[8:12, 8:12] = 0
    line = drawn(mask)
    assert line[5, 5:15].all()
    for edge in (line[7, 8:12], line[12, 8:12], line[8:12, 7], line[8:12, 12]):
        assert edge.all()
    assert not line[8:12, 8:12].any()


def test_colour_and_thickness():
    image = np.full((20, 20, 3), 90, np.uint8)
    draw_outline(image, square(), (255, 0, 255), thickness=3)
    assert (image[4:7, 8:12] == (255, 0, 255)).all()
    assert (image[:2] == 90).all()


def test_nothing_and_everything_have_no_line_in_a_figure():
    for value in (0, 1):
        axes = Figure().subplots()
        plot_outline(axes, np.full((20, 20), value))
        assert not axes.collections
    axes = Figure().subplots()
    plot_outline(axes, square())
    assert len(axes.collections) == 2
    (colour,) = axes.collections[1].get_edgecolor()
    assert np.rint(255 * colour[:3]).tolist() == [*OUTLINE]
