"""A classifier behind HTTP: images come in the body, and no file of the server is opened."""

import json
import time
from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from mmvrec_runtime.classifier import Classifier
from mmvrec_runtime.images import image_name
from mmvrec_runtime.shared.image_headers import header_of
from mmvrec_runtime.version import __version__


class Limits(NamedTuple):
    """What a request may ask for.

    Args:
        body (int): bytes of an image file.
        pixels (int): of an image.
        boxes (int): instances of an image.
        waiting (int): requests that are answered or wait for it; further ones are refused.
    """

    body: int = 32 * 2**20
    pixels: int = 50_000_000
    boxes: int = 256
    waiting: int = 16


class _Metrics:
    """Numbers for Prometheus, of this application alone."""

    def __init__(self):
        self.registry = CollectorRegistry()
        self.requests = Counter(
            'mmvrec_requests', 'Requests by status.', ['status'], registry=self.registry
        )
        self.instances = Counter(
            'mmvrec_instances', 'Instances by label.', ['label'], registry=self.registry
        )
        self.unknown = Counter('mmvrec_unknown', 'Unknown instances.', registry=self.registry)
        self.waiting = Gauge('mmvrec_waiting', 'Requests in work.', registry=self.registry)
        self.seconds = Histogram(
            'mmvrec_seconds', 'Seconds a request takes.', registry=self.registry
        )


def create_app(classifier: Classifier, limits: Limits | None = None) -> FastAPI:
    """The application.

    ``POST /classify?boxes=[[x1,y1,x2,y2],…]`` with an image file as body gives ``{"instances":
    […]}``, as :meth:`Classifier.__call__`; without boxes the whole image is one. ``GET /health``
    tells classes and versions, ``GET /metrics`` numbers for Prometheus.

    Args:
        classifier (Classifier): answers.
        limits (Limits, optional): defaults to those of the class.

    Returns:
        FastAPI: broken requests are answered by 400, ones that are too large by 413, ones too many
        by 503, each with ``detail``.
    """
    service = _Service(classifier, limits or Limits())
    app = FastAPI(title='mmvrec-runtime', version=__version__, docs_url=None, redoc_url=None)
    app.post('/classify')(service.classify)
    app.get('/health')(service.health)
    app.get('/metrics')(service.show_metrics)
    app.middleware('http')(service.count)
    return app


class _Service:
    """What is behind the addresses."""

    def __init__(self, classifier: Classifier, limits: Limits):
        self.classifier = classifier
        self.limits = limits
        self.metrics = _Metrics()
        self.in_work = 0

    async def classify(self, request: Request, boxes: str | None = None) -> JSONResponse:
        if self.in_work >= self.limits.waiting:
            raise HTTPException(503, f'{self.in_work} requests are in work; try again')
        self._count_work(1)
        begin = time.perf_counter()
        try:
            given = _read_boxes(boxes, self.limits)
            body = await _read_body(request, self.limits)
            instances = await run_in_threadpool(
                _classify, self.classifier, body, given, self.limits
            )
        finally:
            self._count_work(-1)
            self.metrics.seconds.observe(time.perf_counter() - begin)
        for instance in instances:
            self.metrics.instances.labels(instance['label']).inc()
            self.metrics.unknown.inc(bool(instance['unknown']))
        return JSONResponse({'instances': instances})

    async def health(self) -> dict:
        info = self.classifier.model.info
        return {
            'status': 'ok',
            'version': __version__,
            'classes': self.classifier.classes,
            'engine': self.classifier.engine,
            'precision': info['precision'],
            'made_by': info['made_by'],
        }

    async def show_metrics(self) -> Response:
        return Response(generate_latest(self.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def count(self, request: Request, call_next: Callable) -> Response:
        response = await call_next(request)
        if request.url.path == '/classify':
            self.metrics.requests.labels(response.status_code).inc()
        return response

    def _count_work(self, more: int) -> None:
        self.in_work += more
        self.metrics.waiting.set(self.in_work)


def _read_boxes(text: str | None, limits: Limits) -> list | None:
    if text is None:
        return None
    try:
        boxes = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f'boxes must be JSON, [[x1,y1,x2,y2],…]: {error}') from error
    if not isinstance(boxes, list):
        raise HTTPException(400, 'boxes must be a list, [[x1,y1,x2,y2],…]')
    if len(boxes) > limits.boxes:
        raise HTTPException(413, f'{len(boxes)} boxes, at most {limits.boxes} are taken')
    return boxes


async def _read_body(request: Request, limits: Limits) -> bytes:
    """The body, of which no more is read than is taken."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limits.body:
            raise HTTPException(413, f'the image has more than {limits.body} bytes')
    if not body:
        raise HTTPException(400, 'the body must be an image file')
    return bytes(body)


def _classify(
    classifier: Classifier, body: bytes, boxes: list | None, limits: Limits
) -> list[dict]:
    try:
        height, width = header_of(BytesIO(body), 'the image').stored
        if height * width > limits.pixels:
            raise HTTPException(413, f'the image has more than {limits.pixels} pixels')
        return classifier(body, boxes, name=image_name(body))
    except (ValueError, TypeError, OverflowError) as error:
        raise HTTPException(400, str(error)) from error
