"""``mmvrec classify``: what it reads, and that it loses nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_model import PIXELS, saved, small_config

from mmvrec.apis import DefectInferencer, output
from mmvrec.cli.main import main
from mmvrec.version import __version__

WHOLE = '[0 0 64 48]'


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A model, and images of which two have one name and one another suffix."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'm.safetensors').write_bytes(saved())
    for k, name in enumerate(('d1/x.png', 'd2/x.png', 'd2/x.bmp', 'd3/x_0.png')):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.roll(PIXELS, k, axis=1))
    return tmp_path


def classify(*arguments: str) -> int:
    return main(['classify', 'm.safetensors', *arguments, '--device', 'cpu'])


def files_in(folder: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob('*.*'))


def read_json(path: str) -> object:
    def refuse(constant: str):
        raise AssertionError(f'{constant} is no JSON')

    return json.loads(Path(path).read_text(), parse_constant=refuse)


def test_folders_and_patterns(folder, capsys):
    assert classify('d1', 'd2\\*.bmp', '--out', 'r.json') == 0
    assert [result['image'] for result in read_json('r.json')] == ['d1/x.png', 'd2/x.bmp']
    lines = [line.split(':')[0] for line in capsys.readouterr().out.splitlines() if '[' in line]
    assert lines == [f'd1/x.png {WHOLE}', f'd2/x.bmp {WHOLE}']


def test_views_stop_early_where_they_decide(folder, capsys):
    cfg = small_config()
    cfg.model.head, cfg.model.prior = {'type': 'RegionGaussianHead'}, None
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform.type == 'MultiViewRegionContext':
            transform.update(scales=(32,), offsets=(-1, 0, 1))
    inferencer = DefectInferencer(cfg, device='cpu')
    crack, dent = PIXELS // 8, 160 + PIXELS // 8
    for name, pixels in {'crack': crack, 'dent': dent}.items():
        inferencer.enroll([np.roll(pixels, k, axis=0) for k in range(3)], None, name)
    inferencer.fit().save('m.safetensors')
    inferencer.fit_early_exit()
    images = [f'd{k}/x.png' for k in (1, 2)]
    for name, pixels in zip(images, (crack, dent), strict=True):
        cv2.imwrite(name, pixels[..., ::-1])
    expected = inferencer(images, progress=False)
    assert classify(*images, '--whole-images', '--early-exit', '--out', 'r.json') == 0
    views = [one['view_boxes'] for result in read_json('r.json') for one in result['instances']]
    assert views == [one['view_boxes'] for (one,) in expected]
    assert [len(boxes) for boxes in views] == [3, 3]
    assert classify(*images, '--whole-images', '--out', 'r.json') == 0
    assert [len(r['instances'][0]['view_boxes']) for r in read_json('r.json')] == [9, 9]


def test_views_that_cannot_stop_early_are_told(folder, capsys):
    assert classify('d1/x.png', '--early-exit') == 1
    assert 'views can stop early where a head averages' in capsys.readouterr().err


def test_files_whose_names_meet(folder):
    assert classify('d1', 'd2', 'd3', '--out-dir', 'found', '--out', 'r.json') == 0
    names = ['d1/x', 'd2/x_bmp', 'd2/x_png', 'd3/x_0']
    assert files_in('found/vis') == [f'{name}.png' for name in names]
    assert files_in('found/preds') == [f'{name}.json' for name in names]
    for name, result in zip(names, read_json('r.json'), strict=True):
        assert read_json(f'found/preds/{name}.json') == result['instances']
    # The name does not depend on what else is classified in the folder.
    assert classify('d1', 'd2', 'd3/x_0.png', '--out-dir', 'again') == 0
    assert files_in('again') == files_in('found')


def test_a_broken_image_does_not_take_others_with_it(folder, capsys):
    whole = Path('d1/x.png').read_bytes()
    Path('d1/a_cut.png').write_bytes(whole[: len(whole) // 2])
    Path('d1/b_text.png').write_text('no image')
    Path('d1/z_gone.png').symlink_to('nowhere')
    arguments = ['d1', 'd2', '--out', 'r.json', '--out-dir', 'found', '--strict']
    assert classify(*arguments) == 1
    out, err = capsys.readouterr()
    assert err.count('error: ') == 1
    lines = err[err.index('error: ') :].splitlines()
    assert lines[0] == 'error: 3 of 6 images cannot be classified'
    assert [line.split(':')[0].split(' is')[0] for line in lines[1:]] == [
        f'  instance d1/a_cut.png@{WHOLE[1:-1].replace(" ", ",")}',
        '  d1/b_text.png',
        '  no image at d1/z_gone.png',
    ]
    assert 'd1/a_cut.png is damaged' in lines[1]
    assert [line.split(' [')[0] for line in out.splitlines() if '%' in line and '[' in line] == [
        'd1/x.png',
        'd2/x.bmp',
        'd2/x.png',
    ]
    results = {result['image']: result for result in read_json('r.json')}
    broken = [name for name, result in results.items() if 'error' in result]
    assert broken == ['d1/a_cut.png', 'd1/b_text.png', 'd1/z_gone.png']
    assert all(results[name]['instances'] is None for name in broken)
    assert results['d1/b_text.png']['error'] == lines[2].strip()
    assert [len(result['instances']) for result in results.values() if 'error' not in result] == [
        1,
        1,
        1,
    ]
    assert files_in('found/preds') == ['d1/x.json', 'd2/x_bmp.json', 'd2/x_png.json']
    results = read_json('r.json')
    # Without --strict they are told all the same, and the status is that of the others.
    assert classify(*arguments[:-1]) == 0
    assert capsys.readouterr().err.endswith('\n'.join(lines).removeprefix('error: ') + '\n')
    assert read_json('r.json') == results
    assert classify(*arguments[:-1], '--skip-broken') == 0


def test_a_broken_image_beside_a_file_of_boxes(folder, capsys):
    Path('d1/text.png').write_text('no image')
    images = [{'id': 1, 'file_name': 'x.png'}, {'id': 2, 'file_name': 'text.png'}]
    boxes = [{'image_id': k, 'bbox': [2, 3, 20, 30]} for k in (1, 2)]
    Path('b.json').write_text(json.dumps({'images': images, 'annotations': boxes}))
    assert classify('d1', '--boxes', 'b.json') == 0
    out, err = capsys.readouterr()
    assert 'd1/x.png [2 3 22 33]: ' in out
    assert '1 of 2 images cannot be classified\n  d1/text.png is damaged or not an image' in err
    Path('r.json').write_text(json.dumps([{'image_id': 'x.png', 'bbox': [2, 3, 9, 9], 'score': 1}]))
    assert classify('d1/text.png', '--boxes', 'r.json') == 1
    assert 'error: d1/text.png is damaged or not an image' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--out', 'm.safetensors'], '--out must end in .json, .csv, .xlsx, got m.safetensors'),
        (['--out', 'results'], '--out must end in .json, .csv, .xlsx, got results'),
        (['--boxes', 'b.json', '--out', 'd3/../b.json'], 'b.json is read, so it cannot be written'),
        (['--boxes', 'b.json', '--out', 'b.json'], 'b.json is read'),
        (['--boxes', 'b.json', '--image-file', 'i.json', '--out', 'i.json'], 'i.json is read'),
        (['--out', 'd4.csv'], 'd4.csv is a folder'),
        (['--out-dir', 'm.safetensors'], 'cannot be written: '),
        (['--out-dir', 'link'], 'link/vis/x.png is read'),
        (['--out-dir', 'f', '--out', 'f/../f/preds/x.json'], 'one of the files of --out-dir'),
        (['--boxes', 'preds/x.json', '--out-dir', '.'], 'preds/x.json is read'),
        (['--show'], 'there is no display for windows'),
    ],
)
def test_what_cannot_be_is_told_before_the_work(folder, capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(output.matplotlib, 'get_backend', lambda: 'agg')
    monkeypatch.setattr(DefectInferencer, 'load', lambda *a, **k: pytest.fail('it was loaded'))
    Path('preds').mkdir()
    for name in ('b.json', 'i.json', 'preds/x.json'):
        Path(name).write_text('{}')
    for name in ('link', 'd4.csv'):
        Path(name).mkdir()
    Path('link/vis').symlink_to('../d1')
    before = {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}
    assert classify('d1/x.png', *arguments) == 1
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()} == before


def test_a_folder_without_images_is_told_before_anything_is_imported(tmp_path):
    code = (
        'import sys\n'
        'from mmvrec.cli.main import main\n'
        "status = main(['classify', 'm.safetensors', '.'])\n"
        "print(status, 'mmpretrain' in sys.modules, 'mmvrec.apis' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == '1 False False\n'
    assert done.stderr.startswith('error: no image in .; looked for are files .bmp, ')


def test_help_imports_neither_torch_nor_numpy():
    code = (
        'import sys\n'
        'from mmvrec.cli.main import parser\n'
        'parser().format_help()\n'
        "print({'torch', 'numpy', 'mmengine', 'cv2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout == 'set()\n'


def test_a_terminal_without_the_letters_loses_no_line(folder):
    inferencer = DefectInferencer(small_config(), device='cpu')
    inferencer.enroll([PIXELS, 255 - PIXELS], None, ['裂纹', '凹痕'])
    inferencer.fit(progress=False).save('m.safetensors')
    Path('d1/x.png').rename('d1/图.png')
    environment = {**os.environ, 'LC_ALL': 'C', 'PYTHONIOENCODING': 'ascii'}
    command = [sys.executable, '-m', 'mmvrec', 'classify', 'm.safetensors', 'd1', 'd2']
    done = subprocess.run(
        [*command, '--device', 'cpu', '--out-dir', 'found'],
        env=environment, cwd=folder, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode('ascii').splitlines()
    assert lines[-5].startswith(rf'd1/\u56fe.png {WHOLE}: \u')
    assert sum(WHOLE in line for line in lines) == 3
    assert Path('found/vis/d1/图.png').is_file()


def test_python_m_tells_the_version(tmp_path):
    command = [sys.executable, '-m', 'mmvrec']
    for argument, status, told in (
        ('--version', 0, f'mmvrec {__version__}\n'),
        ('--help', 0, 'usage: mmvrec [-h] [--version]'),
        ('learn', 2, 'usage: mmvrec [-h] [--version]'),
    ):
        done = subprocess.run(
            [*command, argument], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == status
        assert (done.stderr if status else done.stdout).startswith(told)
