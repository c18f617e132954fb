"""Backbones that configs name: each is built and run, and what the documentation tells is so."""

from functools import partial
from pathlib import Path

import pytest
import timm
import torch

from mmvrec.models.backbones.timm_weights import AUTHORS_LICENCES
from mmvrec.registry import MODELS
from mmvrec.weights.packaged import PACKAGED
from tools.dev.backbone_table import backbone_configs, build_empty, table

REPO = Path(__file__).parents[1]
BACKBONES = backbone_configs()
TIMM = [name for name in BACKBONES if name.startswith('timm: ')]
DOWNLOADED = [name for name in TIMM if BACKBONES[name].checkpoint == 'timm']


def test_table_of_the_documentation_is_what_the_configs_name():
    assert f'\n{table()}\n' in (REPO / 'docs/backbones.md').read_text()


@pytest.mark.parametrize('name', DOWNLOADED)
def test_transformers_run_with_random_weights(name, monkeypatch):
    """Two of their blocks, on views of 4 x 4 patches."""
    monkeypatch.setattr(timm, 'create_model', partial(timm.create_model, depth=2))
    side = 4 * build_empty(BACKBONES[name]).trunk.feature_info[-1]['reduction']
    config = {**BACKBONES[name], 'checkpoint': None, 'random_seed': 0, 'img_size': side}
    backbone = MODELS.build(config)
    views = torch.rand(2, 4, side, side, generator=torch.Generator().manual_seed(0)) * 255
    views[:, 3] = 0
    views[:, 3, : side // 2, : side // 2] = 255
    moved = torch.cat([views[:, :3], views[:, 3:].flip(-1)], dim=1)
    with torch.no_grad():
        feats, others = backbone.embed(views), backbone.embed(moved)
    parts = len(backbone.pooling)
    assert feats.shape == (2, build_empty(BACKBONES[name]).out_dims)
    torch.testing.assert_close(feats.square().sum(1), torch.full((2,), float(parts)))
    assert not torch.allclose(feats, others, atol=1e-4)
    assert backbone.provenance.is_random


@pytest.mark.parametrize('name', ['tiny', 'small', 'timm: efficientnet_lite2'])
def test_weights_that_are_here_are_loaded_and_have_the_licence_that_is_told(name):
    backbone = MODELS.build(BACKBONES[name])
    side = backbone.input_size
    with torch.no_grad():
        assert torch.isfinite(backbone.embed(torch.rand(1, 4, side, side) * 255)).all()
    assert backbone.provenance.licence == backbone.info.licence == 'Apache-2.0'
    assert not backbone.provenance.is_random


@pytest.mark.parametrize('name', DOWNLOADED)
def test_licence_is_that_of_timm_or_of_the_authors(name):
    model = BACKBONES[name].model
    told = build_empty(BACKBONES[name]).info.licence
    assert told == AUTHORS_LICENCES.get(model, told)
    if model not in AUTHORS_LICENCES:
        assert told.lower() == timm.get_pretrained_cfg(model).license


def test_what_timm_does_not_have_is_not_told():
    assert set(AUTHORS_LICENCES) <= set(timm.list_pretrained())
    assert {weights.model for weights in PACKAGED.values()} <= set(timm.list_models())
