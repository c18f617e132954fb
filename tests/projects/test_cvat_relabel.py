"""Shapes of a task of CVAT get names; the requests of tests/data/cvat are answered by a server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import cv2
import numpy as np
import pytest
from small_model import small_config

from mmvrec.apis import DefectInferencer
from projects.labelling import cvat_relabel
from projects.labelling.cvat_relabel import new_labels, shape_mask

RECORDED = json.loads(
    (Path(__file__).parents[1] / 'data' / 'cvat' / 'task_17.json').read_text(encoding='utf-8')
)
SIDE, BOX = 96, [32, 32, 64, 64]
#: What is in the middle of the two frames.
FRAMES = ('bright', 'dark')


def picture(kind: str, seed: int) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(110, 140, (SIDE, SIDE, 1), np.uint8)
    pixels[32:64, 32:64] = {'bright': 250, 'dark': 5}[kind]
    return np.repeat(pixels, 3, axis=2)


def frame(number: int) -> bytes:
    return cv2.imencode('.png', picture(FRAMES[number], 9 + number))[1].tobytes()


@pytest.fixture(scope='module')
def inferencer() -> DefectInferencer:
    fitted = DefectInferencer(small_config(), device='cpu')
    kinds = ['dark', 'bright'] * 3
    images = [picture(kind, seed) for seed, kind in enumerate(kinds)]
    fitted.enroll(images, [[BOX]] * 6, [[kind] for kind in kinds])
    return fitted.fit(progress=False)


def shape(**fields) -> SimpleNamespace:
    whole = {'id': 1, 'type': 'rectangle', 'label_id': 51, 'frame': 0, 'points': BOX, 'rotation': 0}
    return SimpleNamespace(**{**whole, **fields})


@pytest.mark.parametrize(
    ('points', 'rotation', 'rows', 'columns'),
    [
        ([10, 20, 30, 60], 0, (20, 60), (10, 30)),
        # A quarter turn about the centre (20, 40).
        ([10, 20, 30, 60], 90, (30, 50), (0, 40)),
        # What reaches over the border is cut off.
        ([80, 80, 200, 90], 0, (80, 90), (80, 96)),
    ],
)
def test_rectangles_cover_what_they_show(points, rotation, rows, columns):
    mask = shape_mask(shape(points=points, rotation=rotation), SIDE, SIDE)
    expected = np.zeros((SIDE, SIDE), bool)
    expected[slice(*rows), slice(*columns)] = True
    # The border of a polygon may take half a pixel more.
    assert (mask ^ expected)[2:-2, 2:-2].mean() < 0.02
    assert mask[rows[0] + 2 : rows[1] - 2, columns[0] + 2 : columns[1] - 2].all()


def test_a_turn_is_clockwise():
    mask = shape_mask(shape(points=[40, 44, 56, 48], rotation=45), SIDE, SIDE)
    rows, columns = np.nonzero(mask)
    assert np.corrcoef(rows, columns)[0, 1] > 0.8


def test_masks_are_runs_in_their_box():
    # Of 3 x 2 pixels from (5, 7) on: 1 outside, 2 inside, 1 outside, 2 inside.
    mask = shape_mask(shape(type='mask', points=[1, 2, 1, 2, 5, 7, 7, 8]), SIDE, SIDE)
    assert mask[7:9, 5:8].astype(int).tolist() == [[0, 1, 1], [0, 1, 1]]
    assert mask.sum() == 4
    sdk = pytest.importorskip('cvat_sdk.masks', reason='cvat-sdk is not installed')
    drawn = np.random.default_rng(0).random((SIDE, SIDE)) < 0.3
    encoded = shape(type='mask', points=sdk.encode_mask(drawn))
    assert (shape_mask(encoded, SIDE, SIDE) == drawn).all()


def test_a_shape_outside_of_its_image_is_named():
    with pytest.raises(ValueError, match='the rectangle 7 of frame 0 has no pixel in the image'):
        shape_mask(shape(id=7, points=[200, 200, 210, 210]), SIDE, SIDE)


class FakeTask:
    """Frames alone."""

    def __init__(self):
        self.fetched = []

    def get_frame(self, number: int, quality: str) -> BytesIO:
        assert quality == 'original'
        self.fetched.append(number)
        return BytesIO(frame(number))


LABELS = {'defect': 51, 'bright': 52, 'dark': 53}


def test_shapes_get_the_labels_of_what_they_show(inferencer):
    task = FakeTask()
    shapes = [shape(id=1), shape(id=2, frame=1), shape(id=3, frame=1, label_id=53)]
    assert new_labels(task, inferencer, shapes, LABELS) == {1: 52, 2: 53}
    assert task.fetched == [0, 1]


def test_what_is_unknown_or_no_defect_stays(inferencer, monkeypatch):
    verdicts = iter(['unknown', 'no defect', 'review'])

    def answer(self, images, instances, progress):
        return [[{'label': 'dark', 'verdict': next(verdicts)} for _ in instances[0]]]

    monkeypatch.setattr(DefectInferencer, '__call__', answer)
    shapes = [shape(id=identity) for identity in (1, 2, 3)]
    assert new_labels(FakeTask(), inferencer, shapes, LABELS) == {3: 53}


def test_a_task_without_a_class_is_refused(inferencer):
    with pytest.raises(ValueError, match=r"the task has no labels \['dark'\]; add them"):
        new_labels(FakeTask(), inferencer, [shape()], {'bright': 1})


@pytest.fixture
def server() -> Iterator[tuple[str, list]]:
    """Address of a CVAT that has the task 17, and what was written to it."""
    written = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            parts = urlsplit(self.path)
            path = parts.path.rstrip('/')
            if path == '/api/tasks/17/data':
                number = int(parse_qs(parts.query)['number'][0])
                self.answer(frame(number), 'image/png')
            else:
                found = RECORDED.get(f'GET {path}')
                self.answer(json.dumps(found).encode(), 'application/json', 200 if found else 404)

        def do_PATCH(self):
            body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
            written.append((self.path, self.headers['Authorization'], body))
            self.answer(json.dumps(body).encode(), 'application/json')

        def answer(self, content, kind, status=200):
            self.send_response(status)
            self.send_header('Content-Type', kind)
            self.send_header('Content-Length', str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            """Nothing: the test tells what is wrong."""

    own = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    thread = threading.Thread(target=own.serve_forever)
    thread.start()
    yield f'http://127.0.0.1:{own.server_port}', written
    own.shutdown()
    thread.join()
    own.server_close()


def run(monkeypatch, capsys, inferencer, address, *options) -> str:
    monkeypatch.setenv(cvat_relabel.TOKEN, 'secret')
    monkeypatch.setattr(cvat_relabel.DefectInferencer, 'load', lambda path: inferencer)
    monkeypatch.setattr('sys.argv', ['cvat_relabel', 'm', '17', '--host', address, *options])
    cvat_relabel.main()
    return capsys.readouterr().out.splitlines()[-1]


def test_a_task_is_relabelled_through_the_sdk(server, inferencer, monkeypatch, capsys):
    pytest.importorskip('cvat_sdk', reason='cvat-sdk is not installed')
    address, written = server
    arguments = (monkeypatch, capsys, inferencer, address)
    assert run(*arguments, '--dry-run') == (
        '3 of 4 shapes would get another label (bright 2, dark 1); 1 left aside'
    )
    assert written == []
    told = run(*arguments, '--from-label', 'defect')
    assert told == '2 of 2 shapes got another label (bright 1, dark 1); 1 left aside'
    ((path, token, body),) = written
    assert path == '/api/tasks/17/annotations/?action=update'
    assert token == 'Bearer secret'
    shapes = RECORDED['GET /api/tasks/17/annotations']['shapes']
    assert body['shapes'] == [
        {**shapes[0], 'label_id': 52, 'attributes': []},
        {**shapes[1], 'label_id': 53, 'attributes': []},
    ]
    with pytest.raises(ValueError, match="no label 'x'; it has"):
        run(*arguments, '--from-label', 'x')
