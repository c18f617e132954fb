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
from mmvrec.serving.photo import encode, small_picture
from mmvrec.serving.teacher import Taught, Teacher
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
    _add_reading(app, day, teacher, access, allow)
    _add_changes(app, day, teacher)
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


def _add_reading(
    app: FastAPI, day: Day, teacher: Teacher, access: Access, allow: Collection[str]
) -> None:
    """Add what is read."""

    @app.get('/')
    def show_page() -> Response:
        page = render_page_of(day_content(teacher), access.csrf)
        return Response(page, media_type='text/html; charset=utf-8')

    @app.get('/day')
    def show_day() -> dict:
        with _explained():
            day.refresh()
        return day_content(teacher)

    @app.get('/photos/{index}/picture')
    def show_photo(index: Index) -> Response:
        with _explained():
            pixels = read_image(day.photo(index).path)
        return Response(encode(pixels, 'JPEG', 92), media_type='image/jpeg', headers=_KEPT)

    @app.get('/photos/{index}/small')
    def show_small(index: Index) -> Response:
        with _explained():
            return _webp(small_picture(day.photo(index).path))

    @app.get('/photos/{index}/regions/{key}/{picture}')
    def show_region(index: Index, key: Index, picture: str) -> Response:
        with _explained():
            answers = day.photo(index).answers
            if key not in answers or picture not in ('crop', 'view'):
                raise LookupError('there is no such picture')
            return _webp(getattr(answers[key], picture))

    @app.get('/enrolled/{row}')
    def show_enrolled(row: Index) -> Response:
        pictures = day.model.inferencer.pictures
        if row >= len(pictures):
            raise HTTPException(404, f'the model has {len(pictures)} instances')
        return _webp(encode(pictures[row].numpy()))

    @app.get('/export/{name}')
    def export(name: str) -> Response:
        kinds = {
            'day.csv': (partial(day_table, day), 'text/csv; charset=utf-8'),
            'review.html': (partial(review_page, day), 'text/html; charset=utf-8'),
            'model.onnx': (
                partial(onnx_file, day.model.path, tuple(allow)),
                'application/octet-stream',
            ),
        }
        if name not in kinds:
            raise HTTPException(404, f'exported are {", ".join(kinds)}')
        make, kind = kinds[name]
        with _explained():
            content = make()
        headers = {'content-disposition': f'attachment; filename="{name}"'}
        return Response(content, media_type=kind, headers=headers)


def _add_changes(app: FastAPI, day: Day, teacher: Teacher) -> None:
    """Add what is changed; :class:`Gate` has seen that the page asks for it."""

    def told(index: int, key: int) -> dict:
        return {'region': region_content(day, index, key), **_counts(teacher)}

    def taught(taught: Taught) -> dict:
        return taught_content(teacher, taught)

    @app.post('/photos/{index}/regions')
    def draw(index: Index, body: Geometry) -> dict:
        with _explained():
            return told(index, day.draw(index, body))

    @app.put('/photos/{index}/regions/{key}')
    def decide(index: Index, key: Index, body: RegionBody) -> dict:
        with _explained():
            day.decide(index, key, body.geometry, body.verdict, body.label)
            return told(index, key)

    @app.post('/photos/{index}/regions/{key}/undo')
    def undo(index: Index, key: Index) -> dict:
        with _explained():
            day.undo(index, key)
            if key in day.photos[index].regions:
                return told(index, key)
            return {'region': None, **_counts(teacher)}

    @app.post('/learn')
    def learn(body: LearnBody) -> dict:
        with _explained():
            return taught(teacher.teach(body.accepted))

    @app.post('/classes')
    def make_class(body: ClassBody) -> dict:
        with _explained():
            return taught(teacher.make_class(body.label, body.regions))

    @app.put('/enrolled')
    def relabel_enrolled(body: EnrolledBody) -> dict:
        with _explained():
            return taught(teacher.relabel_enrolled(body.version, body.row, body.label))

    @app.post('/versions/{number}')
    def go_back(number: Index) -> dict:
        with _explained():
            return taught(teacher.go_back(number))


def _counts(teacher: Teacher) -> dict:
    with teacher.day.lock:
        return {'pending': [teacher.pending(accepted) for accepted in (False, True)]}


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
