"""Views of the runtime against those of the transform, on random geometries."""

import numpy as np
import pytest

from mmvrec.datasets.transforms import MultiViewRegionContext
from mmvrec_runtime.views import make_views

UNITS = {
    'pixel': lambda rng: rng.choice(np.arange(1, 90), 2, replace=False).tolist(),
    'defect': lambda rng: (rng.choice(np.arange(1, 9), 2, replace=False) / 4).tolist(),
    'image': lambda rng: (rng.choice(np.arange(1, 9), 2, replace=False) / 6).tolist(),
}


def random_settings(rng: np.random.Generator) -> dict:
    unit = str(rng.choice(list(UNITS)))
    return dict(
        img_size=int(rng.integers(1, 40)),
        scales=UNITS[unit](rng),
        scale_unit=unit,
        offsets=[(0,), (-1, 0, 1), (2, -3)][rng.integers(3)],
        offset_divisor=int(rng.integers(1, 5)),
        rotations=[(0,), (0, 90), (180, 270)][rng.integers(3)],
        flips=[('none',), ('none', 'horizontal'), ('vertical', 'both')][rng.integers(3)],
        mask_mode=str(rng.choice(['instance', 'foreground', 'none'])),
        resize=str(rng.choice(['one_step', 'two_step'], p=[0.9, 0.1])),
        backend='pillow',
    )


@pytest.mark.parametrize('block', range(10))
def test_views_and_boxes_are_the_same_to_the_byte(block):
    """20 geometries a block, 200 in all: also boxes that leave the image."""
    rng = np.random.default_rng(block)
    for _ in range(20):
        height, width = rng.integers(1, 70, 2)
        image = rng.integers(0, 256, (height, width, 3), np.uint8)
        mask = rng.integers(0, 2, (height, width)).astype(np.uint8) * np.uint8(255)
        low = rng.uniform(-30, (width + 20, height + 20))
        bbox = [*low, *low + rng.uniform(0, 50, 2)]
        transform = MultiViewRegionContext(**random_settings(rng))
        results = transform.transform({'img': image, 'instance_mask': mask, 'bbox': bbox})
        views, boxes = make_views(image, mask, bbox, transform.settings)
        np.testing.assert_array_equal(views, results['views'].numpy())
        np.testing.assert_array_equal(boxes, results['view_boxes'])
        some = rng.permutation(len(views))[:5]
        own_views, own_boxes = make_views(image, mask, bbox, transform.settings, some)
        np.testing.assert_array_equal(own_views, views[some])
        np.testing.assert_array_equal(own_boxes, boxes[some])
