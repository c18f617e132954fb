"""``mmvrec enroll --find``, ``find`` and what ``classify`` makes of it."""

import json

import cv2
import pytest
from photo_folder import defect_photo, photo_folder
from small_finder import photo, small_finder
from small_model import fitted

from mmvrec.apis.saved_model import read_model
from mmvrec.cli.main import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model with a finder, one without, and two photos."""
    monkeypatch.chdir(tmp_path)
    inferencer = fitted(tmp_path)
    inferencer.finder = small_finder()
    inferencer.save('with.safetensors')
    for number in (0, 1):
        cv2.imwrite(f'{number}.png', photo(number)[0][..., ::-1])
    return tmp_path


def test_find_and_classify(folder, capsys):
    device = ['--device', 'cpu']
    assert (
        main(['find', 'with.safetensors', '0.png', '--out', 'f.json', '--out-dir', 'o', *device])
        == 0
    )
    found = json.loads((folder / 'f.json').read_text())
    expected = small_finder().find(photo(0)[0])
    assert len(found) == len(expected) >= 1
    assert (folder / 'o' / '0.png').is_file()
    assert f'f.json: {len(found)} regions in 1 images' in capsys.readouterr().out

    for extra in ([], ['--boxes', 'f.json', '--score-threshold', '0']):
        assert (
            main(['classify', 'with.safetensors', '0.png', '--out', 'r.json', *extra, *device]) == 0
        )
        ((result,),) = [json.loads((folder / 'r.json').read_text())]
        assert [one['bbox'] for one in result['instances']] == expected.boxes.tolist()
    command = ['classify', 'with.safetensors', '0.png', '--whole-images', '--out', 'r.json']
    assert main([*command, *device]) == 0
    ((result,),) = [json.loads((folder / 'r.json').read_text())]
    assert [one['bbox'] for one in result['instances']] == [[0, 0, 192, 160]]


def test_without_a_finder(folder, capsys):
    assert main(['find', 'm.safetensors', '0.png', '--out', 'f.json', '--device', 'cpu']) == 1
    assert 'enroll with --find' in capsys.readouterr().err
    assert not (folder / 'f.json').exists()


def test_broken_images_are_told_at_the_end(folder, capsys):
    (folder / 'b.png').write_bytes(b'no image')
    command = ['find', 'with.safetensors', 'b.png', '1.png', '--out', 'f.json', '--device', 'cpu']
    assert main(command) == 1
    assert '1 images cannot be read' in capsys.readouterr().err
    assert {one['image_id'] for one in json.loads((folder / 'f.json').read_text())} <= {'1.png'}


def test_files_are_not_overwritten(folder, capsys):
    assert main(['find', 'with.safetensors', '0.png', '--out', '0.png', '--device', 'cpu']) == 1
    assert '0.png' in capsys.readouterr().err


def enroll(*arguments: str) -> None:
    fewer = ['--cfg-options', 'test_dataloader.dataset.pipeline.2.offsets=[0]', '--device', 'cpu']
    assert main(['enroll', 'CocoDefects', 'data', 'm.safetensors', *arguments, *fewer]) == 0


def test_both_stages_are_learnt_and_grow_old(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photo_folder(tmp_path / 'data', 8)
    enroll('--find', '--no-defect', '2')
    told = capsys.readouterr().out
    model = read_model('m.safetensors')
    counts, names = model.finder.second.left_out, model.enrolled.bank.label_names
    assert f'found on photos left out: {counts.found} of 8, ' in told
    clean = names.count('no defect')
    assert clean >= 1
    assert f'{len(names) - 8} found regions are enrolled too, {clean} as "no defect"' in told
    assert 'told as "no defect": of clean regions ' in told
    assert f' of {len(names) - clean}, ' in told.partition('told as "no defect"')[2]

    cv2.imwrite('new.png', defect_photo(100)[0][..., ::-1])
    assert main(['find', 'm.safetensors', 'new.png', '--out', 'f.json', '--device', 'cpu']) == 0
    command = ['classify', 'm.safetensors', 'new.png', '--out', 'r.json', '--device', 'cpu']
    assert main(command) == 0
    found, (result,) = (json.loads((tmp_path / name).read_text()) for name in ('f.json', 'r.json'))
    assert len(result['instances']) == len(found) >= 1

    capsys.readouterr()
    assert main(['remove', 'm.safetensors', '--image', '7.png', '--device', 'cpu']) == 0
    date = model.finder.state.date[:10]
    assert f'where defects are, is found as learnt {date}; ' in capsys.readouterr().out
    after = read_model('m.safetensors').finder
    assert after.second.left_out == counts
    assert after.state.date == model.finder.state.date


def test_clean_regions_without_a_finder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo_folder(tmp_path / 'data', 4)
    enroll('--no-defect', '1')
    model = read_model('m.safetensors')
    assert model.finder is None
    names = model.enrolled.bank.label_names
    assert names[:4] == ['crack', 'dent'] * 2
    assert set(names[4:]) == {'no defect'}
    assert len(names) <= 8
