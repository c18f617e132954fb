"""Small parts for the tests of the engine."""

import numpy as np
import torch
from mmengine.dataset import pseudo_collate

from mmvrec.datasets.samplers import ImageGroupedSampler
from mmvrec.models import MVRECClassifier
from mmvrec.structures import FeatureBank

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


def feature_bank(
    tasks=('one', 'two'),
    per_class=4,
    seed=0,
    spread=0.3,
    class_names=('a', 'b', 'c'),
    channels=8,
) -> FeatureBank:
    """Classes around the same centres in every bank, 5 views."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(7).normal(size=(len(class_names), 1, channels))
    groups = [(task, label) for task in tasks for label in range(len(class_names))]
    feats = [
        centres[label] + spread * rng.normal(size=(per_class, 5, channels)) for _, label in groups
    ]
    return FeatureBank(
        feats=torch.tensor(np.concatenate(feats), dtype=torch.float32),
        labels=torch.tensor([label for _, label in groups]).repeat_interleave(per_class),
        tasks=[task for task, _ in groups for _ in range(per_class)],
        ids=[str(i) for i in range(per_class * len(groups))],
        class_names={task: list(class_names) for task in tasks},
    )
