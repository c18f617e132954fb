import numpy as np
import pytest

from mmvrec.synthesis.noise import (
    canvas_size,
    fractal_noise,
    grain,
    streak_noise,
    turned,
    turned_grid,
    value_noise,
)

SIZE = (97, 131)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize('cell', [(1, 1), (4, 40), (6.5, 3.2), (16, 16), (70, 300), (900, 900)])
def test_value_noise_has_the_size_for_every_cell(rng, cell):
    field = value_noise(rng, SIZE, cell)
    assert field.shape == SIZE
    assert field.dtype == np.float32
    assert np.isfinite(field).all()


def test_value_noise_is_smoother_with_larger_cells(rng):
    steps = [np.abs(np.diff(value_noise(rng, SIZE, (c, c)), axis=1)).mean() for c in (2, 8, 32)]
    assert steps[0] > 2 * steps[1] > 4 * steps[2]


def test_value_noise_spacing_per_axis(rng):
    field = value_noise(rng, SIZE, (4, 40))
    assert np.abs(np.diff(field, axis=0)).mean() > 4 * np.abs(np.diff(field, axis=1)).mean()


@pytest.mark.parametrize(
    'make',
    [
        lambda rng: fractal_noise(rng, SIZE, (40, 40)),
        lambda rng: streak_noise(rng, SIZE, 20),
        lambda rng: grain(rng, SIZE),
    ],
    ids=['fractal', 'streak', 'grain'],
)
def test_standardised_fields(rng, make):
    field = make(rng)
    assert field.shape == SIZE
    assert field.dtype == np.float32
    assert field.mean() == pytest.approx(0, abs=0.03)
    assert field.std() == pytest.approx(1, abs=0.03)


def test_turned_grid_by_a_right_angle():
    along, across = turned_grid((3, 5), np.pi / 2, (1, 2))
    y, x = np.mgrid[:3, :5]
    np.testing.assert_allclose(along, y - 1, atol=1e-6)
    np.testing.assert_allclose(across, 2 - x, atol=1e-6)


@pytest.mark.parametrize('angle', [0, 0.3, np.pi / 2, 2.5, np.pi])
def test_turned_image_lies_within_its_canvas(angle):
    canvas = np.zeros(canvas_size(SIZE, angle), np.float32)
    # The border would show in the image if the canvas were too small.
    canvas[[0, -1]] = canvas[:, [0, -1]] = 1
    image = turned(canvas, angle, SIZE)
    assert image.shape == SIZE
    assert (image > 0.5).mean() < 0.02


def test_turned_by_zero_is_the_centre():
    canvas = np.arange(12 * 14, dtype=np.float32).reshape(12, 14)
    np.testing.assert_allclose(turned(canvas, 0, (10, 12)), canvas[1:-1, 1:-1], atol=1e-3)
