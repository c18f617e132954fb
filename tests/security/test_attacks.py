"""One test for every attack: what ran once must not run, and one message says why."""

import contextlib
import io
import pickle
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_pickles import ATTACKS, KINDS, PROTOCOLS, valid
from hostile_weights import WritesWhenRead, attacks, saved, state, torchscript
from PIL import Image
from small_model import contents, written
from small_model import saved as saved_model

from mmvrec.cli.main import main
from mmvrec.datasets.formats.detections import Detection, read_detections
from mmvrec.models.backbones.checkpoints import read_weights
from mmvrec.models.backbones.clip_weights import convert
from mmvrec.models.text import CLIPText
from mmvrec.models.text.prompts import check_templates


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """What an attack writes lands here."""
    monkeypatch.chdir(tmp_path)


def hostile_model(tmp_path, edit) -> str:
    info, tensors = contents(saved_model())
    edit(info['config'])
    (tmp_path / 'm.safetensors').write_bytes(written(info, tensors))
    return 'm.safetensors'


TOUCH = {'args': ['touch', 'ran']}
PLACES = {
    'classifier': lambda config: config['model'].update(type='subprocess.Popen'),
    'backbone': lambda config: config['model'].update(
        backbone={'type': 'subprocess.Popen', **TOUCH}
    ),
    'head': lambda config: config['model'].update(head={'type': 'subprocess.Popen', **TOUCH}),
    'nested head': lambda config: config['model'].update(
        head={'type': 'TextFusionHead', 'head': {'type': 'subprocess.Popen', **TOUCH}}
    ),
    'preprocessor': lambda config: config['model'].update(
        data_preprocessor={'type': 'subprocess.Popen', **TOUCH}
    ),
    'text': lambda config: config['model'].update(text={'type': 'subprocess.Popen', **TOUCH}),
    'transform': lambda config: config['test_dataloader']['dataset']['pipeline'].append(
        {'type': 'subprocess.Popen', **TOUCH}
    ),
    'a file that is emptied': lambda config: config['model'].update(
        backbone={'type': 'builtins.open', 'file': 'm.safetensors', 'mode': 'w'}
    ),
    'optimizer': lambda config: config.update(
        optim_wrapper={'optimizer': {'type': 'subprocess.Popen', **TOUCH}}
    ),
    'constructor': lambda config: config.update(
        optim_wrapper={'constructor': 'subprocess.Popen', 'optimizer': {'type': 'SGD', 'lr': 1}}
    ),
    'scheduler': lambda config: config.update(
        param_scheduler=[{'type': 'subprocess.Popen', **TOUCH, 'by_epoch': False}]
    ),
    'weights that are fetched': lambda config: config['model'].update(
        backbone={
            'type': 'mmpretrain.ResNet',
            'depth': 18,
            'init_cfg': {'type': 'Pretrained', 'checkpoint': 'http://127.0.0.1:9/weights.pth'},
        }
    ),
    'weights that are fetched by a head': lambda config: config['model']['head'].update(
        init_cfg={'type': 'Pretrained', 'checkpoint': 'http://127.0.0.1:9/weights.pth'}
    ),
    'scope': lambda config: config['model']['head'].update(_scope_='subprocess'),
    'prior by a path': lambda config: config['model'].update(prior='/etc/passwd'),
    'prior of a head by a path': lambda config: config['model'].update(
        head={'type': 'RegionGaussianHead', 'prior': '../prior.safetensors'}
    ),
}
COMMANDS = {
    'classify': ['classify', 'm.safetensors', 'image.png'],
    'report': ['report', 'm.safetensors', 'ClassFolders', '.', 'page.html'],
    'inspect': ['inspect', 'm.safetensors'],
}


@pytest.mark.parametrize('place', PLACES)
@pytest.mark.parametrize('command', COMMANDS)
def test_a_saved_model_runs_nothing(tmp_path, place, command):
    path = hostile_model(tmp_path, PLACES[place])
    Image.new('RGB', (64, 48)).save('image.png')
    before = (tmp_path / path).read_bytes()
    error = io.StringIO()
    with contextlib.redirect_stderr(error), contextlib.redirect_stdout(io.StringIO()):
        assert main(COMMANDS[command]) == 1
    assert error.getvalue().startswith('error: m.safetensors is not loaded: ')
    assert error.getvalue().count('\n') == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ['image.png', path]
    assert (tmp_path / path).read_bytes() == before


@pytest.mark.parametrize('name', ATTACKS)
def test_a_pickle_of_a_detector_runs_nothing(tmp_path, name):
    (tmp_path / 'r.pkl').write_bytes(ATTACKS[name])
    modules = set(sys.modules)
    with pytest.raises(ValueError, match=r'^r\.pkl'):
        read_detections('r.pkl')
    assert not (tmp_path / 'ran').exists()
    assert set(sys.modules) == modules
    # What the attack has met serves the next file as before.
    (tmp_path / 'r.pkl').write_bytes(valid('tensors', 2))
    assert read_detections('r.pkl')[1] == Detection(
        'a/0.png', (4.0, 5.0, 6.0, 7.0), 0.25, {'size': [8, 8], 'counts': ''}
    )
    assert np.dtype('f8').flags == 0


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('protocol', PROTOCOLS)
def test_pickles_of_detectors_are_read(tmp_path, kind, protocol):
    (tmp_path / 'r.pkl').write_bytes(valid(kind, protocol))
    found = read_detections('r.pkl')
    assert [(d.image, d.bbox, d.score) for d in found] == [
        ('a/0.png', (0.0, 1.0, 2.0, 3.0), 0.5),
        ('a/0.png', (4.0, 5.0, 6.0, 7.0), 0.25),
        ('b.png', (0.0, 1.0, 2.0, 3.0), 0.5),
        ('b.png', (4.0, 5.0, 6.0, 7.0), 0.25),
    ]


def test_nine_bytes_take_no_gigabytes(tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (tmp_path / 'r.pkl').write_bytes(b'\x80\x02Nr\xff\xff\xff\x07.')
    with pytest.raises(ValueError, match='numbers that no pickler gives'):
        read_detections('r.pkl')
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18


def test_a_torchscript_archive_runs_nothing(tmp_path):
    (tmp_path / 'w.pt').write_bytes(torchscript(WritesWhenRead('ran')))
    with contextlib.suppress(ValueError):
        read_weights('w.pt')
    assert not (tmp_path / 'ran').exists()
    # It is an attack: torch's own reader falls for it.
    torch.jit.load('w.pt')
    assert (tmp_path / 'ran').exists()


def test_a_text_tower_is_read_by_the_same_reader(tmp_path):
    (tmp_path / 'w.pt').write_bytes(torchscript(WritesWhenRead('ran')))
    with pytest.raises(ValueError, match=r'w\.pt'):
        CLIPText(checkpoint='w.pt').encode(['x'])
    assert not (tmp_path / 'ran').exists()


def test_weights_beside_a_command_are_read_and_it_is_not_run(tmp_path):
    class Command:
        def __reduce__(self):
            return exec, ("open('ran', 'w')",)

    for archive in (True, False):
        (tmp_path / 'w.pth').write_bytes(saved({'a': torch.ones(2), 'x': Command()}, archive))
        assert torch.equal(read_weights('w.pth')[0]['a'], torch.ones(2))
    assert not (tmp_path / 'ran').exists()


HOSTILE_WEIGHTS = attacks(Path())


@pytest.mark.parametrize('name', HOSTILE_WEIGHTS)
def test_the_converter_ends_with_one_error(tmp_path, name):
    (tmp_path / 'w.pth').write_bytes(HOSTILE_WEIGHTS[name])
    try:
        convert('out.safetensors', 'w.pth')
    except ValueError as error:
        assert 'w.pth' in str(error)
        assert not (tmp_path / 'out.safetensors').exists()
    else:
        assert set(read_weights('w.pth')[0]) == set(state())
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize(
    'template', ['{label:>9999999999}', '{label.__class__}', '{label[0]}', '{label!r}', '{task:>9}']
)
def test_templates_are_filled_in_and_nothing_else(template):
    with pytest.raises(ValueError, match='placeholders of a template'):
        check_templates(['a {label}', template])


def test_pickle_itself_falls_for_the_attacks(tmp_path):
    """The list is of attacks: read carelessly, one of them runs."""
    with contextlib.suppress(TypeError):
        pickle.loads(ATTACKS['os.system in protocol 4'])
    assert (tmp_path / 'ran').exists()
