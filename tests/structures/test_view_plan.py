"""ViewPlan: views made late are the views of the torch backend."""

import pickle

import numpy as np
import pytest
import torch

from mmvrec.datasets.transforms import MultiViewRegionContext
from mmvrec.structures import ViewPlan


def random_case(seed):
    """An instance of noise, which may leave the image, and settings of its views."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 250, 2)
    x, y = rng.uniform(-60, width + 30), rng.uniform(-60, height + 30)
    instance = {
        'img': rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        'instance_mask': 255 * rng.integers(0, 2, (height, width), dtype=np.uint8),
        'bbox': [x, y, x + rng.uniform(0, 80), y + rng.uniform(0, 80)],
    }
    settings = {
        'img_size': int(rng.integers(1, 64)),
        'scales': rng.choice(np.arange(1, 180), 2, replace=False).tolist(),
        'resize': rng.choice(['one_step', 'two_step'], p=[0.9, 0.1]).item(),
        'mask_mode': rng.choice(['instance', 'foreground', 'none']).item(),
        'offsets': [[-1, 0, 1], [0], [2, -3]][rng.integers(3)],
        'rotations': [[0], [270, 90], [180, 0, -90]][rng.integers(3)],
        'flips': [['none'], ['both', 'none'], ['horizontal', 'vertical']][rng.integers(3)],
    }
    return instance, settings


def both_ways(seed):
    instance, settings = random_case(seed)
    views = MultiViewRegionContext(**settings)(dict(instance))
    plan = MultiViewRegionContext(**settings, backend='device')(dict(instance))
    np.testing.assert_array_equal(plan['view_boxes'], views['view_boxes'])
    return views['views'], plan['views']


def test_equal_to_the_torch_backend_on_240_random_geometries():
    differing = values = 0
    for seed in range(240):
        views, plan = both_ways(seed)
        made = plan.render()
        assert made.shape == views.shape
        assert made.dtype == torch.uint8
        assert made.is_contiguous()
        assert len(plan) == len(views)
        difference = (made.int() - views.int()).abs()
        assert difference.max() <= 1
        differing, values = differing + difference.count_nonzero().item(), values + made.numel()
    # Only ties of the sums can fall to the other side.
    assert differing / values < 1e-4


@pytest.mark.parametrize('seed', range(5))
def test_one_view_is_that_of_all(seed):
    plan = both_ways(seed)[1]
    made = plan.render()
    for index in (0, len(plan) // 2, -1):
        difference = plan[index].int() - made[index].int()
        assert difference.abs().max() <= 1
    with pytest.raises(IndexError):
        plan[len(plan)]


def test_iteration_gives_every_view():
    plan = both_ways(3)[1]
    assert torch.equal(torch.stack(list(plan)), plan.render())


def test_pixels_of_a_view_as_large_as_its_crop_are_the_images():
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    plan = ViewPlan(torch.from_numpy(image), 5, 7, (([5, 15], [7], 20),), sides=(20,))
    left, right = plan.render().permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(left, image[:20, :20])
    np.testing.assert_array_equal(right, image[:20, 10:30])


def test_nothing_of_the_image_in_reach_is_black():
    pixels = torch.full((4, 4, 4), 200, dtype=torch.uint8)
    plan = ViewPlan(pixels, 0, 0, (([50], [-90], 30),), sides=(8,))
    assert torch.equal(plan.render(), torch.zeros(1, 4, 8, 8, dtype=torch.uint8))


def test_survives_pickling_to_and_from_a_worker():
    plan = both_ways(1)[1]
    again = pickle.loads(pickle.dumps(plan))
    assert torch.equal(again.render(), plan.render())


def test_half_precision_around_it_makes_no_difference():
    plan = both_ways(2)[1]
    with torch.autocast('cpu', torch.bfloat16):
        made = plan.render()
    assert torch.equal(made, plan.render())
