"""The ML backend of Label Studio, asked as Label Studio asks (tests/data/label_studio)."""

import base64
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from small_model import small_config

from mmvrec.apis import DefectInferencer
from mmvrec.finding import DetectedBoxes
from projects.labelling.brush_rle import decode_brush, encode_brush
from projects.labelling.label_studio_backend import MAX_BODY, Backend, create_app

RECORDED = Path(__file__).parents[1] / 'data' / 'label_studio'
SIDE, BOX = 96, [32, 32, 64, 64]
#: Of every kind of tag: what a region of the box is in percent.
INTERFACE = '<View><Image name="i" value="$photo"/><{0} name="tags" toName="i"/></View>'


def recorded(name: str) -> dict:
    return json.loads((RECORDED / f'{name}.json').read_text(encoding='utf-8'))


def write_picture(path: Path, kind: str, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(110, 140, (SIDE, SIDE), np.uint8)
    pixels[32:64, 32:64] = {'bright': 250, 'dark': 5}[kind]
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), pixels)


class BrightSpots:
    """Finds what is bright, with its mask, in one stage."""

    second = None

    def find(self, image: np.ndarray) -> DetectedBoxes:
        mask = image[..., 0] > 200
        return DetectedBoxes(np.array([BOX], float), np.array([0.9]), mask[None])


@pytest.fixture(scope='module')
def saved(tmp_path_factory) -> Path:
    """Photos, and beside them a model and a file that is nobody's business."""
    folder = tmp_path_factory.mktemp('saved')
    photos = folder / 'photos'
    photos.mkdir()
    for k in range(4):
        write_picture(photos / f'{k}.png', 'bright' if k % 2 else 'dark', k)
    write_picture(photos / 'day' / 'new.png', 'bright', 9)
    write_picture(folder / 'secret.png', 'bright', 9)
    inferencer = DefectInferencer(small_config(), device='cpu')
    names = [str(photos / f'{k}.png') for k in range(4)]
    inferencer.enroll(names, [[BOX]] * 4, [['dark'], ['bright']] * 2)
    inferencer.fit(progress=False).save(folder / 'm.safetensors')
    return folder


@pytest.fixture
def folder(saved, tmp_path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / 'copy'))


@pytest.fixture
def backend(folder) -> Backend:
    return Backend(folder / 'm.safetensors', folder / 'photos')


@pytest.fixture
def client(backend) -> TestClient:
    return TestClient(create_app(backend), base_url='http://localhost')


def find_bright_spots(backend: Backend) -> None:
    backend._current().finder = BrightSpots()


def test_it_is_up_and_takes_the_interface(client):
    assert client.get('/health').json() == {'status': 'UP', 'model_class': 'mmvrec'}
    answer = client.post('/setup', json=recorded('setup'))
    assert answer.json() == {'model_version': 'm 1'}
    bad = client.post(
        '/setup', json={**recorded('setup'), 'schema': '<View><Text name="t"/></View>'}
    )
    assert bad.status_code == 400
    assert 'has none of' in bad.json()['detail']


def test_what_is_found_becomes_rectangles(client, backend):
    find_bright_spots(backend)
    answer = client.post('/predict', json=recorded('predict')).json()
    assert answer['model_version'] == 'm 1'
    (prediction,) = answer['results']
    (region,) = prediction['result']
    value = region.pop('value')
    assert region == {
        'id': 'mmvrec0',
        'type': 'rectanglelabels',
        'from_name': 'label',
        'to_name': 'image',
        'original_width': SIDE,
        'original_height': SIDE,
        'image_rotation': 0,
        'score': prediction['score'],
    }
    assert value.pop('rectanglelabels') == ['bright']
    third = pytest.approx(100 / 3)
    assert value == {'x': third, 'y': third, 'width': third, 'height': third, 'rotation': 0}
    inferencer = DefectInferencer.load(backend.path, device='cpu')
    mask = np.zeros((1, SIDE, SIDE), bool)
    mask[0, 32:64, 32:64] = True
    [[expected]] = inferencer(str(backend.folder / 'day/new.png'), mask, progress=False)
    assert prediction['score'] == pytest.approx(expected['score'])


def test_regions_are_of_the_kind_that_the_interface_has(client, backend):
    find_bright_spots(backend)
    values = {}
    for tag in ('PolygonLabels', 'BrushLabels'):
        task = {'data': {'other': 'x.png', 'photo': '/data/local-files/?d=day%2Fnew.png'}}
        body = {'tasks': [task], 'label_config': INTERFACE.format(tag)}
        (prediction,) = client.post('/predict', json=body).json()['results']
        (region,) = prediction['result']
        assert (region['from_name'], region['to_name']) == ('tags', 'i')
        assert region['type'] == tag.lower()
        assert region['value'][tag.lower()] == ['bright']
        values[tag] = region['value']
    # The corners lie on the edges of the box's pixels, to half a pixel.
    points = np.array(values['PolygonLabels']['points']) * SIDE / 100
    assert np.abs(points.min(0) - [32, 32]).max() <= 0.5
    assert np.abs(points.max(0) - [64, 64]).max() <= 0.5
    mask = decode_brush(values['BrushLabels']['rle'], SIDE, SIDE)
    assert mask[32:64, 32:64].all()
    assert mask.sum() == 32 * 32


def test_drawn_regions_are_named_where_they_are(client):
    body = recorded('predict')
    body['tasks'][0]['annotations'] = [
        {'was_cancelled': True, 'result': []},
        {'result': recorded('webhook')['annotation']['result'][:1]},
    ]
    (prediction,) = client.post('/predict', json=body).json()['results']
    (region,) = prediction['result']
    assert region['value']['x'] == pytest.approx(100 / 3)
    assert region['value']['rectanglelabels'] == ['bright']


def test_without_finder_and_regions_there_is_nothing_to_say(client):
    (prediction,) = client.post('/predict', json=recorded('predict')).json()['results']
    assert prediction == {'model_version': 'm 1', 'score': 0.0, 'result': []}


def test_annotations_are_learnt_and_take_the_place_of_older_ones(client, backend):
    write_picture(backend.folder / 'new.png', 'bright', 9)
    answer = client.post('/webhook', json=recorded('webhook'))
    assert answer.status_code == 201
    learnt = '2 added, 0 relabelled, 0 unchanged'
    assert answer.json() == {'learnt': learnt, 'model_version': 'm 2'}
    image = str(backend.folder / 'new.png')
    saved = DefectInferencer.load(backend.path, device='cpu')
    assert saved.classes == ['bright', 'burr', 'dark']
    assert saved.card.change == f'Label Studio, new.png: {learnt}'
    assert backend.path.with_name('m.v1.safetensors').is_file()

    def labels():
        enrolled = DefectInferencer.load(backend.path, device='cpu').enrolled
        pairs = zip(enrolled.images, enrolled.bank.label_names, strict=True)
        return [label for name, label in pairs if name == image]

    assert labels() == ['bright', 'burr']
    body = recorded('webhook')
    body['action'] = 'ANNOTATION_UPDATED'
    body['annotation']['result'][1:] = [brush()]
    assert client.post('/webhook', json=body).json()['model_version'] == 'm 3'
    assert labels() == ['bright', 'stain']
    body['annotation']['result'] = []
    client.post('/webhook', json=body)
    assert labels() == []


def brush() -> dict:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[70:90, 5:40] = True
    value = {'format': 'rle', 'rle': encode_brush(mask), 'brushlabels': ['stain']}
    return {'type': 'brushlabels', 'value': value}


def test_other_events_change_nothing(client, backend):
    cancelled = recorded('webhook')
    cancelled['annotation']['was_cancelled'] = True
    for body in (cancelled, {'action': 'TASKS_DELETED', 'tasks': [{'id': 1}]}):
        assert client.post('/webhook', json=body).json()['learnt'] is None
    assert not backend.path.with_name('m.v1.safetensors').exists()


def test_a_model_that_a_command_has_changed_is_read_again(client, backend):
    other = DefectInferencer.load(backend.path, device='cpu')
    other.enroll(str(backend.folder / 'day/new.png'), [BOX], 'bright')
    other.fit(progress=False).save(backend.path, version=5)
    body = recorded('webhook')
    write_picture(backend.folder / 'new.png', 'dark', 3)
    body['annotation']['result'][1:] = []
    assert client.post('/webhook', json=body).json()['model_version'] == 'm 6'
    images = DefectInferencer.load(backend.path, device='cpu').enrolled.images
    assert [Path(name).name for name in images[-2:]] == ['new.png', 'new.png']


HOSTILE = [
    '/data/local-files/?d=../secret.png',
    '/data/local-files/?d=..%2Fsecret.png',
    '/data/local-files/?d=day/../../secret.png',
    '/data/local-files/?d=day%2Flink.png',
    '/data/local-files/?d=/etc/passwd',
    '/data/local-files/?d=missing.png',
    '/data/local-files/?d=a%00.png',
    '/data/local-files/?d=' + 'a' * 5000 + '.png',
    'http://127.0.0.1:1/other.png',
    'http://[::1/x.png',
    'file:///etc/passwd',
    's3://bucket/secret.png',
    '../secret.png',
    'day',
    '',
    7,
    None,
    ['a.png'],
]


def test_no_other_file_is_opened_and_nothing_is_fetched(client, backend, folder, monkeypatch):
    monkeypatch.setattr('socket.socket.connect', lambda *_: pytest.fail('connected'))
    (backend.folder / 'day' / 'link.png').symlink_to(folder / 'secret.png')
    (backend.folder / 'folder.png').mkdir()
    for address in [*HOSTILE, 'folder.png', str(folder / 'secret.png')]:
        predict, webhook = recorded('predict'), recorded('webhook')
        for body, task in ((predict, predict['tasks'][0]), (webhook, webhook['task'])):
            task['data'] = {'image': address}
            answer = client.post('/predict' if body is predict else '/webhook', json=body)
            assert answer.status_code == 400, address
            assert set(answer.json()) == {'detail'}
            assert '\n' not in answer.json()['detail']
    assert not backend.path.with_name('m.v1.safetensors').exists()


def with_result(*regions) -> dict:
    body = recorded('webhook')
    body['annotation']['result'] = list(regions)
    body['task']['data'] = {'image': 'day/new.png', 'other': '/data/local-files/?d=day/new.png'}
    body['task']['data'].pop('image')
    return body


def rectangle(**value) -> dict:
    whole = {'x': 10, 'y': 10, 'width': 20, 'height': 20, 'rectanglelabels': ['dark'], **value}
    return {'type': 'rectanglelabels', 'value': whole}


BROKEN = [
    ('/predict', {}, '"tasks" must be a list'),
    ('/predict', {'tasks': []}, '"tasks" must be a list'),
    ('/predict', {'tasks': [{}] * 257}, '1 to 256'),
    ('/predict', {'tasks': [{}], 'label_config': 5}, 'no usable XML'),
    ('/predict', {'tasks': [{}], 'label_config': '<a'}, 'no usable XML'),
    (
        '/predict',
        {'tasks': [{}], 'label_config': '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'},
        'EntitiesForbidden',
    ),
    ('/predict', {**recorded('predict'), 'tasks': [None]}, 'a task must have data'),
    ('/predict', {**recorded('predict'), 'tasks': [{'data': []}]}, 'a task must have data'),
    ('/setup', {}, 'no usable XML'),
    ('/webhook', {'action': 'ANNOTATION_CREATED'}, '"annotation" must have'),
    ('/webhook', {**with_result(), 'annotation': {'result': {}}}, '"annotation" must have'),
    ('/webhook', {**with_result(), 'task': None}, 'a task must have data'),
    ('/webhook', with_result(None), 'region 0: '),
    ('/webhook', with_result({}), 'region 0: a region of type None'),
    ('/webhook', with_result({'type': 'ellipselabels', 'value': {}}), 'no rectangle or poly'),
    ('/webhook', with_result(rectangle(rectanglelabels=[])), 'region 0: a region needs one'),
    ('/webhook', with_result(rectangle(x=None)), 'region 0: '),
    ('/webhook', with_result(rectangle(x=1e308)), ''),
    ('/webhook', with_result(rectangle(x=500)), 'leaves the image'),
    ('/webhook', with_result(rectangle(width=0)), 'no area'),
    ('/webhook', with_result(rectangle(rectanglelabels=['Dark'])), 'differ only in case'),
    ('/webhook', with_result(rectangle(rectanglelabels=[' '])), ''),
    ('/webhook', with_result(*[rectangle()] * 1001), '1001 regions'),
    ('/webhook', with_result({'type': 'brushlabels', 'value': {}}), 'region needs one label'),
    (
        '/webhook',
        with_result({**brush(), 'value': {'brushlabels': ['a'], 'rle': [1, 2]}}),
        'cut off',
    ),
    (
        '/webhook',
        with_result({**brush(), 'value': {'brushlabels': ['a'], 'rle': [300]}}),
        'must be bytes',
    ),
    (
        '/webhook',
        with_result({**brush(), 'value': {'brushlabels': ['a'], 'rle': [255] * 99}}),
        'is not of an image of 96 x 96',
    ),
]


def test_broken_requests_are_refused_with_one_message(client, backend):
    before = backend.path.read_bytes()
    for address, body, detail in BROKEN:
        answer = client.post(address, json=body)
        assert answer.status_code == 400, body
        assert set(answer.json()) == {'detail'}
        assert detail in answer.json()['detail'], body
    assert backend.path.read_bytes() == before
    assert backend._current().enrolled.bank.label_names == ['dark', 'bright'] * 2


def test_what_is_no_json_object_or_too_large_is_refused(client):
    head = {'content-type': 'application/json'}
    for content, headers, status in [
        (b'{', head, 400),
        (b'[' * 100_000, head, 400),
        (b'[]', head, 400),
        (b'\xff', head, 400),
        (b'{}', {'content-type': 'text/plain'}, 415),
        (b'{}', {}, 415),
        (b' ' * (MAX_BODY + 1), head, 413),
        (b'{}', {**head, 'host': 'evil.example'}, 400),
    ]:
        answer = client.post('/webhook', content=content, headers=headers)
        assert answer.status_code == status, (content[:9], headers)


def test_other_computers_need_the_password(backend):
    client = TestClient(create_app(backend, ('*',), 'secret'), base_url='http://10.0.0.1')
    assert client.post('/setup', json=recorded('setup')).status_code == 401
    for user, status in (('label:secret', 200), ('label:wrong', 401), ('secret', 401)):
        headers = {'authorization': 'Basic ' + base64.b64encode(user.encode()).decode()}
        answer = client.post('/setup', json=recorded('setup'), headers=headers)
        assert answer.status_code == status
    assert (
        client.post('/setup', json={}, headers={'authorization': 'Basic é'.encode()}).status_code
        == 401
    )


@pytest.mark.parametrize('shape', [(1, 1), (3, 5), (40, 300)])
def test_brushes_are_what_they_were(shape):
    for seed, share in enumerate((0.0, 0.01, 0.5, 1.0)):
        mask = np.random.default_rng(seed).random(shape) < share
        rle = encode_brush(mask)
        assert (decode_brush(rle, *shape) == mask).all()
        # The head: how many bytes, of 8 bits, and the four length fields.
        assert int.from_bytes(bytes(rle[:4]), 'big') == 4 * mask.size
        assert f'{rle[4]:08b}'[:5] == '00111'


def test_bytes_that_follow_one_by_one_are_read():
    # Two pixels, the second painted: a literal run of eight bytes of 8 bits.
    values = [0] * 7 + [255]
    bits = f'{8:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}0{0:02b}{7:03b}'
    bits += ''.join(f'{value:08b}' for value in values)
    bits += '0' * (-len(bits) % 8)
    rle = [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]
    assert decode_brush(rle, 1, 2).tolist() == [[False, True]]
