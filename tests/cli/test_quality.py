"""``mmvrec evaluate`` and ``correct``, verdicts and warnings, on images that can be told apart."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from small_model import small_config

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_model import read_model
from mmvrec.cli.main import main
from mmvrec.evaluation.answer_summary import Proportion
from mmvrec.evaluation.intervals import wilson_interval
from mmvrec.utils.files import sha256_file

SIDE = 96


def picture(kind: str, seed: int) -> np.ndarray:
    """Grey noise with a bright or a dark square in the middle, RGB."""
    pixels = np.random.default_rng(seed).integers(110, 140, (SIDE, SIDE, 1), np.uint8)
    pixels[32:64, 32:64] = {'bright': 250, 'dark': 5}[kind]
    return np.repeat(pixels, 3, axis=2)


BOX = [32, 32, 64, 64]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A model of four bright and four dark squares, of one of which the label is wrong."""
    monkeypatch.chdir(tmp_path)
    images, labels = [], []
    for k in range(8):
        kind = 'bright' if k % 2 else 'dark'
        cv2.imwrite(f'{k}.png', picture(kind, k))
        images.append(f'{k}.png')
        labels.append([kind])
    labels[7] = ['dark']
    inferencer = DefectInferencer(small_config(), device='cpu')
    inferencer.enroll(images, [[BOX]] * 8, labels)
    inferencer.fit(progress=False).save('m.safetensors')
    return tmp_path


def run(*arguments: str, status: int = 0) -> None:
    assert main([*arguments, '--device', 'cpu']) == status


def boxes(*names: str) -> None:
    content = {
        'images': [{'id': k, 'file_name': name} for k, name in enumerate(names)],
        'annotations': [{'image_id': k, 'bbox': [32, 32, 32, 32]} for k in range(len(names))],
    }
    Path('boxes.json').write_text(json.dumps(content))


def test_evaluate_by_the_labels_alone(folder, capsys):
    run('evaluate', 'm.safetensors', '--out', 'e.json')
    content = json.loads(Path('e.json').read_text())
    # All are right, but for the one with the wrong label.
    assert content['confusion'] == [[3, 0], [1, 4]]
    low, high = wilson_interval(7 / 8, 8)
    assert content['accuracy'] == {'count': 7, 'number': 8, 'low': low, 'high': high}
    wrong = [a for a in content['answers'] if a['label'] != a['predicted']]
    assert [(a['id'], a['label'], a['predicted']) for a in wrong] == [
        ('7.png@32,32,64,64', 'dark', 'bright')
    ]
    out = capsys.readouterr().out
    assert f'answered rightly: {Proportion.of(7, 8)}' in out
    assert "look at the label of 7.png@32,32,64,64: 'dark', or 'bright'?" in out
    assert "label 10 more of 'dark' (4 of 5 right)" in out


def test_evaluate_on_a_test_folder(folder, capsys):
    for kind, name in (('bright', 'bright'), ('bright', 'dark'), ('dark', 'dark'), ('dark', 'odd')):
        path = Path('test', name, f'{kind}.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture(kind, 20))
    run('evaluate', 'm.safetensors', 'ClassFolders', 'test', '--out', 'e.json')
    content = json.loads(Path('e.json').read_text())
    assert content['classes'] == ['bright', 'dark']
    assert sum(map(sum, content['confusion'])) == content['accuracy']['number'] == 3
    assert [a['label'] for a in content['strange']] == ['odd']
    assert 'not enrolled: odd; ' in capsys.readouterr().out
    run('evaluate', 'm.safetensors', 'ClassFolders', status=1)


def test_verdicts_in_every_file(folder, capsys):
    cv2.imwrite('n1.png', picture('bright', 31))
    cv2.imwrite('n2.png', picture('dark', 32)[::2, ::2])
    boxes('n1.png')
    run('classify', 'm.safetensors', 'n1.png', '--boxes', 'boxes.json', '--out', 'r.json')
    (one,) = json.loads(Path('r.json').read_text())[0]['instances']
    held_out = read_model('m.safetensors').held_out
    (wrong,) = (a.score for a in held_out if a.label != a.predicted)
    surer = [a.score for a in held_out if a.score > wrong]
    assert one['label'] == 'bright'
    assert one['verdict'] == ('sure' if surer and one['score'] >= min(surer) else 'review')
    assert one['warnings'] == []
    assert capsys.readouterr().out.splitlines()[-1].startswith('1 images, 1 instances: ')
    # With one wrong answer of eight allowed, all that are like those held out are sure.
    run(
        'classify', 'm.safetensors', 'n1.png', '--boxes', 'boxes.json', '--out', 's.json',
        '--max-error', '0.125',
    )  # fmt: skip
    (again,) = json.loads(Path('s.json').read_text())[0]['instances']
    least = min(a.score for a in held_out)
    assert again['verdict'] == ('sure' if again['score'] >= least else 'review')
    assert {**again, 'verdict': None} == {**one, 'verdict': None}
    capsys.readouterr()
    arguments = ['classify', 'm.safetensors', 'n1.png', 'n2.png', '--whole-images']
    run(*arguments, '--out', 'r.json')
    results = [r['instances'][0] for r in json.loads(Path('r.json').read_text())]
    assert results[0]['warnings'] == ['whole image']
    assert results[1]['warnings'] == ['whole image', 'image size']
    assert {r['verdict'] for r in results} <= {'review', 'unknown'}
    err = capsys.readouterr().err
    assert 'warning: 2 of 2 are whole images, where regions of images were enrolled\n' in err
    assert 'warning: 1 of 2 are in images of another size than those enrolled\n' in err
    run(*arguments, '--out', 'r.csv')
    rows = list(csv.DictReader(Path('r.csv').read_text('utf-8-sig').splitlines()))
    assert [row['verdict'] for row in rows] == [r['verdict'] for r in results]
    assert [row['warnings'] for row in rows] == ['whole image', 'whole image, image size']
    assert [float(row['score of dark']) for row in rows] == [r['scores']['dark'] for r in results]


def test_whole_images_are_refused_where_regions_were_enrolled(folder, capsys):
    run('classify', 'm.safetensors', '0.png', '--out', 'r.json', status=1)
    assert 'm.safetensors has learnt regions of images (32 to 32 pixels' in capsys.readouterr().err
    assert not Path('r.json').exists()


def corrections(*entries: tuple[str, str | None, str]) -> None:
    content = {
        'format': 'mmvrec-corrections',
        'version': 1,
        'model': '0' * 64,
        'corrections': [
            {
                'image': image,
                'instance_id': f'{image}@32,32,64,64',
                'bbox': BOX,
                'label': label,
                'verdict': verdict,
            }
            for image, label, verdict in entries
        ],
    }
    Path('day', 'corrections.json').write_text(json.dumps(content))


def test_corrections_are_learnt(folder, capsys):
    Path('day').mkdir()
    for k, name in enumerate(('x.png', 'y.png', 'z.png')):
        cv2.imwrite(f'day/{name}', picture('bright', 40 + k))
    before = read_model('m.safetensors').enrolled.bank
    corrections(
        # Beside the file of corrections, not in the working folder.
        ('x.png', 'scratch', 'relabelled'),
        ('y.png', None, 'no defect'),
        ('z.png', 'bright', 'accepted'),
        ('0.png', None, 'unknown'),
        # Enrolled already, with a wrong label; under another name of its file.
        ('./7.png', 'bright', 'relabelled'),
        ('1.png', 'bright', 'relabelled'),
    )
    run('correct', 'm.safetensors', 'day/corrections.json')
    model = read_model('m.safetensors')
    bank = model.enrolled.bank
    assert bank.ids == [*before.ids, 'day/x.png@32,32,64,64', 'day/y.png@32,32,64,64']
    assert bank.label_names == [
        'dark', 'bright', 'dark', 'bright', 'dark', 'bright', 'dark', 'bright', 'scratch',
        'no defect',
    ]  # fmt: skip
    told = '2 added, 1 relabelled, 1 unchanged, 2 left out'
    assert model.card.change == f'corrected: {told}'
    assert told in capsys.readouterr().out
    run('correct', 'm.safetensors', 'day/corrections.json')
    assert '0 added, 0 relabelled, 4 unchanged, 2 left out' in capsys.readouterr().out
    assert read_model('m.safetensors').card.version == 2
    run('correct', 'm.safetensors', 'day/corrections.json', '--accepted')
    assert read_model('m.safetensors').enrolled.bank.ids[-1] == 'day/z.png@32,32,64,64'


def test_a_correction_of_an_image_that_is_gone_changes_nothing(folder, capsys):
    Path('day').mkdir()
    before = Path('m.safetensors').read_bytes()
    corrections(('1.png', 'dark', 'relabelled'), ('gone.png', 'dark', 'relabelled'))
    run('correct', 'm.safetensors', 'day/corrections.json', status=1)
    assert 'no image at gone.png' in capsys.readouterr().err
    assert Path('m.safetensors').read_bytes() == before
    assert not Path('m.v1.safetensors').exists()


def test_what_the_review_page_asks_for_is_learnt(folder, tmp_path):
    """The page has the file's SHA-256, so corrections say which version gave the answers."""
    cv2.imwrite('n1.png', picture('bright', 31))
    boxes('n1.png')
    run('classify', 'm.safetensors', 'n1.png', '--boxes', 'boxes.json', '--review', 'day.html')
    page = Path('day.html').read_text()
    assert sha256_file('m.safetensors') in page
    assert 'n1.png@32,32,64,64' in page
