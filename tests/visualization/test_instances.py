import numpy as np
import torch

from mmvrec.visualization.instances import central_views, outlined, outlined_views

BOXES = np.array([[0, 0, 10, 10], [5, 5, 15, 15], [0, 0, 20, 20], [-3, 0, 17, 20], [4, 4, 8, 8]])


def test_one_central_view_of_every_size_the_widest_first():
    assert central_views(BOXES, np.array([8, 8, 12, 12])) == [2, 1, 4]
    assert central_views(BOXES, np.array([4, 8, 8, 12])) == [3, 1, 4]


def view(channels=4):
    pixels = torch.full((channels, 32, 32), 90, dtype=torch.uint8)
    if channels == 4:
        pixels[3] = 0
        pixels[3, 8:24, 8:24] = 255
    return pixels


def test_mask_is_outlined_and_the_rest_left_alone():
    image = outlined(view(), 64)
    changed = (image != 90).any(-1)
    assert image.shape == (64, 64, 3)
    assert changed[16, 20:44].all()
    assert not changed[:12].any()
    assert not changed[28:36, 28:36].any()


def test_view_without_mask_has_no_outline():
    assert (outlined(view(3), 48) == 90).all()


def test_views_of_an_item():
    class Sample:
        view_boxes, bbox = BOXES, np.array([8, 8, 12, 12])

    item = {'inputs': torch.stack([view()] * 5), 'data_samples': Sample}
    assert [image.shape for image in outlined_views(item, 40)] == [(40, 40, 3)] * 3
