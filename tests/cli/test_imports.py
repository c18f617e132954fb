"""The user's own code, named with ``--import``."""

import json
import runpy
import sys
from pathlib import Path

import dataset_layouts as layouts
import pytest

from mmvrec.apis import DefectInferencer
from mmvrec.cli.imports import import_modules
from mmvrec.cli.main import main
from mmvrec.registry import DATASETS, MODELS

LAYOUT = """
from pathlib import Path

from mmvrec.datasets import DefectDataset
from mmvrec.registry import DATASETS
from mmvrec.utils.images import image_shape


@DATASETS.register_module()
class NamedImages(DefectDataset):
    def load_instances(self):
        for path in sorted(Path(self.data_root).glob('*.png')):
            label, _, number = path.stem.partition('-')
            shape = image_shape(path)
            yield {
                'img_path': str(path), 'img_id': path.name, 'instance_id': path.name,
                'task': 'own', 'label_name': label, 'bbox': [8.0, 8.0, 40.0, 40.0], 'mask': None,
                'img_shape': shape, 'ann_file': str(path),
            }
"""
BACKBONE = """
import torch
from torch import nn

from mmvrec.models.backbones import ViewBackbone
from mmvrec.registry import MODELS


@MODELS.register_module()
class AveragePixels(ViewBackbone):
    out_dims = 4

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return (x.mean((2, 3)) * self.scale,)
"""
CONFIG = """
_base_ = {base!r}
model = dict(backbone=dict(_delete_=True, type='AveragePixels'))
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    """A folder with images, and the user's code beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(DATASETS, '_module_dict', dict(DATASETS.module_dict))
    monkeypatch.setattr(MODELS, '_module_dict', dict(MODELS.module_dict))
    loaded = set(sys.modules)
    for label in ('dent', 'scratch'):
        for k in range(4):
            layouts.write_image(tmp_path / 'data' / f'{label}-{k}.png', seed=k)
    layouts.write_text(tmp_path / 'own_layout.py', LAYOUT)
    layouts.write_text(tmp_path / 'code' / 'own_backbone.py', BACKBONE)
    monkeypatch.syspath_prepend(tmp_path / 'code')
    yield tmp_path
    for name in {'own_layout', 'own_backbone'} & (set(sys.modules) - loaded):
        del sys.modules[name]


def test_conversion_of_a_layout_of_ones_own(own, monkeypatch, capsys):
    tool = Path(__file__).parents[2] / 'tools/dataset_converters/to_coco.py'
    command = [str(tool), 'NamedImages', 'data', 'coco.json']
    monkeypatch.setattr(sys, 'argv', command)
    with pytest.raises(SystemExit, match="no dataset format 'NamedImages'"):
        runpy.run_path(str(tool), run_name='__main__')
    monkeypatch.setattr(sys, 'argv', [*command, '--import', 'own_layout.py'])
    runpy.run_path(str(tool), run_name='__main__')
    content = json.loads(Path('coco.json').read_text())
    assert [one['name'] for one in content['categories']] == ['dent', 'scratch']
    assert [one['category_id'] for one in content['annotations']] == [1] * 4 + [2] * 4
    assert {tuple(one['bbox']) for one in content['annotations']} == {(8.0, 8.0, 32.0, 32.0)}


def test_a_layout_of_ones_own(own, capsys):
    command = ['inspect', 'NamedImages', 'data', '--out', 'o.json']
    assert main(command) == 1
    assert "no dataset format 'NamedImages'; there are ['AITEX'," in capsys.readouterr().err
    assert main([*command, '--import', 'own_layout.py']) == 0
    assert json.loads(Path('o.json').read_text())['tasks'] == {'own': {'dent': 4, 'scratch': 4}}
    assert main(['inspect', 'NoFormat', 'data', '--import', 'own_layout.py']) == 1
    assert "'NamedImages'" in capsys.readouterr().err


def test_what_modules_register_may_be_named_by_models(own):
    assert import_modules([]) == []
    # A dataset is not built from a saved model, so it is not named by one.
    assert import_modules(['own_layout.py']) == []
    assert import_modules(['own_backbone']) == ['AveragePixels', 'mmvrec.AveragePixels']
    assert import_modules(['code/own_backbone.py', 'own_layout.py']) == [
        'AveragePixels',
        'mmvrec.AveragePixels',
    ]
    assert import_modules(['mmpretrain', 'mmvrec.models', 'torch.nn']) == []


@pytest.mark.parametrize(
    'command', [['classify', 'm.safetensors', 'data'], ['report', 'm.safetensors', 'X', 'd', 'r']]
)
def test_loading_allows_what_is_imported(own, monkeypatch, capsys, command):
    given = {}

    def load(path, **kwargs):
        given.update(kwargs)
        raise ValueError('no further')

    monkeypatch.setattr(DefectInferencer, 'load', load)
    imports = ['--import', 'own_backbone', '--import', 'own_layout.py']
    assert main([*command, *imports]) == 1
    assert 'no further' in capsys.readouterr().err
    assert given['allow'] == ['AveragePixels', 'mmvrec.AveragePixels']


def test_a_layout_and_a_backbone_from_enroll_to_report(own, capsys):
    base = str(Path(__file__).parents[2] / 'configs' / 'mvrec' / 'zipaf_5shot_mtd_tiny.py')
    layouts.write_text(own / 'config.py', CONFIG.format(base=base))
    imports = ['--import', 'own_layout.py', '--import', 'own_backbone', '--device', 'cpu']
    enroll = ['enroll', 'NamedImages', 'data', 'm.safetensors', '--config', 'config.py']
    assert main([*enroll, *imports, '--cfg-options', 'train_cfg.max_iters=3']) == 0
    assert main(['classify', 'm.safetensors', 'data', '--device', 'cpu']) == 1
    assert 'AveragePixels' in capsys.readouterr().err
    assert (
        main(['classify', 'm.safetensors', 'data', '--whole-images', '--out', 'r.json', *imports])
        == 0
    )
    assert len(json.loads(Path('r.json').read_text())) == 8
    layouts.write_image(own / 'more' / 'dent-9.png', seed=9)
    assert main(['report', 'm.safetensors', 'NamedImages', 'more', 'r.html', *imports]) == 0
    assert 'right: 1 of 1' in capsys.readouterr().out


BAD = {
    'no module': ('no_such_module', "No module named 'no_such_module'; give a module that Python"),
    'no file': ('missing.py', 'missing.py'),
    'a needed module is missing': ('needy.py', "No module named 'not_installed'"),
    'the name of another module': ('json.py', "Python has another module 'json'; rename the file"),
    'a name twice': ('twice.py', 'SyntheticDefects is already registered'),
}


@pytest.mark.parametrize(('name', 'message'), BAD.values(), ids=BAD)
def test_bad_imports_are_told_in_one_message(own, capsys, name, message):
    layouts.write_text(own / 'needy.py', 'import not_installed\n')
    layouts.write_text(own / 'json.py', '')
    twice = 'from mmvrec.registry import DATASETS\n'
    twice += 'DATASETS.register_module(name="SyntheticDefects", module=dict)\n'
    layouts.write_text(own / 'twice.py', twice)
    assert main(['inspect', 'LabelMeDefects', 'data', '--import', name]) == 1
    assert message in capsys.readouterr().err
    assert not {'needy', 'twice', 'missing'} & set(sys.modules)
