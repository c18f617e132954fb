"""``mmvrec serve`` on the command line; what is served is tested in ``tests/serving``."""

import json

import pytest
import uvicorn
from fastapi.testclient import TestClient
from serving_parts import write_day
from small_model import small_config

from mmvrec.apis import DefectInferencer
from mmvrec.cli.main import main


@pytest.fixture
def started(tmp_path, monkeypatch):
    """What the command starts instead of waiting for requests."""
    monkeypatch.chdir(tmp_path)
    write_day(tmp_path, ('crack', 'hole'))
    servers = []
    monkeypatch.setattr(uvicorn, 'run', lambda app, **options: servers.append((app, options)))
    return servers


def run(*arguments: str) -> int:
    return main(['serve', 'm.safetensors', 'day', '--device', 'cpu', *arguments])


def test_photos_and_boxes_are_served(started, tmp_path, capsys):
    boxes = {
        'images': [{'id': 1, 'file_name': '0.png'}, {'id': 2, 'file_name': '1.png'}],
        'annotations': [{'image_id': 1, 'bbox': [5, 6, 40, 50]}],
    }
    (tmp_path / 'boxes.json').write_text(json.dumps(boxes))
    assert run('--boxes', 'boxes.json') == 0
    ((app, options),) = started
    assert (options['host'], options['port']) == ('127.0.0.1', 8010)
    assert '2 photos of day: http://127.0.0.1:8010/\n' in capsys.readouterr().out
    # The photos are looked at while the server runs.
    with TestClient(app, base_url='http://127.0.0.1:8010') as client:
        day = client.get('/day').json()
        while day['ready'] < 2:
            day = client.get('/day').json()
    assert [one['bbox'] for one in day['instances']] == [[5, 6, 45, 56]]


def test_other_computers_need_a_token(started, capsys):
    assert run('--host', '0.0.0.0') == 1
    assert 'give a --token' in capsys.readouterr().err
    assert started == []
    assert run('--host', '0.0.0.0', '--token', '--port', '9000') == 0
    address = capsys.readouterr().out.partition('http://0.0.0.0:9000/?token=')[2].split()[0]
    ((app, _),) = started
    client = TestClient(app, base_url='http://shop:9000')
    assert client.get('/').status_code == 401
    assert client.get('/', params={'token': address}).status_code == 200


def test_what_cannot_be_served_is_one_message(started, capsys, monkeypatch):
    monkeypatch.setattr('mmvrec.serving.served_model.DefectInferencer.load', trained)
    assert run() == 1
    assert capsys.readouterr().err.startswith('error: the head of m.safetensors is one that trains')
    assert main(['serve', 'm.safetensors', 'nothing']) == 1
    assert capsys.readouterr().err == 'error: no folder of photos at nothing\n'
    assert started == []


def trained(path, **options) -> DefectInferencer:
    """An inferencer whose head is one that trains."""
    cfg = small_config()
    cfg.model.head = {'type': 'ZipAdapterFHead'}
    return DefectInferencer(cfg, device='cpu')
