"""The configs of the baselines: what they say, that they build, and that all shots exist."""

from pathlib import Path

import numpy as np
import pytest
import torch
from head_battery import centres_of, draw, few_shot
from mmengine.config import Config

from mmvrec.registry import MODELS, TRANSFORMS

CONFIGS = Path(__file__).parents[3] / 'configs' / 'baselines'
HEADS = {
    'knn': 'KNNHead',
    'protonet': 'ProtoNetHead',
    'linear-probe': 'LinearProbeHead',
    'linear-probe-views': 'LinearProbeHead',
    'gda': 'GDAHead',
    'gda-scales': 'GDAHead',
    'kernel-ridge': 'KernelRidgeHead',
    'zero-shot': 'ZeroShotHead',
    'clip-adapter': 'CLIPAdapterHead',
    'tip-adapter': 'TipAdapterHead',
    'tip-adapter-f': 'TipAdapterFHead',
    'lp-plus-plus': 'LPPlusPlusHead',
    'zipa-text': 'TextFusionHead',
}
#: Heads that the paper compares, with and without views.
SINGLE = [
    'zero-shot', 'knn', 'protonet', 'linear-probe', 'clip-adapter', 'tip-adapter', 'tip-adapter-f',
]  # fmt: skip
DATASETS = ['mvtecfs', 'neudet', 'pcb', 'mtd', 'aitex', 'mtd_tiny', 'synthetic', 'featurebank']


@pytest.mark.parametrize('name', HEADS)
def test_synthetic_configs_build_and_classify(name):
    cfg = Config.fromfile(CONFIGS / f'{name}_5shot_synthetic.py')
    assert cfg.test_cfg.shots == 5
    model = MODELS.build(cfg.model)
    assert model.backbone is not None
    head = model.build_head().fit(*few_shot(3, 5), 3, centres_of(3))
    assert type(head).__name__ == HEADS[name]
    assert head.predict(draw(2, 6, 16)).shape == (2, 3)


@pytest.mark.parametrize('shots', [1, 3, 5])
@pytest.mark.parametrize('name', HEADS)
def test_feature_bank_configs(name, shots):
    cfg = Config.fromfile(CONFIGS / f'{name}_{shots}shot_featurebank.py')
    loops = cfg.train_cfg, cfg.val_cfg, cfg.test_cfg
    assert [loop.shots for loop in loops] == [shots] * 3
    assert type(MODELS.build(cfg.model).build_head()).__name__ == HEADS[name]
    assert cfg.model.head == Config.fromfile(CONFIGS / f'{name}_5shot_synthetic.py').model.head


@pytest.mark.parametrize('name', HEADS)
def test_an_optimizer_can_be_built(name):
    """MMEngine builds one for every training; without a backbone only the heads have parameters."""
    model = MODELS.build(Config.fromfile(CONFIGS / f'{name}_1shot_featurebank.py').model)
    model.allocate_heads({'task': ['a', 'b']}, {'task': 2}, 16)
    torch.optim.AdamW(model.parameters())


@pytest.mark.parametrize('name', SINGLE)
@pytest.mark.parametrize('dataset', DATASETS)
def test_single_view_configs_change_the_views_alone(name, dataset):
    single = Config.fromfile(CONFIGS / f'{name}-single_5shot_{dataset}.py')
    whole = Config.fromfile(CONFIGS / f'{name}_5shot_{dataset}.py')
    assert single.model.head.pop('view_indices') == [13]
    assert single.to_dict() == whole.to_dict()


def test_the_single_view_is_the_centred_crop_of_the_middle_scale():
    transform = TRANSFORMS.build(dict(type='MultiViewRegionContext', scales=(256, 384, 512)))
    image = np.zeros((1000, 1200, 3), np.uint8)
    mask = np.zeros((1000, 1200), np.uint8)
    mask[490:510, 580:620] = 255
    views = transform({'img': image, 'instance_mask': mask, 'bbox': [580, 490, 620, 510]})
    assert views['view_boxes'][13].tolist() == [600 - 192, 500 - 192, 600 + 192, 500 + 192]
