"""What no request passes without: host, token, origin, size. Around the whole application."""

import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

#: Name of the cookie that holds the token, and of the header that changes need.
COOKIE, CSRF_HEADER = 'mmvrec-token', 'x-csrf-token'
#: Bytes that the body of a request may have: photos are in the folder, and never sent.
MAX_BODY = 2**20
_TOKEN = re.compile(r'[A-Za-z0-9_-]{16,200}')
_LOOPBACK = ('127.0.0.1', 'localhost', '::1')
_SAFE = ('GET', 'HEAD')
_HEADERS = {
    # What the page may do stands in the page; this cannot stand there.
    b'content-security-policy': b"frame-ancestors 'none'",
    b'x-content-type-options': b'nosniff',
    b'referrer-policy': b'no-referrer',
    b'cross-origin-resource-policy': b'same-origin',
    b'cross-origin-opener-policy': b'same-origin',
}

Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RefusedError(Exception):
    """A request that is not answered.

    Args:
        status (int): of HTTP.
        reason (str): in one sentence.
    """

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Args:
        host (str): address that is listened at.
        token (str, optional): what everybody has to show. Defaults to none, which is for
            loopback alone.
        csrf (str): what the page sends with every change, and no other page knows. Defaults to a
            random one.

    Raises:
        ValueError: other computers could ask without token, or the token is too short.
    """

    host: str = '127.0.0.1'
    token: str | None = None
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def __post_init__(self):
        if self.token is None and not self.is_loopback:
            raise ValueError(
                f'at {self.host} other computers can ask: give a --token, or --token alone for a '
                'random one'
            )
        if self.token is not None and not _TOKEN.fullmatch(self.token):
            raise ValueError('the token must have 16 letters, digits, - or _, or more')

    @property
    def is_loopback(self) -> bool:
        """Whether nobody else's computer can ask."""
        return self.host in _LOOPBACK


class Gate:
    """Refuses requests with one message before the application sees anything of them.

    Args:
        app (Callable): an ASGI application.
        access (Access): who may ask.
    """

    def __init__(self, app: Callable, access: Access):
        self.app = app
        self.access = access

    async def __call__(self, scope: MutableMapping, receive: Receive, send: Send) -> None:
        """Answer a request; anything but HTTP is the server's own."""
        if scope['type'] != 'http':
            if scope['type'] == 'lifespan':
                await self.app(scope, receive, send)
            return
        try:
            headers = _headers(scope)
            self._check_host(headers)
            if self._is_login(scope):
                await _answer(send, 303, {}, {b'location': b'/', b'set-cookie': self._cookie()})
                return
            self._check_token(headers)
            if scope['method'] not in _SAFE:
                self._check_change(headers)
            body = await _read_body(receive, headers)
        except RefusedError as error:
            await _answer(send, error.status, {'detail': error.reason})
            return
        await self.app(scope, _replay(body, receive), _with_headers(send))

    def _check_host(self, headers: dict[str, str]) -> None:
        """A page of elsewhere whose name was made to mean this computer has another host."""
        name = headers.get('host', '')
        name = name[1:].partition(']')[0] if name.startswith('[') else name.partition(':')[0]
        if self.access.is_loopback and name not in _LOOPBACK:
            raise RefusedError(400, 'this server is asked by 127.0.0.1 or localhost alone')

    def _is_login(self, scope: MutableMapping) -> bool:
        """Whether it is the address with the right token, which is then kept as a cookie."""
        if self.access.token is None or scope['path'] != '/':
            return False
        given = parse_qs(scope['query_string'].decode('latin-1')).get('token', [''])
        return scope['method'] == 'GET' and _equal(given[0], self.access.token)

    def _cookie(self) -> bytes:
        return f'{COOKIE}={self.access.token}; HttpOnly; SameSite=Strict; Path=/'.encode('latin-1')

    def _check_token(self, headers: dict[str, str]) -> None:
        if self.access.token is None:
            return
        try:
            cookie = SimpleCookie(headers.get('cookie', '')).get(COOKIE)
        except CookieError:
            cookie = None
        given = headers.get('authorization', '').removeprefix('Bearer ')
        if not _equal(given if cookie is None else cookie.value, self.access.token):
            raise RefusedError(401, 'the token is missing or wrong; open the address with ?token=…')

    def _check_change(self, headers: dict[str, str]) -> None:
        """Changes come from the page itself, as JSON."""
        origin = headers.get('origin', '')
        if origin not in (f'http://{headers["host"]}', f'https://{headers["host"]}'):
            raise RefusedError(403, 'changes are taken from the page of this server alone')
        if not _equal(headers.get(CSRF_HEADER, ''), self.access.csrf):
            raise RefusedError(403, 'the page is of an earlier start of the server; load it again')
        if headers.get('content-type', '').partition(';')[0].strip() != 'application/json':
            raise RefusedError(415, 'changes are JSON (content-type: application/json)')


def _headers(scope: MutableMapping) -> dict[str, str]:
    """Headers by name in lower case; one that comes twice is nobody's mistake."""
    pairs = [(k.decode('latin-1').lower(), v.decode('latin-1')) for k, v in scope['headers']]
    names = [name for name, _ in pairs]
    if any(names.count(name) > 1 for name in ('host', 'origin', 'content-length', CSRF_HEADER)):
        raise RefusedError(400, 'a header comes twice')
    return dict(pairs)


async def _read_body(receive: Receive, headers: dict[str, str]) -> bytes:
    """The body, of which no more is read than is taken."""
    length = headers.get('content-length', '0')
    if not length.isdecimal() or len(length) > 15 or int(length) > MAX_BODY:
        raise RefusedError(413, f'a request has at most {MAX_BODY} bytes')
    body = bytearray()
    while True:
        message = await receive()
        if message['type'] == 'http.disconnect':
            raise RefusedError(400, 'the request ends before its body does')
        body += message.get('body', b'')
        if len(body) > MAX_BODY:
            raise RefusedError(413, f'a request has at most {MAX_BODY} bytes')
        if not message.get('more_body', False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give the body that was read to the application, and then what comes."""
    messages = [{'type': 'http.request', 'body': body, 'more_body': False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _with_headers(send: Send) -> Send:
    """Add headers that say what browsers may do with an answer."""

    async def add(message: Message) -> None:
        if message['type'] == 'http.response.start':
            present = {name.lower() for name, _ in message['headers']}
            more = {b'cache-control': b'no-store', **_HEADERS}
            added = [(name, value) for name, value in more.items() if name not in present]
            message = {**message, 'headers': [*message['headers'], *added]}
        await send(message)

    return add


async def _answer(
    send: Send, status: int, content: dict, headers: dict[bytes, bytes] | None = None
) -> None:
    body = json.dumps(content).encode() if content else b''
    given = {b'content-type': b'application/json', b'content-length': str(len(body)).encode()}
    pairs = list({**given, **(headers or {})}.items())
    send = _with_headers(send)
    await send({'type': 'http.response.start', 'status': status, 'headers': pairs})
    await send({'type': 'http.response.body', 'body': body})


def _equal(given: str, expected: str) -> bool:
    """Compare without telling by the time how much of it is right."""
    return hmac.compare_digest(given.encode(), expected.encode())
