"""ImageGroupedSampler."""

import cv2
import numpy as np
import pytest
from mmengine.dataset import BaseDataset, pseudo_collate
from torch.utils.data import DataLoader

from mmvrec.datasets.samplers import ImageGroupedSampler
from mmvrec.datasets.transforms import (
    LoadDefectImage,
    LoadInstanceMask,
    MultiViewRegionContext,
    PackViews,
    loading,
)
from mmvrec.registry import DATA_SAMPLERS


class Records(BaseDataset):
    """A dataset of given records."""

    def __init__(self, records, pipeline=()):
        self.records = records
        super().__init__(pipeline=pipeline)

    def load_data_list(self):
        return [dict(record) for record in self.records]


def dataset(images):
    return Records([{'img_id': image} for image in images])


@pytest.mark.parametrize(
    ('images', 'order'),
    [
        ('abacba', [0, 2, 5, 1, 4, 3]),
        ('aabb', [0, 1, 2, 3]),
        ('ba', [0, 1]),
        ('', []),
        ([None, 'a', None, 'a'], [0, 1, 3, 2]),
    ],
)
def test_groups_images(images, order):
    data = dataset(images) if len(images) else []
    sampler = ImageGroupedSampler(data)
    assert list(sampler) == order
    assert list(sampler) == order
    assert len(sampler) == len(images)


@pytest.mark.parametrize('data', [[5, 6, 7], Records([{'x': 1}] * 3)], ids=['list', 'no img_id'])
def test_plain_order_without_image_ids(data):
    assert list(ImageGroupedSampler(data)) == [0, 1, 2]


def test_seed_changes_nothing():
    orders = [list(ImageGroupedSampler(dataset('abab'), seed=seed)) for seed in (None, 0, 1)]
    assert orders[0] == orders[1] == orders[2]


def test_built_as_mmengine_does():
    arguments = {'dataset': dataset('aba'), 'seed': 3}
    sampler = DATA_SAMPLERS.build({'type': 'ImageGroupedSampler'}, default_args=arguments)
    assert list(sampler) == [0, 2, 1]


def test_every_image_is_decoded_once(tmp_path, monkeypatch):
    decoded = []
    read_pixels = loading.read_pixels
    monkeypatch.setattr(loading, 'read_pixels', lambda p: decoded.append(p.name) or read_pixels(p))
    for name in 'abc':
        cv2.imwrite(str(tmp_path / f'{name}.png'), np.full((40, 50), ord(name), np.uint8))
    records = [
        {
            'img_path': str(tmp_path / f'{name}.png'),
            'img_id': name,
            'instance_id': f'{name}#{index}',
            'mask': None,
            'bbox': [index, 3, index + 9, 12],
            'gt_label': 0,
        }
        for index, name in enumerate('abcabcab')
    ]
    pipeline = [
        LoadDefectImage(),
        LoadInstanceMask(),
        MultiViewRegionContext(img_size=16, scales=[24]),
        PackViews(),
    ]
    data = Records(records, pipeline)
    loader = DataLoader(data, 3, sampler=ImageGroupedSampler(data), collate_fn=pseudo_collate)
    batches = list(loader)
    assert decoded == ['a.png', 'b.png', 'c.png']
    seen = [sample.instance_id[0] for batch in batches for sample in batch['data_samples']]
    assert seen == list('aaabbbcc')
    assert batches[0]['inputs'][0].shape == (9, 4, 16, 16)
