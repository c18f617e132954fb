"""Requests that mean harm are refused with one message, and change nothing."""

import json
import os
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from serving_parts import open_day, write_day

from mmvrec.serving.app import create_app
from mmvrec.serving.gate import MAX_BODY, Access
from mmvrec.serving.photo_folder import PhotoFolder

HOST, TOKEN = 'http://127.0.0.1:8010', 'a-token-of-24-characters'
ACCESS = Access(csrf='the-csrf-token')
GOOD = {
    'origin': HOST,
    'x-csrf-token': 'the-csrf-token',
    'content-type': 'application/json',
}
REGION = {'geometry': None, 'verdict': 'relabelled', 'label': 'hole'}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp('hostile')
    given = write_day(root)
    (root / 'secret.png').write_bytes((root / 'day' / '0.png').read_bytes())
    (root / 'day' / 'link.png').symlink_to(root / 'secret.png')
    day = open_day(root, given)
    pages[root] = TestClient(create_app(day, ACCESS, looks=False), base_url=HOST)
    return root


pages: dict[Path, TestClient] = {}


def state(root: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(root.rglob('*')) if p.is_file()}


def without(name: str) -> dict:
    return {key: value for key, value in GOOD.items() if key != name}


def box(*points) -> dict:
    return {'kind': 'box', 'parts': [list(points)]}


PUT, POST, GET = 'PUT', 'POST', 'GET'
REGION_0, DRAW = '/photos/0/regions/0', '/photos/0/regions'
HOSTILE = {
    # From elsewhere.
    'no csrf token': (PUT, REGION_0, REGION, without('x-csrf-token'), 403),
    'wrong csrf token': (PUT, REGION_0, REGION, {**GOOD, 'x-csrf-token': 'x'}, 403),
    'csrf token that is no ASCII': (
        PUT, REGION_0, REGION, {**GOOD, 'x-csrf-token': b'\xff\xfe'}, 403,
    ),
    'no origin': (PUT, REGION_0, REGION, without('origin'), 403),
    'origin of elsewhere': (PUT, REGION_0, REGION, {**GOOD, 'origin': 'http://evil.test'}, 403),
    'origin null': (PUT, REGION_0, REGION, {**GOOD, 'origin': 'null'}, 403),
    'origin of another port': (
        PUT, REGION_0, REGION, {**GOOD, 'origin': 'http://127.0.0.1:9'}, 403,
    ),
    'origin that begins alike': (PUT, REGION_0, REGION, {**GOOD, 'origin': HOST + '.evil.x'}, 403),
    'name made to mean this computer': (GET, '/', None, {'host': 'evil.test:8010'}, 400),
    'name that begins alike': (GET, '/day', None, {'host': '127.0.0.1.evil.test'}, 400),
    'no host': (GET, '/day', None, {'host': ''}, 400),
    'a form of another page': (
        POST, '/learn', b'accepted=true',
        {**GOOD, 'content-type': 'application/x-www-form-urlencoded'}, 415,
    ),
    'text of another page': (
        POST, '/learn', b'{"accepted": true}', {**GOOD, 'content-type': 'text/plain'}, 415,
    ),
    'no type': (POST, '/learn', b'{"accepted": true}', without('content-type'), 415),
    # Paths.
    'path above': (GET, '/photos/..%2f..%2fsecret.png/picture', None, {}, 404),
    'path above, in dots': (GET, '/photos/%2e%2e/picture', None, {}, 400),
    'path of the computer': (GET, '/photos/%2fetc%2fpasswd/picture', None, {}, 404),
    'path instead of a picture': (GET, '/photos/0/regions/0/..%2f..', None, {}, 404),
    'attribute of an answer': (GET, '/photos/0/regions/0/__class__', None, {}, 404),
    'export of a file': (GET, '/export/..%2fsecret.png', None, {}, 404),
    'export of the computer': (GET, '/export/passwd', None, {}, 404),
    'windows path': (GET, '/photos/C:%5cWindows/picture', None, {}, 400),
    'nul': (GET, '/photos/0%00/picture', None, {}, 400),
    'address that is not there': (GET, '/docs', None, {}, 404),
    'schema': (GET, '/openapi.json', None, {}, 404),
    'method that is not there': ('DELETE', REGION_0, {}, GOOD, 405),
    'trace': ('TRACE', '/day', {}, GOOD, 405),
    # Numbers.
    'photo that is not there': (GET, '/photos/99/picture', None, {}, 404),
    'photo below zero': (GET, '/photos/-1/picture', None, {}, 400),
    'photo of many digits': (GET, f'/photos/{"9" * 3000}/picture', None, {}, 400),
    'photo in words': (GET, '/photos/one/picture', None, {}, 400),
    'region that is not there': (PUT, '/photos/0/regions/9', REGION, GOOD, 404),
    'enrolled that is not there': (GET, '/enrolled/99', None, {}, 404),
    'version that is not there': (POST, '/versions/7', {}, GOOD, 400),
    # Sizes.
    'large body': (POST, '/learn', b' ' * (MAX_BODY + 1), GOOD, 413),
    'length that lies': (POST, '/learn', b'{}', {**GOOD, 'content-length': str(2**40)}, 413),
    'length that is no number': (POST, '/learn', b'{}', {**GOOD, 'content-length': '-1'}, 413),
    'many polygons': (POST, DRAW, {'kind': 'polygon', 'parts': [[[0, 0]] * 3] * 200}, GOOD, 400),
    'many corners': (POST, DRAW, {'kind': 'polygon', 'parts': [[[0, 0]] * 3000]}, GOOD, 400),
    'long label': (PUT, REGION_0, {**REGION, 'label': 'x' * 5000}, GOOD, 400),
    'nested deeply': (POST, '/learn', b'[' * 100_000, GOOD, 400),
    # Types.
    'no JSON': (POST, '/learn', b'{', GOOD, 400),
    'list': (POST, '/learn', [], GOOD, 400),
    'nothing': (POST, '/learn', b'', GOOD, 400),
    'text for yes': (POST, '/learn', {'accepted': 'yes'}, GOOD, 400),
    'number for yes': (POST, '/learn', {'accepted': 1}, GOOD, 400),
    'a field more': (POST, '/learn', {'accepted': True, 'path': '/etc/passwd'}, GOOD, 400),
    'a field less': (PUT, REGION_0, {'verdict': 'unknown', 'label': None}, GOOD, 400),
    'verdict that is none': (PUT, REGION_0, {**REGION, 'verdict': 'hacked'}, GOOD, 400),
    'label that is a number': (PUT, REGION_0, {**REGION, 'label': 7}, GOOD, 400),
    'label with control characters': (PUT, REGION_0, {**REGION, 'label': 'a\x1b[2J'}, GOOD, 400),
    'label of blanks': (PUT, REGION_0, {**REGION, 'label': '   '}, GOOD, 400),
    'label without verdict': (PUT, REGION_0, {**REGION, 'verdict': 'unknown'}, GOOD, 400),
    'verdict without label': (PUT, REGION_0, {**REGION, 'label': None}, GOOD, 400),
    'label spelt otherwise': (PUT, REGION_0, {**REGION, 'label': 'HOLE'}, GOOD, 400),
    'infinite box': (
        POST, DRAW, b'{"kind": "box", "parts": [[[0, 0], [Infinity, 5]]]}', GOOD, 400,
    ),
    'box of NaN': (POST, DRAW, b'{"kind": "box", "parts": [[[0, 0], [NaN, 5]]]}', GOOD, 400),
    'box of text': (POST, DRAW, box(['0', '0'], ['5', '5']), GOOD, 400),
    'box of yes and no': (POST, DRAW, box([True, False], [5, 5]), GOOD, 400),
    'box without area': (POST, DRAW, box([5, 5], [5, 9]), GOOD, 400),
    'box out of the photo': (POST, DRAW, box([5, 5], [5000, 9000]), GOOD, 400),
    'box of three corners': (POST, DRAW, box([0, 0], [5, 5], [9, 9]), GOOD, 400),
    'box of large numbers': (POST, DRAW, box([0, 0], [1e300, 1e300]), GOOD, 400),
    'polygon of two corners': (
        POST, DRAW, {'kind': 'polygon', 'parts': [[[0, 0], [9, 9]]]}, GOOD, 400,
    ),
    'polygon on a line': (
        POST, DRAW, {'kind': 'polygon', 'parts': [[[0, 0], [9, 0], [5, 0]]]}, GOOD, 400,
    ),
    'kind that is none': (POST, DRAW, {'kind': 'circle', 'parts': [[[0, 0], [9, 9]]]}, GOOD, 400),
    'class of no region': (POST, '/classes', {'label': 'stain', 'regions': []}, GOOD, 400),
    'class of a path': (
        POST, '/classes', {'label': 'x', 'regions': [{'photo': '../a', 'region': 0}]}, GOOD, 400,
    ),
}  # fmt: skip


def test_there_are_fifty_of_them():
    assert len(HOSTILE) >= 50


@pytest.mark.parametrize('name', HOSTILE)
def test_hostile_requests_are_refused_with_one_message(root, name):
    method, path, content, headers, status = HOSTILE[name]
    before = state(root)
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = {} if content is None else {'content': body}
    answer = pages[root].request(method, path, headers=headers, **given)
    assert answer.status_code == status
    assert list(answer.json()) == ['detail']
    message = answer.json()['detail']
    assert 0 < len(message) < 600
    assert message.isprintable()
    assert str(root) not in message
    assert state(root) == before
    assert pages[root].get('/day').status_code == 200


def test_answers_say_what_browsers_may_do_with_them(root):
    for path in ('/', '/day', '/photos/0/picture', '/nothing'):
        headers = pages[root].get(path).headers
        assert headers['content-security-policy'] == "frame-ancestors 'none'"
        assert headers['x-content-type-options'] == 'nosniff'
        assert 'server' not in headers
    assert pages[root].get('/day').headers['cache-control'] == 'no-store'


def test_photos_are_those_of_the_folder(root, tmp_path):
    client = pages[root]
    day = client.get('/day').json()
    assert [image['name'] for image in day['images']] == ['0.png', '1.png', '2.png', '3.png']
    assert ['link.png', 'leads out of the folder'] in day['errors']
    # A photo that has become a link since is not shown either.
    path = root / 'day' / '3.png'
    content = path.read_bytes()
    path.unlink()
    path.symlink_to(root / 'secret.png')
    answer = client.get('/photos/3/picture')
    path.unlink()
    path.write_bytes(content)
    assert (answer.status_code, answer.json()) == (400, {'detail': '3.png leads out of the folder'})
    assert client.get('/photos/3/picture').status_code == 200


def test_annotations_are_not_read_or_written_through_links(tmp_path):
    given = write_day(tmp_path)
    (tmp_path / 'elsewhere.json').write_text('{"shapes": [], "imagePath": "0.png"}')
    (tmp_path / 'day' / '0.json').symlink_to(tmp_path / 'elsewhere.json')
    day = open_day(tmp_path, given)
    assert day.photos[0].error == '0.json leads out of the folder'
    (tmp_path / 'day' / '1.json').symlink_to(tmp_path / 'new.json')
    with pytest.raises(ValueError, match='leads out of the folder'):
        day.decide(1, 0, None, 'relabelled', 'hole')
    assert not (tmp_path / 'new.json').exists()


def test_photos_of_one_stem_have_a_file_each(tmp_path):
    write_day(tmp_path, ('crack',))
    for name in ('a.png', 'a.JPG', 'b.png'):
        os.replace(tmp_path / 'day' / '0.png', tmp_path / 'day' / name)
        write_day(tmp_path, ('crack',))
    folder = PhotoFolder(tmp_path / 'day')
    names = {folder.names[i]: folder.annotation_path(i).name for i in range(len(folder))}
    assert names == {
        '0.png': '0.json', 'a.png': 'a.png.json', 'a.JPG': 'a.JPG.json', 'b.png': 'b.json',
    }  # fmt: skip


def test_folders_that_cannot_be_served(tmp_path):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'file').write_text('')
    for name, message in (('nothing', 'no folder'), ('file', 'is a file'), ('empty', 'no image')):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            PhotoFolder(tmp_path / name)


def test_other_computers_need_the_token():
    with pytest.raises(ValueError, match='give a --token'):
        Access('0.0.0.0')
    for short in ('short', 'with blanks and more than that', ''):
        with pytest.raises(ValueError, match='16 letters'):
            Access('0.0.0.0', short)
    assert Access('::1').is_loopback


def test_the_token_is_shown_once_and_kept(tmp_path):
    day = open_day(tmp_path, write_day(tmp_path, ('crack',)))
    access = Access('0.0.0.0', TOKEN, 'the-csrf-token')
    app = create_app(day, access, looks=False)
    client = TestClient(app, base_url='http://shop:8010')
    origin = {**GOOD, 'origin': 'http://shop:8010'}
    for headers in ({}, {'cookie': 'mmvrec-token=x'}, {'authorization': 'Bearer x'}):
        for method, path in ((GET, '/'), (GET, '/photos/0/picture'), (POST, '/learn')):
            answer = client.request(method, path, headers={**origin, **headers}, content=b'{}')
            assert answer.status_code == 401
    assert client.get('/?token=wrong').status_code == 401
    assert client.get('/photos/0/picture', params={'token': TOKEN}).status_code == 401
    answer = client.get('/', params={'token': TOKEN}, follow_redirects=False)
    assert (answer.status_code, answer.headers['location']) == (303, '/')
    assert answer.headers['set-cookie'].endswith('; HttpOnly; SameSite=Strict; Path=/')
    assert client.get('/').status_code == 200
    # The cookie alone changes nothing.
    assert client.post('/learn', json={'accepted': True}).status_code == 403
    assert client.post('/learn', headers=origin, content=b'{"accepted": true}').status_code == 200
    bearer = TestClient(
        app, base_url='http://shop:8010', headers={'authorization': 'Bearer ' + TOKEN}
    )
    assert bearer.get('/day').status_code == 200
