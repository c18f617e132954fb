import numpy as np
import pytest
from PIL import Image

from mmvrec.datasets import FeatureBankDataset
from mmvrec.visualization.contact_sheet import (
    _crop,
    draw_contact_sheet,
    draw_dataset_sheet,
    pick_examples,
)


def sample(label='dent', caption='support: a#0', height=60, width=80):
    mask = np.zeros((height, width), np.uint8)
    mask[20:30, 40:60] = 255
    return {
        'img': np.full((height, width, 3), 90, np.uint8),
        'instance_mask': mask,
        'task': 'lid',
        'label_name': label,
        'caption': caption,
    }


def outlined(path) -> np.ndarray:
    pixels = np.asarray(Image.open(path)).astype(int)
    # Magenta, the only colour of the sheet; its line is smoothed.
    return (pixels[..., 0] - pixels[..., 1] > 80).nonzero()


def test_the_mask_is_outlined(tmp_path):
    path = tmp_path / 'sheet.png'
    draw_contact_sheet([sample()], path)
    y, x = outlined(path)
    # The 20 x 10 mask in a crop of 64 pixels, enlarged to 176: 55 x 27 and the line around it.
    assert 55 <= x.max() - x.min() + 1 <= 64
    assert 27 <= y.max() - y.min() + 1 <= 37


def test_rows_are_classes_and_long_ones_wrap(tmp_path):
    def size(*labels):
        draw_contact_sheet([sample(label) for label in labels], tmp_path / 's.png', columns=2)
        return Image.open(tmp_path / 's.png').size

    (one_width, one), (two_width, two) = size('a'), size('a', 'a')
    assert two == one
    assert two_width > one_width
    assert size('a', 'b')[1] > one
    assert size('a', 'a', 'a')[1] > one


def test_a_long_caption_is_cut_not_drawn_over_the_next(tmp_path):
    draw_contact_sheet([sample(caption='x' * 500)], tmp_path / 'long.png')
    draw_contact_sheet([sample(caption='x')], tmp_path / 'short.png')
    assert Image.open(tmp_path / 'long.png').size == Image.open(tmp_path / 'short.png').size
    right_margin = np.asarray(Image.open(tmp_path / 'long.png'))[:, -6:]
    assert (right_margin == 255).all()


def test_a_dataset_of_features_is_refused(tmp_path):
    np.savez(tmp_path / 'f.npz', feats=np.ones((2, 1, 4), np.float32), labels=np.arange(2))
    dataset = FeatureBankDataset(str(tmp_path / 'f.npz'))
    with pytest.raises(ValueError, match='needs images, the dataset holds features'):
        draw_dataset_sheet({'all': dataset}, tmp_path / 'sheet.png')


def test_nothing_to_draw(tmp_path):
    with pytest.raises(ValueError, match='at least one instance'):
        draw_contact_sheet([], tmp_path / 'sheet.png')
    assert not (tmp_path / 'sheet.png').exists()


def test_a_crop_that_leaves_the_image_is_grey_there():
    image = np.zeros((4, 4, 3), np.uint8)
    crop = _crop(image, -2, 1, 6)
    assert (crop[:3, 2:6] == 0).all()
    assert (crop[:, :2] == 225).all()
    assert (crop[3:] == 225).all()


@pytest.mark.parametrize(('per_class', 'expected'), [(1, [0, 1]), (2, [0, 8, 1, 9]), (99, None)])
def test_examples_are_spread_over_the_dataset(per_class, expected):
    records = [{'task': 't', 'label_name': 'ab'[i % 2]} for i in range(10)]
    picked = pick_examples(records, per_class)
    assert picked == (expected or [0, 2, 4, 6, 8, 1, 3, 5, 7, 9])
