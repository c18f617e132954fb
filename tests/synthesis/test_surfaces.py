import cv2
import numpy as np
import pytest

from mmvrec.synthesis import SURFACES


@pytest.mark.parametrize('size', [(160, 160), (161, 250), (320, 200)])
@pytest.mark.parametrize('name', SURFACES)
def test_every_surface_at_every_size(name, size):
    surface = SURFACES[name](np.random.default_rng(3), size)
    assert surface.shape == (*size, 3)
    assert surface.dtype == np.float32
    assert np.isfinite(surface).all()


@pytest.mark.parametrize('name', SURFACES)
def test_surfaces_are_neither_flat_nor_at_the_end_of_the_scale(name):
    for seed in range(8):
        surface = SURFACES[name](np.random.default_rng(seed), (200, 200))
        assert 50 < surface.mean() < 230
        assert surface.std() > 3
        assert ((surface < 0) | (surface > 255)).mean() < 0.2


#: Alike in all directions, or alike across and along.
ISOTROPIC = ('casting', 'stone', 'plaster', 'mesh', 'carpet', 'circuit_board')


@pytest.mark.parametrize('name', SURFACES)
def test_draws_of_a_surface_differ_in_tone_and_direction(name):
    draws = [SURFACES[name](np.random.default_rng(seed), (160, 160)) for seed in range(6)]
    assert np.std([draw.mean() for draw in draws]) > 5
    if name in ISOTROPIC:
        return
    grey = [cv2.cvtColor(draw, cv2.COLOR_RGB2GRAY) for draw in draws]
    shares = [np.abs(np.diff(g, axis=0)).mean() / np.abs(np.diff(g, axis=1)).mean() for g in grey]
    assert np.std(shares) > 0.01
