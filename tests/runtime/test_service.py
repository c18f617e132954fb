"""The classifier behind HTTP."""

import json
from io import BytesIO

import exported
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from mmvrec_runtime import Classifier
from mmvrec_runtime.cli import main
from mmvrec_runtime.service import Limits, create_app


@pytest.fixture
def classifier(model) -> Classifier:
    return Classifier(model, threads=1)


@pytest.fixture
def client(classifier) -> TestClient:
    limits = Limits(body=100_000, pixels=140 * 160, boxes=3)
    return TestClient(create_app(classifier, limits))


def png(seed: int = 0, size: tuple[int, int] | None = None) -> bytes:
    stream = BytesIO()
    image = Image.fromarray(exported.defect('hole', seed)[0])
    (image.resize(size) if size else image).save(stream, 'PNG')
    return stream.getvalue()


def test_answers_are_those_of_the_classifier(client, classifier):
    boxes = [[5, 6, 70, 80], [0, 0, 140, 160]]
    answer = client.post('/classify', params={'boxes': json.dumps(boxes)}, content=png())
    assert answer.status_code == 200
    assert answer.json() == {'instances': classifier(png(), boxes)}
    assert client.post('/classify', content=png()).json() == {'instances': classifier(png())}
    empty = client.post('/classify', params={'boxes': '[]'}, content=png())
    assert empty.json() == {'instances': []}


@pytest.mark.parametrize(
    ('content', 'boxes', 'status', 'detail'),
    [
        (b'', None, 400, 'the body must be an image file'),
        (b'x' * 100, None, 400, 'the image is damaged or not an image'),
        (b'/etc/passwd', None, 400, 'the image is damaged or not an image'),
        (b'x' * 100_001, None, 413, 'more than 100000 bytes'),
        (png(size=(141, 160)), None, 413, 'more than 22400 pixels'),
        (png(), '[[1,2', 400, 'boxes must be JSON'),
        (png(), '[' * 9000, 400, 'boxes must be JSON'),
        (png(), '{"a": 1}', 400, 'boxes must be a list'),
        (png(), '[[1,2,3,4],[1,2,3,4],[1,2,3,4],[1,2,3,4]]', 413, '4 boxes, at most 3'),
        (png(), '[[9,9,1,1]]', 400, 'box 0 (x1, y1, x2, y2) has no area'),
        (png(), '[["a",1,2,3]]', 400, 'boxes must be numbers'),
        (png(), '[[1e999,1,2,3]]', 400, 'NaN or infinite'),
        (png()[:500], None, 400, 'the image is damaged'),
    ],
)
def test_broken_and_large_requests_are_refused(client, content, boxes, status, detail):
    params = {} if boxes is None else {'boxes': boxes}
    answer = client.post('/classify', params=params, content=content)
    assert answer.status_code == status
    assert detail in answer.json()['detail']
    assert client.post('/classify', content=png()).status_code == 200


def test_more_requests_than_may_wait_are_refused(classifier):
    client = TestClient(create_app(classifier, Limits(waiting=0)))
    answer = client.post('/classify', content=png())
    assert answer.status_code == 503
    assert answer.json() == {'detail': '0 requests are in work; try again'}


def test_health_tells_classes_and_no_path(client, model):
    answer = client.get('/health')
    assert answer.json()['status'] == 'ok'
    assert answer.json()['classes'] == list(exported.CLASSES)
    assert str(model.parent) not in answer.text


def test_metrics_count_requests_instances_and_waiting(client):
    label = client.post('/classify', content=png()).json()['instances'][0]['label']
    client.post('/classify', content=b'x')
    lines = client.get('/metrics').text.splitlines()
    assert 'mmvrec_requests_total{status="200"} 1.0' in lines
    assert 'mmvrec_requests_total{status="400"} 1.0' in lines
    assert f'mmvrec_instances_total{{label="{label}"}} 1.0' in lines
    assert 'mmvrec_waiting 0.0' in lines
    assert 'mmvrec_seconds_count 2.0' in lines


@pytest.mark.parametrize('path', ['/', '/docs', '/m.onnx', '/../m.onnx', '/classify'])
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code in (404, 405)


def test_command_serves_on_loopback_by_default(model, monkeypatch):
    calls = []
    monkeypatch.setattr('uvicorn.run', lambda app, **options: calls.append(options))
    assert main(['serve', str(model), '--port', '9', '--threads', '1']) == 0
    assert calls == [{'host': '127.0.0.1', 'port': 9, 'access_log': False}]
