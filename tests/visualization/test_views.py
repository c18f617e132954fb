"""Pictures of views."""

import cv2
import numpy as np
import pytest
import torch

from mmvrec.visualization.views import draw_views


def views_and_boxes(scales=3, per_scale=9, channels=4):
    views = torch.full((scales * per_scale, channels, 32, 32), 90, dtype=torch.uint8)
    boxes = np.array(
        [[0, 0, 64 + s, 64 + s] for s in range(scales) for _ in range(per_scale)], np.int64
    )
    return views, boxes


def is_pink(picture):
    blue, green, red = picture.astype(int).transpose(2, 0, 1)
    return (red > 180) & (green < 120) & (blue > 80)


@pytest.mark.parametrize('channels', [3, 4])
def test_outline_is_drawn_only_where_there_is_a_mask(tmp_path, channels):
    views, boxes = views_and_boxes(channels=channels)
    if channels == 4:
        views[:, 3] = 0
        views[13, 3, 10:20, 10:20] = 255
    path = tmp_path / 'new' / 'views.png'
    draw_views(views, boxes, path, 'scratch')
    picture = cv2.imread(str(path))
    height, width = picture.shape[:2]
    found = np.argwhere(is_pink(picture))
    if channels == 3:
        assert not len(found)
    else:
        assert np.allclose(found.mean(0) / (height, width), 0.5, atol=0.08)
        assert found.max(0)[0] - found.min(0)[0] < height / 4
    assert [file.name for file in path.parent.iterdir()] == ['views.png']


def test_faint_mask_has_an_outline_and_a_full_one_none(tmp_path):
    views, boxes = views_and_boxes(scales=1, per_scale=1)
    for level, background, drawn in ((40, 0, True), (255, 255, False)):
        views[:, 3] = background
        views[0, 3, 16, 16] = level
        draw_views(views, boxes, tmp_path / 'views.png')
        assert is_pink(cv2.imread(str(tmp_path / 'views.png'))).any() == drawn


def test_more_than_nine_views_of_a_size_take_more_rows(tmp_path):
    for per_scale in (9, 10):
        draw_views(*views_and_boxes(1, per_scale), tmp_path / f'{per_scale}.png')
    low, high = (cv2.imread(str(tmp_path / f'{n}.png')).shape for n in (9, 10))
    assert low[1] == high[1]
    assert high[0] > 1.8 * low[0]


@pytest.mark.parametrize(
    ('views', 'boxes', 'message'),
    [
        (torch.zeros(2, 4, 8, 8), np.zeros((2, 4)), 'must be uint8 .* got torch.float32'),
        (torch.zeros(2, 2, 8, 8, dtype=torch.uint8), np.zeros((2, 4)), r'3 or 4'),
        (torch.zeros(2, 4, 8, 8, dtype=torch.uint8), np.zeros((3, 4)), 'for the 2 views'),
        (torch.zeros(0, 4, 8, 8, dtype=torch.uint8), np.zeros((0, 4)), 'for the 0 views'),
    ],
)
def test_bad_arguments(tmp_path, views, boxes, message):
    with pytest.raises(ValueError, match=message):
        draw_views(views, boxes, tmp_path / 'views.png')
    assert not list(tmp_path.iterdir())
