"""The application: a page, what its script asks for, and what it changes."""

import json
from collections.abc import Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from threading import Event, Thread

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from mmvrec.serving.bodies import (
    ClassBody,
    EnrolledBody,
    Geometry,
    Index,
    LearnBody,
    RegionBody,
)
from mmvrec.serving.content import day_content, region_content, taught_content
from mmvrec.serving.day import Day
from mmvrec.serving.exports import day_table, onnx_file, review_page
from mmvrec.serving.gate import Access, Gate
from mmvrec.serving.page import render_page_of
from mmvrec.serving.photo import encode
from mmvrec.serving.teacher import Teacher
from mmvrec.utils.images import read_image
from mmvrec.utils.text import printable

#: Of pictures, whose addresses change with their content.
_KEPT = {'cache-control': 'private, max-age=86400, immutable'}


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII, as names of files may hold what UTF-8 has not."""

    def render(self, content: object) -> bytes:
        """Encode."""
        return json.dumps(content, allow_nan=False, separators=(',', ':')).encode()


def create_app(
    day: Day, access: Access | None = None, allow: Collection[str] = (), looks: bool = True
) -> Gate:
    """The application of a day.

    Args:
        day (Day): its photos and the model.
        access (Access, optional): who may ask. Defaults to this computer alone.
        allow (Collection[str]): see :meth:`DefectInferencer.load`.
        looks (bool): look at the photos, in a thread of its own. Defaults to True.

    Returns:
        Gate: an ASGI application. Requests that are not answered get a status of HTTP and one
        sentence, ``{"detail": "…"}``.
    """
    access = access or Access()
    app = FastAPI(
        title='mmvrec',
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=partial(_looking, day=day if looks else None),
        default_response_class=AsciiJSONResponse,
    )
    teacher = Teacher(day)
    _Reading(day, teacher, access, allow).add_to(app)
    _Changes(day, teacher).add_to(app)
    app.exception_handler(RequestValidationError)(_explain)
    app.exception_handler(AnyHTTPException)(_refuse)
    return Gate(app, access)


@asynccontextmanager
async def _looking(_: FastAPI, day: Day | None) -> Iterator[None]:
    """Look at one photo after the other while requests are answered."""
    end = Event()

    def look() -> None:
        while not end.is_set() and day.look_at_next():
            pass

    thread = Thread(target=look, name='looking', daemon=True)
    if day is not None:
        thread.start()
    yield
    end.set()
    if day is not None:
        thread.join()


class _Reading:
    """What is read."""

    def __init__(self, day: Day, teacher: Teacher, access: Access, allow: Collection[str]):
        self.day = day
        self.teacher = teacher
        self.access = access
        self.allow = tuple(allow)

    def add_to(self, app: FastAPI) -> None:
        app.get('/')(self.show_page)
        app.get('/day')(self.show_day)
        app.get('/photos/{index}/picture')(self.show_photo)
        app.get('/photos/{index}/regions/{key}/{picture}')(self.show_region)
        app.get('/enrolled/{row}')(self.show_enrolled)
        app.get('/export/{name}')(self.export)

    def show_page(self) -> Response:
        page = render_page_of(day_content(self.teacher), self.access.csrf)
        return Response(page, media_type='text/html; charset=utf-8')

    def show_day(self) -> dict:
        with _explained():
            self.day.refresh()
        return day_content(self.teacher)

    def show_photo(self, index: Index) -> Response:
        with _explained():
            pixels = read_image(self.day.photo(index).path)
        return Response(encode(pixels, 'JPEG', 92), media_type='image/jpeg', headers=_KEPT)

    def show_region(self, index: Index, key: Index, picture: str) -> Response:
        with _explained():
            answers = self.day.photo(index).answers
            if key not in answers or picture not in ('crop', 'view'):
                raise LookupError('there is no such picture')
            return _webp(getattr(answers[key], picture))

    def show_enrolled(self, row: Index) -> Response:
        pictures = self.day.model.inferencer.pictures
        if row >= len(pictures):
            raise HTTPException(404, f'the model has {len(pictures)} instances')
        return _webp(encode(pictures[row].numpy()))

    def export(self, name: str) -> Response:
        makers = {
            'day.csv': partial(day_table, self.day),
            'review.html': partial(review_page, self.day),
            'model.onnx': partial(onnx_file, self.day.model.path, self.allow),
        }
        if name not in makers:
            raise HTTPException(404, f'exported are {", ".join(makers)}')
        with _explained():
            content = makers[name]()
        headers = {'content-disposition': f'attachment; filename="{name}"'}
        return Response(content, media_type='application/octet-stream', headers=headers)


class _Changes:
    """What is changed; :class:`Gate` has seen that the page asks for it."""

    def __init__(self, day: Day, teacher: Teacher):
        self.day = day
        self.teacher = teacher

    def add_to(self, app: FastAPI) -> None:
        app.post('/photos/{index}/regions')(self.draw)
        app.put('/photos/{index}/regions/{key}')(self.decide)
        app.post('/photos/{index}/regions/{key}/undo')(self.undo)
        app.post('/learn')(self.learn)
        app.post('/classes')(self.make_class)
        app.put('/enrolled')(self.relabel_enrolled)
        app.post('/versions/{number}')(self.go_back)

    def draw(self, index: Index, body: Geometry) -> dict:
        with _explained():
            return self._region(index, self.day.draw(index, body))

    def decide(self, index: Index, key: Index, body: RegionBody) -> dict:
        with _explained():
            self.day.decide(index, key, body.geometry, body.verdict, body.label)
            return self._region(index, key)

    def undo(self, index: Index, key: Index) -> dict:
        with _explained():
            self.day.undo(index, key)
            return self._region(index, key)

    def learn(self, body: LearnBody) -> dict:
        with _explained():
            return taught_content(self.teacher, self.teacher.teach(body.accepted))

    def make_class(self, body: ClassBody) -> dict:
        with _explained():
            taught = self.teacher.make_class(body.label, body.regions)
            return taught_content(self.teacher, taught)

    def relabel_enrolled(self, body: EnrolledBody) -> dict:
        with _explained():
            taught = self.teacher.relabel_enrolled(body.version, body.row, body.label)
            return taught_content(self.teacher, taught)

    def go_back(self, number: Index) -> dict:
        with _explained():
            return taught_content(self.teacher, self.teacher.go_back(number))

    def _region(self, index: int, key: int) -> dict:
        """A region as it is now, null where it is gone, and what could be learnt."""
        with self.day.lock:
            is_there = key in self.day.photos[index].regions
            return {
                'region': region_content(self.day, index, key) if is_there else None,
                'pending': [self.teacher.pending(accepted) for accepted in (False, True)],
            }


@contextmanager
def _explained() -> Iterator[None]:
    """Answer what cannot be done by its message."""
    try:
        yield
    except LookupError as error:
        raise HTTPException(404, str(error.args[0])) from error
    except (ValueError, OSError) as error:
        raise HTTPException(400, str(error)) from error


def _webp(content: bytes) -> Response:
    return Response(content, media_type='image/webp', headers=_KEPT)


async def _explain(_: Request, error: RequestValidationError) -> Response:
    """One sentence about the first thing that is wrong with a request."""
    first = error.errors()[0]
    place = '.'.join(map(str, first['loc'][1:])) or first['loc'][0]
    return _problem(400, f'{place}: {first["msg"]}')


async def _refuse(_: Request, error: AnyHTTPException) -> Response:
    return _problem(error.status_code, str(error.detail))


def _problem(status: int, detail: str) -> Response:
    # A message may repeat what was sent.
    return AsciiJSONResponse({'detail': printable(detail[:500])}, status)
