"""The review page of answers that a saved model has given, by the command line."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_model import PIXELS, saved, small_config

from mmvrec.apis import DefectInferencer
from mmvrec.apis.pixels import InstancePixels
from mmvrec.apis.review import write_review
from mmvrec.cli.main import main
from mmvrec.utils.files import sha256_file

BOXES = [[4.0, 6.0, 24.0, 30.0], [40.0, 10.0, 60.0, 40.0]]


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / 'm.safetensors'
    path.write_bytes(saved())
    return path


@pytest.fixture
def images(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PIXELS).save('a.png')
    Image.fromarray(255 - PIXELS).save('b.png')
    Path('broken.png').write_bytes(b'no image')
    return ['a.png', 'b.png', 'broken.png']


def content(path) -> dict:
    """What the script of the page reads."""
    text = Path(path).read_text(encoding='utf-8')
    return json.loads(re.search(r'id="day">(.*?)</script>', text, re.S)[1])


def pixels(url: str) -> np.ndarray:
    encoded = base64.b64decode(url.removeprefix('data:image/webp;base64,'))
    return np.asarray(Image.open(io.BytesIO(encoded)).convert('RGB'))


def test_answers_images_and_neighbours_belong_together(model, images):
    inferencer = DefectInferencer.load(model, device='cpu')
    answers = inferencer(images, [BOXES, BOXES[:1], None], return_exceptions=True, progress=False)
    write_review('day.html', inferencer, model, images, [BOXES, BOXES[:1], None], answers)
    day = content('day.html')
    assert day['model'] == sha256_file(model)
    assert day['classes'] == ['crack', 'dent']
    assert [image for image, _ in day['errors']] == ['broken.png']
    told = {result['id']: result for found in answers[:2] for result in found}
    assert len(day['instances']) == len(told) == 3
    for shown in day['instances']:
        result = told[shown['id']]
        image = day['images'][shown['image']]
        assert shown['id'].startswith(image['name'] + '@')
        assert (shown['label'], shown['bbox']) == (result['label'], result['bbox'])
        assert shown['scores'] == pytest.approx(list(result['scores'].values()), abs=1e-3)
        assert image['shape'] == [48, 64]
        assert pixels(image['picture']).shape == (48, 64, 3)
        near = [(day['near'][place]['label'], value) for place, value in shown['near']]
        assert near == [
            (n['label'], pytest.approx(n['similarity'], abs=1e-3)) for n in result['neighbours']
        ]
        width, height = shown['size']
        assert pixels(shown['crop']).shape == (height, width, 3)
        assert pixels(shown['view']).shape == (96, 96, 3)
        assert len(shown['outline']) == 1


def test_crops_are_of_their_place(model, images):
    halves = np.zeros((200, 400, 3), np.uint8)
    halves[:, 200:] = 255
    Image.fromarray(halves).save('halves.png')
    boxes = [[50.0, 50.0, 90.0, 90.0], [310.0, 50.0, 350.0, 90.0]]
    inferencer = DefectInferencer.load(model, device='cpu')
    answers = inferencer(['halves.png'], [boxes], progress=False)
    write_review('day.html', inferencer, model, ['halves.png'], [boxes], answers)
    means = {i['id']: pixels(i['crop']).mean() for i in content('day.html')['instances']}
    dark, bright = (means[result['id']] for result in answers[0])
    assert dark < 5
    assert bright > 250


def test_the_command(model, images, capsys):
    common = ['classify', str(model), 'a.png', '--device', 'cpu']
    boxes = {
        'images': [{'id': 1, 'file_name': 'a.png'}],
        'annotations': [{'image_id': 1, 'bbox': [4, 6, 20, 24]}],
    }
    Path('boxes.json').write_text(json.dumps(boxes))
    assert main([*common, '--boxes', 'boxes.json', '--review', 'day.html']) == 0
    (shown,) = content('day.html')['instances']
    assert shown['id'] == 'a.png@4,6,24,30'
    for wrong in (['--review', 'a.png'], ['--out', 'x.json', '--review', './x.json']):
        assert main([*common, *wrong]) == 1
        assert re.search('a.png|name two files', capsys.readouterr().err)
    assert not Path('x.json').exists()


def test_pixels_are_those_that_are_embedded(tmp_path):
    deep = np.full((20, 30), 2048, np.uint16)
    Image.fromarray(deep).save(tmp_path / 'deep.png')
    record = {'img_path': str(tmp_path / 'deep.png'), 'bbox': [2, 3, 8, 9], 'mask': None}
    pipeline = [dict(t) for t in small_config().test_dataloader.dataset.pipeline]
    for bit_depth, expected in ((None, 8), (12, 128)):
        pipeline[0]['bit_depth'] = bit_depth
        image, mask = InstancePixels(pipeline)(record)
        assert abs(int(image[0, 0, 0]) - expected) <= 1
        assert mask[3:9, 2:8].all()
        assert mask.shape == (20, 30)
