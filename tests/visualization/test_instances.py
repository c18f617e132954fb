import numpy as np
import torch

from mmvrec.visualization.instances import (
    central_views,
    outlined,
    outlined_views,
    widest_view,
)

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


def test_the_outline_runs_around_the_mask_and_covers_nothing_of_it():
    image = outlined(view(), 64)
    changed = (image != 90).any(-1)
    assert image.shape == (64, 64, 3)
    assert changed[14, 20:44].all()
    assert not changed[:12].any()
    assert not changed[16:48, 16:48].any()


def test_view_without_mask_has_no_outline():
    assert (outlined(view(3), 48) == 90).all()


def test_views_of_an_item():
    class Sample:
        view_boxes, bbox = BOXES, np.array([8, 8, 12, 12])

    item = {'inputs': torch.stack([view()] * 5), 'data_samples': Sample}
    assert [image.shape for image in outlined_views(item, 40)] == [(40, 40, 3)] * 3


def test_the_widest_view_is_cut_from_the_image_as_the_pipeline_cuts_it():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 120, (20, 16, 3), dtype=np.uint8)
    mask = np.zeros((20, 16), np.uint8)
    mask[8:12, 4:8] = 255
    # The widest of BOXES that is nearest to the instance reaches three pixels out of the image.
    view = np.zeros((4, 20, 20), np.uint8)
    view[:3, :, 3:19] = image.transpose(2, 0, 1)
    view[3, :, 3:19] = mask
    picture = widest_view(image, mask, BOXES, [4, 8, 8, 12], 40)
    assert (picture == outlined(torch.from_numpy(view), 40)).all()
    assert picture.shape == (40, 40, 3)
