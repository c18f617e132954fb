"""The closed lists have what the package has, and its configs pass."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config

import mmvrec.datasets.transforms
import mmvrec.models.heads
from mmvrec.apis.config_values import fits
from mmvrec.apis.saved_config import TYPES, ConfigCheck, config_to_save
from mmvrec.registry import MODELS, OPTIM_WRAPPERS, OPTIMIZERS, PARAM_SCHEDULERS, TRANSFORMS

CONFIGS = Path(__file__).parents[2] / 'configs'
REGISTRIES = {
    'transform': TRANSFORMS,
    'optimizer': OPTIMIZERS,
    'optim_wrapper': OPTIM_WRAPPERS,
    'param_scheduler': PARAM_SCHEDULERS,
}


def test_the_lists_have_all_heads_and_transforms():
    assert set(TYPES['head']) == set(mmvrec.models.heads.__all__) - {'FewShotHead'}
    assert set(TYPES['transform']) == set(mmvrec.datasets.transforms.__all__)


@pytest.mark.parametrize('slot', TYPES)
def test_every_type_in_the_lists_is_registered_under_its_name(slot):
    for name in TYPES[slot]:
        assert REGISTRIES.get(slot, MODELS).get(name).__name__ == name


@pytest.mark.parametrize('folder', ['baselines', 'mvrec', 'unified'])
def test_configs_of_the_package_pass(folder):
    passed = 0
    for path in sorted((CONFIGS / folder).glob('*_5shot_mtd*.py')) or sorted(
        (CONFIGS / folder).glob('*.py')
    ):
        cfg = Config.fromfile(path)
        if cfg.model.get('backbone'):
            ConfigCheck().check(json.loads(json.dumps(config_to_save(cfg))))
            passed += 1
    assert passed


FITS = [
    (1, int, True),
    (True, int, False),
    (1, float, True),
    ('1', float, False),
    (None, int | None, True),
    ([1, 2.5], mmvrec.datasets.transforms.MultiViewRegionContext.__init__.__annotations__['scales'],
     True),
    ({}, int | str, False),
]  # fmt: skip


@pytest.mark.parametrize(('value', 'annotation', 'expected'), FITS)
def test_types_of_json_values(value, annotation, expected):
    assert fits(value, annotation) is expected


SMALL = {'type': 'TimmRegion', 'model': 'test_vit.r160_in1k'}
REFUSED = [
    ({'model': 'hf-hub:timm/resnet18.a1_in1k'}, r'backbone\.model: timm has no model'),
    ({'model': 'vit_giant_patch14_dinov2.lvd142m'}, 'at most 320000000 weights'),
    ({'img_size': 4096}, r'backbone\.img_size must be 1 to 1024'),
    ({'checkpoint': '/etc/passwd.pth'}, 'names the file'),
    ({'checkpoint': 'timm'}, r"would download weights.*allow=\['timm'\]"),
    ({'pretrained': True}, r'backbone\.pretrained is no argument of TimmRegion'),
    ({'pooling': ['max']}, r'backbone\.pooling is no argument of TimmRegion, or of another type'),
]


def check(backbone, **options):
    cfg = config_to_save(Config.fromfile(CONFIGS / 'mvrec/zipa_5shot_mtd_small.py'))
    cfg = json.loads(json.dumps(cfg))
    cfg['model']['backbone'] = backbone
    ConfigCheck(**options).check(cfg)


@pytest.mark.parametrize(('change', 'message'), REFUSED)
def test_models_of_timm_are_of_its_list_and_of_bounded_size(change, message):
    check(SMALL)
    with pytest.raises(ValueError, match=message):
        check({**SMALL, **change})
    with pytest.raises(ValueError, match=message.replace('backbone', r'backbone\.members\[1\]')):
        check({'type': 'FusedBackbone', 'members': [SMALL, {**SMALL, **change}]})


def test_download_is_allowed_by_name():
    check({**SMALL, 'checkpoint': 'timm'}, allow=['timm'])


def test_fused_backbones_are_few_and_not_nested():
    fused = {'type': 'FusedBackbone', 'members': [SMALL] * 4}
    check(fused)
    for members in ([SMALL] * 5, [fused]):
        with pytest.raises(ValueError, match='more than 4 members, or members with members'):
            check({**fused, 'members': members})
