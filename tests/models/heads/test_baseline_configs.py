"""The heads of configs/heads: what they build, on generated defects and on feature banks."""

import numpy as np
import pytest
import torch
from config_snapshot import effective
from head_battery import centres_of, draw, few_shot
from mmengine.config import Config

from mmvrec.benchmark.composition import compose
from mmvrec.registry import MODELS, TRANSFORMS
from mmvrec.structures import LabelSpace
from mmvrec.utils.resources import config_file

HEADS = {
    'zipa': 'ZipAdapterHead',
    'zipaf': 'ZipAdapterFHead',
    'zipaf-ce': 'ZipAdapterFHead',
    'zipaf-normalized': 'ZipAdapterFHead',
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
    'default': 'RegionGaussianHead',
}
each_head = pytest.mark.parametrize('name', HEADS)


def config_of(name: str, dataset: str) -> Config:
    config = compose(heads=[name], datasets=[dataset])[0].config
    return config


def test_every_head_of_the_folder_is_here():
    folder = config_file('heads/zipa.py').parent
    assert {path.stem for path in folder.glob('*.py')} == set(HEADS)


@each_head
def test_heads_build_and_classify(name):
    # The features below are not of a backbone that has a prior.
    model = MODELS.build({**config_of(name, 'synthetic').model, 'prior': None})
    assert model.backbone is not None
    head = model.build_head().fit(*few_shot(3, 5), 3, centres_of(3))
    assert type(head).__name__ == HEADS[name]
    assert head.predict(draw(2, 6, 16)).shape == (2, 3)


@each_head
def test_an_optimizer_can_be_built(name):
    """MMEngine builds one for every training; without a backbone only the heads have parameters."""
    model = MODELS.build(config_of(name, 'featurebank').model)
    assert model.backbone is None
    model.allocate_heads(LabelSpace({'task': ['a', 'b']}), {'task': 2}, 16)
    torch.optim.AdamW(model.parameters())


@each_head
@pytest.mark.parametrize('dataset', ['mvtecfs', 'mtd_tiny', 'featurebank'])
def test_single_view_changes_the_views_alone(name, dataset):
    single, whole = config_of(f'{name}-single', dataset), config_of(name, dataset)
    assert single.model.head.pop('view_indices') == [13]
    assert single.to_dict() == whole.to_dict()


@pytest.mark.parametrize('name', ['gda', 'zero-shot'])
@pytest.mark.parametrize('dataset', ['synthetic', 'featurebank'])
def test_a_config_of_bases_is_what_is_composed(name, dataset):
    cfg = Config.fromfile(config_file(f'baselines/{name}_5shot_{dataset}.py'))
    assert effective(cfg) == effective(config_of(name, dataset))


def test_the_single_view_is_the_centred_crop_of_the_middle_scale():
    transform = TRANSFORMS.build(dict(type='MultiViewRegionContext', scales=(256, 384, 512)))
    image = np.zeros((1000, 1200, 3), np.uint8)
    mask = np.zeros((1000, 1200), np.uint8)
    mask[490:510, 580:620] = 255
    views = transform({'img': image, 'instance_mask': mask, 'bbox': [580, 490, 620, 510]})
    assert views['view_boxes'][13].tolist() == [600 - 192, 500 - 192, 600 + 192, 500 + 192]
