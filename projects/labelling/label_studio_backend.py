"""A model as ML backend of Label Studio: it labels what comes, and learns what people have said.

    PYTHONPATH=. python projects/labelling/label_studio_backend.py parts.safetensors photos

Label Studio asks ``/predict`` for the regions of tasks: those that people have drawn are named;
else they are found, where the model was enrolled with ``--find``. ``/webhook`` brings annotations:
those of an image take the place of all that the model had of it, and it is fitted again. Addresses
of images only name files below one folder; nothing is fetched, and no other file is opened.
"""

import argparse
import base64
import json
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import JSONResponse

from mmvrec.apis import DefectInferencer
from mmvrec.apis.learning import learn
from mmvrec.apis.model_versions import write_version
from mmvrec.apis.records import image_records, labels_of
from mmvrec.apis.two_stage import find_instances
from mmvrec.utils.images import image_shape
from mmvrec.utils.locks import changing
from projects.labelling.label_studio_regions import (
    LabelConfig,
    file_of_task,
    instances_of,
    regions_of_task,
)

#: Bytes of a request, and tasks in it.
MAX_BODY, MAX_TASKS = 2**24, 256
#: Names by which this computer calls itself.
LOOPBACK = ('127.0.0.1', 'localhost', '::1')
#: The password of Label Studio's basic authentication; the user may be any.
PASSWORD = 'MMVREC_BACKEND_PASSWORD'
_LEARNT = ('ANNOTATION_CREATED', 'ANNOTATION_UPDATED')


class Backend:
    """A saved model and the folder of its images.

    Args:
        model (str | Path): the saved model; what is learnt is written there, the version before
            beside it.
        folder (str | Path): of the images.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: see :meth:`DefectInferencer.load`.
    """

    def __init__(self, model: str | Path, folder: str | Path):
        self.path, self.folder = Path(model), Path(folder).resolve()
        if not self.folder.is_dir():
            raise FileNotFoundError(f'{folder}: no such folder of images')
        self._lock, self._state = threading.Lock(), None
        self._current()

    @property
    def version(self) -> str:
        """Of the model, as Label Studio shows it."""
        return f'{self.path.stem} {self._inferencer.card.version}'

    def _current(self) -> DefectInferencer:
        """The model as it is in its file: commands may have changed it."""
        stat = self.path.stat()
        state = stat.st_mtime_ns, stat.st_size
        if state != self._state:
            self._inferencer, self._state = DefectInferencer.load(self.path), state
        return self._inferencer

    def predict(self, body: dict) -> dict:
        """Answer ``/predict``: ``results`` with regions for every task."""
        tasks = body.get('tasks')
        if not isinstance(tasks, list) or not 0 < len(tasks) <= MAX_TASKS:
            raise ValueError(f'"tasks" must be a list of 1 to {MAX_TASKS} tasks')
        config = LabelConfig.read(body.get('label_config'))
        with self._lock:
            inferencer = self._current()
            results = [self._prediction(inferencer, config, task) for task in tasks]
        return {'results': results, 'model_version': self.version}

    def _prediction(self, inferencer: DefectInferencer, config: LabelConfig, task: object) -> dict:
        path = file_of_task(task, config.data_key, self.folder)
        regions = regions_of_task(task)
        if regions:
            given = instances_of(regions, *image_shape(path))
        elif inferencer.finder is not None:
            (given,) = find_instances(inferencer, [str(path)])
        else:
            given = []
        records = image_records(path, given, str(path), inferencer.task)
        (answers,) = inferencer([path], [given], progress=False)
        told = [
            (record, answer)
            for record, answer in zip(records, answers, strict=True)
            if answer['verdict'] != 'no defect'
        ]
        return {
            'model_version': self.version,
            'score': min((answer['score'] for _, answer in told), default=0.0),
            'result': [config.region(k, *pair) for k, pair in enumerate(told)],
        }

    def learn(self, body: dict) -> dict:
        """Answer ``/webhook``: learn an annotation; other events are left aside."""
        if body.get('action') not in _LEARNT:
            return {'learnt': None, 'model_version': self.version}
        task, annotation = body.get('task'), body.get('annotation')
        if not isinstance(annotation, dict) or not isinstance(annotation.get('result'), list):
            raise ValueError('"annotation" must have a list "result"')
        if annotation.get('was_cancelled'):
            return {'learnt': None, 'model_version': self.version}
        path = file_of_task(task, None, self.folder)
        shape = image_shape(path)
        given = instances_of(annotation['result'], *shape)
        with self._lock, changing(self.path):
            inferencer = self._current()
            records = image_records(path, given, str(path), inferencer.task)
            labels = labels_of([given['labels']], [records])
            learnt = self._learn(inferencer, str(path), records, labels)
        return {'learnt': learnt, 'model_version': self.version}

    def _learn(
        self, inferencer: DefectInferencer, image: str, records: list[dict], labels: list[str]
    ) -> str:
        """Let the records be all that is known of an image; write the next version."""
        before, fitted = inferencer.enrolled, inferencer.fitted
        rest = [row for row, name in enumerate(before.images) if name != image]
        if not rest:
            raise ValueError('the model knows no other image; enroll more of them first')
        inferencer.enrolled = before.select(rest)
        try:
            learnt = learn(inferencer, records, labels)
            inferencer.refit(progress=False)
            write_version(inferencer, self.path, f'Label Studio, {Path(image).name}: {learnt}')
        except BaseException:
            inferencer.enrolled, inferencer.fitted = before, fitted
            raise
        stat = self.path.stat()
        self._state = stat.st_mtime_ns, stat.st_size
        return str(learnt)


def create_app(
    backend: Backend, hosts: tuple[str, ...] = LOOPBACK, password: str | None = None
) -> FastAPI:
    """Make the application.

    Args:
        backend (Backend): answers.
        hosts (tuple[str, ...]): names by which it may be called, against pages in a browser that
            give their own address the number of this computer.
        password (str, optional): of basic authentication. Defaults to None: it is not asked for.

    Returns:
        FastAPI: requests that are wrong are answered by 400, too large ones by 413, others than
        JSON by 415, those without the password by 401, each with ``detail``.
    """
    app = FastAPI(title='mmvrec for Label Studio', docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))

    def answering(answer: Callable[[dict], dict], status: int = 200) -> Callable:
        async def handle(request: Request) -> JSONResponse:
            _authorise(request, password)
            body = await _body(request)
            try:
                return JSONResponse(await run_in_threadpool(answer, body), status)
            except (ValueError, OSError) as error:
                raise HTTPException(400, str(error)) from error

        return handle

    async def health() -> dict:
        return {'status': 'UP', 'model_class': 'mmvrec'}

    def setup(body: dict) -> dict:
        LabelConfig.read(body.get('schema'))
        return {'model_version': backend.version}

    app.get('/health')(health)
    app.get('/')(health)
    app.post('/setup')(answering(setup))
    app.post('/predict')(answering(backend.predict))
    app.post('/webhook')(answering(backend.learn, 201))
    return app


def _authorise(request: Request, password: str | None) -> None:
    if password is None:
        return
    kind, _, encoded = request.headers.get('authorization', '').partition(' ')
    try:
        given = base64.b64decode(encoded, validate=True).partition(b':')[2]
    except ValueError:
        given = b''
    if kind.lower() != 'basic' or not secrets.compare_digest(given, password.encode()):
        raise HTTPException(401, 'the password is wrong or missing', {'WWW-Authenticate': 'Basic'})


async def _body(request: Request) -> dict:
    """The body, an object, of which no more is read than is taken."""
    # Browsers send JSON to strange addresses only where these allow it.
    if request.headers.get('content-type', '').partition(';')[0].strip() != 'application/json':
        raise HTTPException(415, 'the body must be of the type application/json')
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413, f'the body has more than {MAX_BODY} bytes')
    try:
        content = json.loads(bytes(body))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f'the body must be JSON: {error}') from error
    if not isinstance(content, dict):
        raise HTTPException(400, 'the body must be a JSON object')
    return content


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('model', metavar='MODEL.safetensors')
    parser.add_argument('folder', help='of the images, LOCAL_FILES_DOCUMENT_ROOT of Label Studio')
    parser.add_argument('--host', default='127.0.0.1', help='(default: %(default)s)')
    parser.add_argument('--port', type=int, default=9090, help='(default: %(default)s)')
    args = parser.parse_args()
    password, is_local = os.environ.get(PASSWORD), args.host in LOOPBACK
    if not is_local and not password:
        parser.error(f'other computers may ask at {args.host}: set {PASSWORD}')
    app = create_app(
        Backend(args.model, args.folder), LOOPBACK if is_local else ('*',), password or None
    )
    uvicorn.run(app, host=args.host, port=args.port)


if __name__ == '__main__':
    main()
