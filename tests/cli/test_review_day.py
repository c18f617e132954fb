"""From photos to a corrected model: commands, and the review page in a real browser."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import SIZES, open_browser, open_page, until
from small_model import small_config

from mmvrec.apis import DefectInferencer
from mmvrec.apis.saved_model import read_model
from mmvrec.cli.main import main

SIDE, BOX = 96, [32, 32, 64, 64]
GREYS = {'bright': 250, 'dark': 5, 'striped': [250] * 4 + [5] * 4}
#: What the photos of the day show; the model has never seen stripes.
DAY = {'day/a.png': 'dark', 'day/b.png': 'striped', 'day/c.png': 'striped', 'day/d.png': 'bright'}
#: The page then saves by a download, as browsers do that cannot ask for a file.
NO_PICKER = 'delete window.showSaveFilePicker;'


def write_picture(path: str, kind: str, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(110, 140, (SIDE, SIDE), np.uint8)
    pixels[32:64, 32:64] = np.resize(GREYS[kind], 32)
    Path(path).parent.mkdir(exist_ok=True)
    cv2.imwrite(path, pixels)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A model of squares, photos of a day, and boxes of these."""
    monkeypatch.chdir(tmp_path)
    kinds = ['bright', 'dark'] * 3
    for k, kind in enumerate(kinds):
        write_picture(f'{k}.png', kind, k)
    inferencer = DefectInferencer(small_config(), device='cpu')
    images = [f'{k}.png' for k in range(6)]
    inferencer.enroll(images, [[BOX]] * 6, [[kind] for kind in kinds])
    inferencer.fit(progress=False).save('m.safetensors')
    for k, (path, kind) in enumerate(DAY.items()):
        write_picture(path, kind, 20 + k)
    content = {
        'images': [{'id': k, 'file_name': path} for k, path in enumerate(DAY)],
        'annotations': [{'image_id': k, 'bbox': [32, 32, 32, 32]} for k in range(len(DAY))],
    }
    Path('boxes.json').write_text(json.dumps(content))
    return tmp_path


def run(*arguments: str) -> None:
    assert main([*arguments, '--device', 'cpu']) == 0


def classify(page: str) -> dict[str, str]:
    """Labels of the day's photos; writes the page."""
    options = ['--boxes', 'boxes.json', '--out', 'day.json', '--review', page]
    run('classify', 'm.safetensors', 'day', *options)
    results = json.loads(Path('day.json').read_text())
    return {Path(one['image']).as_posix(): one['instances'][0]['label'] for one in results}


def decide(page) -> None:
    """Press what is right of the instance that is shown."""
    image, answer, classes = page.evaluate(
        """() => {
          const {image, answer, label} = day.instances[current];
          return [day.images[image].name, answer === 'class' ? label : answer, classes];
        }"""
    )
    truth = DAY[Path(image).as_posix()]
    if truth == answer:
        page.keyboard.press(' ')
    elif truth in classes:
        page.keyboard.press(str(classes.index(truth) + 1))
    else:
        page.fill('#name', truth)
        page.keyboard.press('Enter')


@pytest.mark.parametrize('size', SIZES)
def test_a_day_is_found_wrong_reviewed_and_learnt(folder, size):
    assert 'striped' not in classify('day.html').values()
    with open_browser() as browser:
        with open_page(browser, folder / 'day.html', size, NO_PICKER) as page:
            for _ in DAY:
                decide(page)
            with page.expect_download() as download:
                page.keyboard.press('Control+s')
            download.value.save_as(folder / 'corrections.json')
        run('correct', 'm.safetensors', 'corrections.json')
        saved = read_model('m.safetensors')
        names = saved.enrolled.bank.label_names
        assert saved.card.version == 2
        assert names.count('striped') == 2
        assert names.count('bright') in (3, 4)
        assert classify('again.html') == DAY
        # The page of the new model takes up what was decided on that of the old one.
        with open_page(browser, folder / 'again.html', size, NO_PICKER) as page:
            page.set_input_files('#file', folder / 'corrections.json')
            until(page, "document.getElementById('file').value === ''")
            assert page.text_content('#progress') == '4 of 4 reviewed'
            assert page.evaluate('[...decisions.values()].map(one => one.verdict)') == (
                ['accepted'] * 4
            )
