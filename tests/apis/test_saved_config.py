"""The closed lists have what the package has, and its configs pass."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config

import mmvrec.datasets.transforms
import mmvrec.models.heads
from mmvrec.apis.config_values import fits
from mmvrec.apis.saved_config import TYPES, ConfigCheck
from mmvrec.apis.saved_model import config_to_save
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
