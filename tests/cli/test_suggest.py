"""``mmvrec suggest``: the instances whose labels would help, and why."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_finder import small_finder
from small_model import PIXELS, fitted

from mmvrec.apis.suggesting import suggest_instances
from mmvrec.cli.main import main
from mmvrec.fewshot.suggestions import suggest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A model that knows two images, these images, one between them and one of noise."""
    monkeypatch.chdir(tmp_path)
    inferencer = fitted(tmp_path)
    between = np.where(np.arange(64)[None, :, None] < 32, PIXELS, 255 - PIXELS)
    noise = np.random.default_rng(1).integers(0, 256, PIXELS.shape, np.uint8)
    pictures = {'a': PIXELS, 'b': 255 - PIXELS, 'c': between, 'd': noise, 'e': noise // 2}
    for name, pixels in pictures.items():
        cv2.imwrite(f'{name}.png', pixels[..., ::-1])
    return inferencer


def run(*arguments: str) -> int:
    return main(['suggest', 'm.safetensors', *arguments, '--device', 'cpu'])


def test_what_is_enrolled_is_not_suggested(folder, capsys):
    assert run('a.png', 'b.png', 'c.png', 'd.png', 'e.png', '-n', '2') == 0
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == 'label these 2 of 5 instances; 2 are enrolled'
    pattern = (
        r'^(\d)\. ([cde])\.png \[0 0 64 48\]: (\w+) (\d+) %, or (\w+) (\d+) %; '
        r'similarity to what is enrolled [01]\.\d\d'
    )
    found = re.findall(pattern, out, re.MULTILINE)
    assert [place for place, *_ in found] == ['1', '2']
    for _, _, label, score, other, other_score in found:
        assert {label, other} == {'crack', 'dent'}
        assert int(score) + int(other_score) == pytest.approx(100, abs=1)


def test_they_are_those_of_the_features_and_told_as_classified(folder):
    images = ['c.png', 'd.png', 'e.png']
    chosen = suggest_instances(folder, images, [None] * 3, 3).chosen
    feats = fitted(Path()).fitted.support.feats
    other = fitted(Path())
    other.enroll(images, None, 'new')
    feats = other.bank.feats[len(feats) :]
    expected = suggest(folder.fitted, feats, 3)
    assert [one.image for one in chosen] == [images[row] for row in expected]
    for one in chosen:
        ((answer,),) = folder([one.image], progress=False)
        assert one.id == answer['id']
        assert (one.label, one.score) == (answer['label'], pytest.approx(answer['score']))
        assert one.other_score == pytest.approx(1 - one.score, abs=1e-6)
        assert one.similarity == pytest.approx(answer['similarity'])


def test_boxes_and_what_a_finder_finds(folder, capsys):
    images = [{'id': 1, 'file_name': 'c.png'}, {'id': 2, 'file_name': 'd.png'}]
    boxes = [
        {'image_id': 1, 'bbox': [2, 3, 20, 30]},
        {'image_id': 1, 'bbox': [30, 3, 20, 30]},
        {'image_id': 2, 'bbox': [5, 6, 30, 30]},
    ]
    Path('b.json').write_text(json.dumps({'images': images, 'annotations': boxes}))
    assert run('c.png', 'd.png', '--boxes', 'b.json') == 0
    out = capsys.readouterr().out
    assert {'c.png [2 3 22 33]', 'c.png [30 3 50 33]', 'd.png [5 6 35 36]'} == {
        f'{image} [{box}]'
        for image, box in re.findall(r'^\d\. (\S+) \[([\d ]+)\]', out, re.MULTILINE)
    }
    assert out.splitlines()[-1] == 'label these 3 of 3 instances'
    folder.finder = small_finder()
    folder.save('m.safetensors')
    expected = len(folder.finder.find(cv2.imread('c.png')[..., ::-1]))
    assert run('c.png') == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        f'label these {expected} of {expected} instances'
    )


def test_what_cannot_be_done_is_told(folder, capsys):
    Path('t.png').write_text('no image')
    assert run('t.png', 'c.png') == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[-1] == 'label these 1 of 1 instances'
    assert '1 of 2 images cannot be used\n  t.png is damaged or not an image' in err
    assert run('t.png') == 1
    assert 'error: 1 of 1 images cannot be used' in capsys.readouterr().err
    assert run('c.png', '-n', '0') == 1
    assert '--number must be at least 1, got 0' in capsys.readouterr().err
