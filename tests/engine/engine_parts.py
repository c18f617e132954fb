"""Small parts for the tests of the engine."""

import torch
from mmengine.dataset import pseudo_collate

from mmvrec.datasets.samplers import ImageGroupedSampler
from mmvrec.models import MVRECClassifier

TINY_ARCH = {
    'embed_dims': 64,
    'num_layers': 2,
    'num_heads': 1,
    'feedforward_channels': 128,
    'patch_size': 14,
    'img_size': 28,
    'out_dims': 16,
}
VIEWS = {'type': 'MultiViewRegionContext', 'scales': (64, 128), 'img_size': 28}
PIPELINE = [
    {'type': 'LoadDefectImage'},
    {'type': 'LoadInstanceMask'},
    VIEWS,
    {'type': 'PackViews'},
]


def synthetic_dataset(**kwargs):
    settings = {
        'type': 'SyntheticDefects',
        'split': 'query',
        'surfaces': ['ceramic_tile'],
        'defects': ['hole', 'scratch'],
        'instances_per_class': 3,
        'size': (160, 160),
        'pipeline': PIPELINE,
    }
    return {**settings, **kwargs}


def small_model(**backbone) -> MVRECClassifier:
    return MVRECClassifier(
        backbone={'type': 'AlphaCLIP', 'arch': TINY_ARCH, 'random_seed': 0, **backbone},
        head={'type': 'ZipAdapterHead'},
    )


def loader(dataset, batch_size: int = 4, **kwargs):
    return torch.utils.data.DataLoader(
        dataset,
        batch_size=batch_size,
        sampler=ImageGroupedSampler(dataset),
        collate_fn=pseudo_collate,
        **kwargs,
    )
