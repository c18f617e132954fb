"""``mmvrec add``, ``relabel``, ``remove`` and ``merge``: each leaves the version of before."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_model import PIXELS, contents, saved, small_config, written

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_model import read_model
from mmvrec.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    """A model of four instances on two images, and the images."""
    monkeypatch.chdir(tmp_path)
    for k, name in enumerate(('a.png', 'b.png', 'c.png')):
        cv2.imwrite(name, np.roll(PIXELS, 7 * k, axis=1))
    inferencer = DefectInferencer(small_config(), device='cpu')
    boxes = [[4, 4, 24, 24], [30, 10, 60, 40]]
    inferencer.enroll(['a.png', 'b.png'], [boxes, boxes], [['crack', 'dent'], ['crack', 'dent']])
    inferencer.fit(progress=False).save('m.safetensors')
    return tmp_path


def run(*arguments: str, status: int = 0) -> None:
    assert main([*arguments, '--device', 'cpu']) == status


def labels(path: str = 'm.safetensors') -> dict[str, str]:
    bank = read_model(path).enrolled.bank
    return dict(zip(bank.ids, bank.label_names, strict=True))


BEFORE = {
    'a.png@4,4,24,24': 'crack',
    'a.png@30,10,60,40': 'dent',
    'b.png@4,4,24,24': 'crack',
    'b.png@30,10,60,40': 'dent',
}


def test_relabel(capsys):
    before = Path('m.safetensors').read_bytes()
    run('relabel', 'm.safetensors', 'b.png@30,10,60,40', 'scratch')
    assert labels() == {**BEFORE, 'b.png@30,10,60,40': 'scratch'}
    assert Path('m.v1.safetensors').read_bytes() == before
    card = read_model('m.safetensors').card
    assert (card.version, card.change) == (
        2,
        'relabelled b.png@30,10,60,40 from dent to scratch',
    )
    lines = capsys.readouterr().out.splitlines()
    told = lines.index(f'm.safetensors: version 2, {card.change}; before: m.v1.safetensors')
    assert lines[told + 1] == '4 instances: crack 2, dent 1, scratch 1'
    # What answers is fitted on the new labels: an inferencer of the same instances says the same.
    anew = DefectInferencer(small_config(), device='cpu')
    boxes = [[4, 4, 24, 24], [30, 10, 60, 40]]
    anew.enroll(['a.png', 'b.png'], [boxes, boxes], [['crack', 'dent'], ['crack', 'scratch']])
    anew.fit(progress=False)
    loaded = DefectInferencer.load('m.safetensors', device='cpu')
    assert loaded('c.png')[0][0]['scores'] == anew('c.png')[0][0]['scores']


def test_add_images_and_a_dataset():
    boxes = {
        'images': [{'id': 1, 'file_name': 'c.png'}],
        'annotations': [{'image_id': 1, 'bbox': [5, 5, 20, 20]}],
    }
    Path('boxes.json').write_text(json.dumps(boxes))
    run('add', 'm.safetensors', 'c.png', '--label', 'dent', '--boxes', 'boxes.json')
    assert labels() == {**BEFORE, 'c.png@5,5,25,25': 'dent'}
    for name, kind in (('x', 'hole'), ('y', 'crack')):
        Path('data', kind).mkdir(parents=True)
        cv2.imwrite(f'data/{kind}/{name}.png', np.roll(PIXELS, ord(name), axis=0))
    run('add', 'm.safetensors', 'ClassFolders', 'data')
    assert list(labels().values()) == [*BEFORE.values(), 'dent', 'crack', 'hole']
    facts = read_model('m.safetensors').enrolled.facts
    assert [one.image for one in facts[4:]] == ['c.png', 'data/crack/y.png', 'data/hole/x.png']
    assert [one.is_whole for one in facts] == [False] * 5 + [True] * 2
    assert [(one.width, one.height, one.area) for one in facts[3:6]] == [
        (64, 48, 900),
        (64, 48, 400),
        (64, 48, 64 * 48),
    ]


def test_what_is_enrolled_already_is_not_added_twice(capsys):
    Path('copies').mkdir()
    shutil.copy('a.png', 'copies/other name.png')
    boxes = {
        'images': [{'id': 1, 'file_name': 'other name.png'}],
        'annotations': [{'image_id': 1, 'bbox': [4, 4, 20, 20]}],
    }
    Path('boxes.json').write_text(json.dumps(boxes))
    before = Path('m.safetensors').read_bytes()
    arguments = ['add', 'm.safetensors', 'copies', '--boxes', 'boxes.json', '--label']
    run(*arguments, 'crack')
    assert '0 added, 0 relabelled, 1 unchanged; m.safetensors stays' in capsys.readouterr().out
    assert Path('m.safetensors').read_bytes() == before
    run(*arguments, 'dent')
    assert labels() == {**BEFORE, 'a.png@4,4,24,24': 'dent'}
    assert read_model('m.safetensors').card.change == (
        'instances: 0 added, 1 relabelled, 0 unchanged'
    )


def test_remove_by_id_image_and_class():
    for arguments, left in (
        (['--id', 'a.png@4,4,24,24'], list(BEFORE)[1:]),
        (['--image', 'b.png'], list(BEFORE)[:2]),
    ):
        shutil.copy('m.safetensors', 'n.safetensors')
        run('remove', 'n.safetensors', *arguments)
        assert list(labels('n.safetensors')) == left
        Path('n.v1.safetensors').unlink()
    run('relabel', 'm.safetensors', 'a.png@4,4,24,24', 'hole')
    run('remove', 'm.safetensors', '--class', 'hole')
    assert list(labels()) == list(BEFORE)[1:]
    assert read_model('m.safetensors').card.change == 'removed 1 instances (hole)'


def test_merge_counts_common_instances_once():
    other = DefectInferencer(small_config(), device='cpu')
    other.enroll(['b.png', 'c.png'], [[[4, 4, 24, 24]], [[1, 1, 20, 20]]], [['crack'], ['hole']])
    other.fit(progress=False).save('other.safetensors')
    run('merge', 'm.safetensors', 'other.safetensors', 'both.safetensors')
    assert labels('both.safetensors') == {**BEFORE, 'c.png@1,1,20,20': 'hole'}
    merged = DefectInferencer.load('both.safetensors', device='cpu')
    assert merged.bank.feats[4].equal(other.bank.feats[1])
    assert merged.pictures[4].equal(other.pictures[1])
    run('relabel', 'other.safetensors', 'b.png@4,4,24,24', 'dent')
    run('merge', 'm.safetensors', 'other.safetensors', 'both.safetensors', status=1)


def test_no_version_is_lost_whatever_one_goes_back_to(capsys):
    one = Path('m.safetensors').read_bytes()
    run('relabel', 'm.safetensors', 'a.png@4,4,24,24', 'x')
    run('relabel', 'm.safetensors', 'a.png@4,4,24,24', 'y')
    assert Path('m.v1.safetensors').read_bytes() == one
    shutil.copy('m.v1.safetensors', 'm.safetensors')
    run('relabel', 'm.safetensors', 'a.png@4,4,24,24', 'z')
    # Version 3 was not kept, as it had been copied over; its number is free again, 2 is not.
    assert read_model('m.safetensors').card.version == 3
    assert labels('m.v2.safetensors')['a.png@4,4,24,24'] == 'x'
    Path('m.v3.safetensors').write_bytes(b'mine')
    before = Path('m.safetensors').read_bytes()
    run('relabel', 'm.safetensors', 'a.png@4,4,24,24', 'w', status=1)
    assert 'm.v3.safetensors is another model than version 3' in capsys.readouterr().err
    assert Path('m.safetensors').read_bytes() == before
    assert Path('m.v3.safetensors').read_bytes() == b'mine'


def test_enrolling_onto_a_model_keeps_it():
    one = Path('m.safetensors').read_bytes()
    for kind in ('hole', 'crack'):
        Path('data', kind).mkdir(parents=True)
        shutil.copy('c.png' if kind == 'hole' else 'a.png', f'data/{kind}')
    fewer = 'test_dataloader.dataset.pipeline.2.offsets=[0]'
    run('enroll', 'ClassFolders', 'data', 'm.safetensors', '--cfg-options', fewer)
    assert Path('m.v1.safetensors').read_bytes() == one
    card = read_model('m.safetensors').card
    assert (card.version, card.change) == (2, 'enrolled ClassFolders data')
    # Of another program, or of no version: kept as 0.
    Path('n.safetensors').write_text('mine')
    run('merge', 'm.safetensors', 'm.safetensors', 'n.safetensors', status=0)
    assert Path('n.v0.safetensors').read_text() == 'mine'
    assert read_model('n.safetensors').card.version == 1


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['relabel', 'm.safetensors', 'nothing', 'x'], "no instance 'nothing' is enrolled"),
        (['relabel', 'm.safetensors', 'a.png@4,4,24,24', 'Dent'], "'Dent' and 'dent'"),
        (['relabel', 'm.safetensors', 'a.png@4,4,24,24', 'crack'], "is 'crack' already"),
        (['relabel', 'm.safetensors', 'a.png@4,4,24,24', ' '], 'the label is empty'),
        (['remove', 'm.safetensors', '--class', 'dent'], "without 'dent' there would be fewer"),
        (['remove', 'm.safetensors', '--class', 'hole'], "no class 'hole'"),
        (['remove', 'm.safetensors', '--image', 'z.png'], "no instance of an image 'z.png'"),
        (['add', 'm.safetensors', 'a.png'], 'add takes FORMAT and DATA_ROOT'),
        (['add', 'm.safetensors', 'c.png', '--label', ''], 'labels must be class names'),
    ],
)
def test_what_cannot_be_changes_nothing(capsys, arguments, message):
    before = {path: path.read_bytes() for path in Path().iterdir()}
    run(*arguments, status=1)
    assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_a_model_of_before_the_card_is_changed_too():
    info, tensors = contents(saved())
    info = {key: value for key, value in info.items() if key not in ('card', 'facts')}
    old = written(info | {'version': 2}, tensors)
    Path('old.safetensors').write_bytes(old)
    assert read_model('old.safetensors').card is None
    run('add', 'old.safetensors', 'c.png', '--label', 'hole')
    assert Path('old.v0.safetensors').read_bytes() == old
    model = read_model('old.safetensors')
    assert model.card.version == 1
    assert model.enrolled.facts[:2] == (None, None)
    assert model.enrolled.images[2] == 'c.png'
    assert model.enrolled.images[0].startswith('array ')
