"""The configs of the baselines: what they say, that they build, and that all shots exist."""

from pathlib import Path

import pytest
import torch
from head_battery import draw, few_shot
from mmengine.config import Config

from mmvrec.registry import MODELS

CONFIGS = Path(__file__).parents[3] / 'configs' / 'baselines'
HEADS = {
    'knn': 'KNNHead',
    'protonet': 'ProtoNetHead',
    'linear-probe': 'LinearProbeHead',
    'linear-probe-views': 'LinearProbeHead',
    'gda': 'GDAHead',
    'gda-scales': 'GDAHead',
    'kernel-ridge': 'KernelRidgeHead',
}


@pytest.mark.parametrize('name', HEADS)
def test_synthetic_configs_build_and_classify(name):
    cfg = Config.fromfile(CONFIGS / f'{name}_5shot_synthetic.py')
    assert cfg.test_cfg.shots == 5
    model = MODELS.build(cfg.model)
    assert model.backbone is not None
    head = model.build_head().fit(*few_shot(3, 5), 3)
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
