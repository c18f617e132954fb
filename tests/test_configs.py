"""Configs: each is built with what it was, follows the contract, and runs on generated defects."""

import ast
import re
import uuid
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from config_snapshot import (
    ABLATIONS,
    CONFIGS,
    LEAVES,
    config_of,
    effective,
    parts_of,
    read_snapshot,
)
from engine_parts import TINY_ARCH, synthetic_dataset
from mmengine.config import Config

from mmvrec.engine import FewShotRunner
from mmvrec.models import CLIPText
from mmvrec.registry import DATASETS, MODELS
from mmvrec.weights.embedded import EMBEDDED
from mmvrec.weights.lookup import CONVERTED, PUBLISHED
from mmvrec.weights.packaged import PACKAGED

FILES = sorted(CONFIGS.rglob('*.py'))
HEADS = sorted(path.stem for path in CONFIGS.glob('heads/*.py'))
SNAPSHOT = read_snapshot()
DATASETS_OF_PAPER = ['mvtecfs', 'neudet', 'pcb', 'mtd', 'aitex']
#: Sides of views by the architecture of the backbone.
SIDES = {'tiny': 112, 'vit-l/14': 224, 'timm': 112}
TINY = [f'{name}_tiny' for name in DATASETS_OF_PAPER]


# What they are built with.


@pytest.mark.parametrize('row', sorted({parts_of(name)[0] for name in SNAPSHOT}))
def test_settings_are_those_of_the_snapshot(row):
    for name in (name for name in SNAPSHOT if parts_of(name)[0] == row):
        settings = effective(config_of(name))
        for key in settings.keys() | SNAPSHOT[name].keys():
            assert settings.get(key) == SNAPSHOT[name].get(key), (name, key)


def test_names_of_the_contract_are_files():
    names = {
        f'{head}_{shots}shot_{dataset}'
        for head in ('zipa', 'zipaf', 'zipaf-ce')
        for shots in (1, 3, 5)
        for dataset in (*DATASETS_OF_PAPER, *TINY, 'synthetic', 'featurebank')
    }
    for dataset in ('mtd', 'neudet', 'pcb'):
        names |= {f'{head}_5shot_{dataset}_small' for head in ('zipa', 'zipaf')}
    for dataset in (*DATASETS_OF_PAPER, 'synthetic'):
        names |= {f'default_{shots}shot_{dataset}_small' for shots in (1, 3, 5)}
    for dataset in ('mtd', 'neudet', 'pcb'):
        names |= {f'zipaf_5shot_{dataset}{end}' for end in ('_det', '_tiny_det', '_tiny_openset')}
    assert names <= {path.stem for path in CONFIGS.glob('mvrec/*.py')}
    assert set(LEAVES) <= set(SNAPSHOT)


@pytest.mark.parametrize('name', LEAVES)
def test_config_follows_the_contract(name):
    cfg = Config.fromfile(LEAVES[name])
    assert cfg.few_shot.shots == int(re.search(r'_(\d+)shot_', name)[1])
    for loop in (cfg.train_cfg, cfg.val_cfg, cfg.test_cfg):
        assert not cfg.few_shot.keys() & loop.keys()
    queries = cfg.test_dataloader.dataset
    if name.endswith('_det'):
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
        members = backbone.get('members', [backbone])
        assert views.img_size == max(SIDES[member.get('arch', 'timm')] for member in members)
        assert all(m.checkpoint in (*EMBEDDED, *CONVERTED, *PACKAGED) for m in members)
    if cfg.get('text_encoder', {}).get('checkpoint'):
        assert cfg.text_encoder.checkpoint in PUBLISHED


@pytest.mark.parametrize('path', sorted(CONFIGS.glob('_base_/models/alphaclip*.py')), ids=str)
def test_backbone_is_one_that_is_known(path):
    cfg = Config.fromfile(path)
    assert 'head' not in cfg.model
    assert cfg.model.backbone.checkpoint == path.with_suffix('.safetensors').name
    clip, _ = CONVERTED[cfg.model.backbone.checkpoint]
    assert cfg.text_encoder.checkpoint == clip


# How they are written.


def bases_of(path: Path) -> list[Path]:
    for line in ast.parse(path.read_text()).body:
        if isinstance(line, ast.Assign) and line.targets[0].id == '_base_':
            names = ast.literal_eval(line.value)
            return [path.parent / name for name in ([names] if isinstance(names, str) else names)]
    return []


def depth(path: Path) -> int:
    return max((1 + depth(base) for base in bases_of(path)), default=0)


def test_files_are_few_and_inherit_over_two_levels_at_most():
    """A default head on every dataset may still bring some twenty."""
    assert len(FILES) <= 220
    assert {str(path): depth(path) for path in FILES if depth(path) > 2} == {}


def test_lines_are_not_repeated():
    """Of the lines of all configs less than 30 % stand in five files or more."""
    places = defaultdict(list)
    for path in FILES:
        for line in map(str.strip, path.read_text().splitlines()):
            if line and not line.startswith('#'):
                places[line].append(path)
    counts = Counter({line: len(paths) for line, paths in places.items()})
    repeated = sum(counts[line] for line, paths in places.items() if len(set(paths)) >= 5)
    assert repeated < 0.3 * counts.total()


def test_only_another_kind_of_dataset_deletes_what_it_inherits():
    deleting = {path.stem for path in FILES if '_delete_' in path.read_text()}
    assert deleting == {name for name in LEAVES if name.endswith('_det')}


# How they run.


def small(cfg: Config, folder: Path) -> Config:
    """The config on a few generated images with a backbone of two layers."""
    pipeline = cfg.test_dataloader.dataset.pipeline
    for transform in pipeline:
        if transform.type == 'MultiViewRegionContext':
            transform.img_size = TINY_ARCH['img_size']
    arch = {**TINY_ARCH, 'out_dims': CLIPText.ARCHS['tiny']['out_dims']}
    cfg.model.backbone = {'type': 'AlphaCLIP', 'arch': arch, 'random_seed': 0}
    cfg.model.prior = None
    for loader, split in ((cfg.train_dataloader, 'support'), (cfg.test_dataloader, 'query')):
        loader.dataset = synthetic_dataset(
            split=split, instances_per_class=5 if split == 'support' else 1, pipeline=pipeline
        )
        loader.num_workers = 0
    cfg.train_cfg.max_iters = min(cfg.train_cfg.max_iters, 2)
    cfg.few_shot.episodes = 1
    cfg.few_shot.cache_dir = None
    cfg.work_dir = str(folder)
    cfg.experiment_name = uuid.uuid4().hex
    return cfg


@pytest.mark.parametrize(
    'name',
    [
        *[f'{row}_5shot_synthetic' for row in HEADS],
        # Rows of parts are of fused backbones.
        *[f'{r}_5shot_mvtecfs_{"small" if "parts_" in r else "tiny"}' for r in ABLATIONS],
        *[f'zipa-{variant}_5shot_synthetic' for variant in ('single', 'known', 'unknown')],
    ],
)
def test_config_runs(name, tmp_path):
    cfg = small(config_of(name), tmp_path)
    metrics = FewShotRunner.from_cfg(cfg).test()
    assert metrics['fewshot/ceramic_tile/accuracy'] in (0, 50, 100)
