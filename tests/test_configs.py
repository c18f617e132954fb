"""Every config loads, names what is registered, and runs on generated defects."""

import re
import uuid
from pathlib import Path

import pytest
from engine_parts import TINY_ARCH, synthetic_dataset
from mmengine.config import Config

from mmvrec.engine import FewShotRunner
from mmvrec.models import CLIPText
from mmvrec.models.backbones.embedded import EMBEDDED
from mmvrec.models.backbones.weights import CONVERTED, PUBLISHED
from mmvrec.registry import DATASETS, MODELS

CONFIGS = Path(__file__).parents[1] / 'configs'
NAMES = sorted(str(p.relative_to(CONFIGS)) for p in CONFIGS.glob('[!_]*/*.py'))
#: One of every kind runs; the others differ in numbers or data roots only.
RUNS = [n for n in NAMES if n.startswith('ablations/') or n.endswith('_5shot_synthetic.py')]


@pytest.mark.parametrize('name', NAMES)
def test_config_follows_the_contract(name):
    cfg = Config.fromfile(CONFIGS / name)
    shots = int(re.search(r'_(\d+)shot_', name)[1])
    assert {cfg.train_cfg.shots, cfg.val_cfg.shots, cfg.test_cfg.shots} == {shots}
    queries = cfg.test_dataloader.dataset
    if name.endswith('_det.py'):
        assert queries.type == 'DetectedInstances'
        queries = queries.dataset
        assert queries.data_root == cfg.train_dataloader.dataset.data_root
    assert cfg.train_dataloader.dataset.type == queries.type
    assert cfg.val_dataloader == cfg.test_dataloader
    assert DATASETS.get(cfg.test_dataloader.dataset.type) is not None
    MODELS.build(cfg.model.head)
    backbone = cfg.model.backbone
    if backbone is not None:
        (views,) = [t for t in cfg.test_dataloader.dataset.pipeline if 'img_size' in t]
        (support,) = [t for t in cfg.train_dataloader.dataset.pipeline if 'img_size' in t]
        assert views == support
        assert views.img_size == {'tiny': 112, 'vit-l/14': 224}[backbone.arch]
        assert backbone.checkpoint in (*EMBEDDED, *CONVERTED)
    if cfg.model.get('text', {}).get('checkpoint'):
        assert cfg.model.text.checkpoint in PUBLISHED


def small(cfg: Config, folder: Path) -> Config:
    """The config on a few generated images with a backbone of two layers."""
    pipeline = cfg.test_dataloader.dataset.pipeline
    for transform in pipeline:
        if transform.type == 'MultiViewRegionContext':
            transform.img_size = TINY_ARCH['img_size']
    arch = {**TINY_ARCH, 'out_dims': CLIPText.ARCHS['tiny']['out_dims']}
    cfg.model.backbone = {'type': 'AlphaCLIP', 'arch': arch, 'random_seed': 0}
    for loader, split in ((cfg.train_dataloader, 'support'), (cfg.test_dataloader, 'query')):
        loader.dataset = synthetic_dataset(
            split=split, instances_per_class=5 if split == 'support' else 1, pipeline=pipeline
        )
        loader.num_workers = 0
    cfg.train_cfg.max_iters = min(cfg.train_cfg.max_iters, 2)
    cfg.test_cfg.episodes = 1
    cfg.test_cfg.cache_dir = None
    cfg.work_dir = str(folder)
    cfg.experiment_name = uuid.uuid4().hex
    return cfg


@pytest.mark.parametrize('name', RUNS)
def test_config_runs(name, tmp_path):
    cfg = small(Config.fromfile(CONFIGS / name), tmp_path)
    metrics = FewShotRunner.from_cfg(cfg).test()
    assert metrics['fewshot/ceramic_tile/accuracy'] in (0, 50, 100)
