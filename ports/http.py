"""HTTP/1.1 to other systems: a transport for httpx on connections of our own.

Adapters use `httpx.AsyncClient(transport=PooledTransport(), ...)`, and tests put a fake in its place. httpx's own
transport, and others under it, cost several times what the rest of a delivery does (docs/decisions/0011).

What it promises: an error that says "not sent" (`httpx.ConnectError`, `ConnectTimeout`, `PoolTimeout`,
`LocalProtocolError`) is never raised once a byte of the request may have gone out; from then on it is `ReadTimeout`,
`ReadError` or `RemoteProtocolError`. Answers are read whole. Redirects, cookies and log-in are the client's business;
there are no proxies. May be used by many tasks of one event loop.

What is asked with every message goes by an `Endpoint`, which needs a tenth of the client's processor time.
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, cast

import httpx
from httptools import HttpParserError, HttpResponseParser

from canonical_model.value import Hidden, Value
from ports import tracing
from ports.places import Places

IDLE_SECONDS: Final = 3.0
"""How long a connection is kept for the next request: shorter than servers keep it, so that they rarely cut it."""
MOST_BYTES: Final = 64 * 1024 * 1024
"""The largest answer that is read."""
_SAFE_TO_REPEAT: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HEADER: Final = b"%b: %b"
_PACKING: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class _Origin(NamedTuple):
    """Where connections go."""

    scheme: str
    host: str
    port: int


class _Patience(NamedTuple):
    """httpx's time-outs in seconds; None = for ever."""

    connect: float | None
    read: float | None
    pool: float | None


class _Question(Value, frozen=True, kw_only=True):
    """A request as it goes over the wire. `name`: whom the other side's certificate must name."""

    method: str
    origin: _Origin
    name: str
    patience: _Patience
    message: Hidden[bytes]


class HttpAnswer(Value, frozen=True, kw_only=True):
    """An answer with its whole content: a third of the transport's work went into making a `httpx.Response` of each."""

    status_code: int
    headers: Hidden[list[tuple[bytes, bytes]]]
    content: Hidden[bytes]

    @property
    def is_success(self) -> bool:
        """It was done as asked: 2xx."""
        return 200 <= self.status_code <= 299

    def response(self) -> httpx.Response:
        """The same for whoever asks more of it; it does not know its request. Raises `httpx.RemoteProtocolError`."""
        if not self._is_packed():
            return _Whole(self.status_code, self.headers, self.content)
        try:
            return httpx.Response(self.status_code, headers=self.headers, content=self.content)
        except httpx.DecodingError as error:
            raise httpx.RemoteProtocolError(f"the answer cannot be unpacked: {error}") from error

    def unpacked(self) -> "HttpAnswer":
        """The same with its content as it was before it was packed for the way. Raises `httpx.RemoteProtocolError`."""
        return _plain(self.response()) if self._is_packed() else self

    def _is_packed(self) -> bool:
        return b"content-encoding" in [name.lower() for name, _ in self.headers]


class PooledTransport(httpx.AsyncBaseTransport):
    """Keeps connections and uses them again; at most `connections` at the same time over all origins."""

    def __init__(self, *, connections: int = 100, tls: ssl.SSLContext | None = None) -> None:
        self._places = Places(connections)
        self._tls = tls
        self._idle: defaultdict[_Origin, list[_Connection]] = defaultdict(list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.AsyncBaseTransport`."""
        return (await self.exchange(_question(request, await request.aread()))).response()

    async def exchange(self, question: _Question) -> HttpAnswer:
        """The same, of what is ready for the wire."""
        try:
            await self._places.take(question.patience.pool)
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are in use") from None
        try:
            kept = self._kept(question.origin)
            try:
                return await self._ask(kept or await self._connected(question), question)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                if kept is None or kept.heard or question.method not in _SAFE_TO_REPEAT:
                    raise
            fresh = await self._connected(question)  # the server had let go of the kept one
            return await self._ask(fresh, question)
        finally:
            self._places.give_back()

    async def aclose(self) -> None:
        """Let go of the connections that nobody uses."""
        for connections in self._idle.values():
            for connection in connections:
                connection.abort()
        self._idle.clear()

    async def _ask(self, connection: "_Connection", question: _Question) -> HttpAnswer:
        try:
            answer = await connection.ask(question)
        except BaseException:
            connection.abort()
            raise
        if connection.reusable:
            connection.idle_since = connection.loop.time()
            self._idle[question.origin].append(connection)
        else:
            connection.abort()
        return answer

    def _kept(self, origin: _Origin) -> "_Connection | None":
        connections = self._idle[origin]
        while connections:
            connection = connections.pop()
            if not connection.closed and connection.loop.time() - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    async def _connected(self, question: _Question) -> "_Connection":
        loop = asyncio.get_running_loop()
        origin = question.origin
        secure = origin.scheme == "https"
        try:
            async with asyncio.timeout(question.patience.connect):
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop),
                    origin.host,
                    origin.port,
                    ssl=self._secured() if secure else None,
                    server_hostname=question.name if secure else None,
                )
        except TimeoutError:
            raise httpx.ConnectTimeout(f"{origin.host} does not answer") from None
        except (OSError, ssl.SSLError) as error:
            raise httpx.ConnectError(f"{origin.host}: {error}") from error
        return connection

    def _secured(self) -> ssl.SSLContext:
        self._tls = self._tls or httpx.create_ssl_context(trust_env=False)
        return self._tls


class Endpoint:
    """An address to which something is sent over and over: what is the same each time is put together once.

    Instead of `httpx.AsyncClient`, where its cookies, redirects and log-in are not needed. Traces are passed on.
    Over another transport than ours, the same is asked by a request of httpx, so tests put their fakes in its place.
    """

    def __init__(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        transport: httpx.AsyncBaseTransport,
        headers: Mapping[str, str],
        timeout: httpx.Timeout,
    ) -> None:
        self._transport = transport
        self._model = httpx.Request(method, url, headers=headers, extensions={"timeout": timeout.as_dict()})
        self._model.headers.pop("Content-Length", None)
        self._head = _head(self._model.method, self._model.url, self._model.headers.raw)
        self._origin, self._patience = _origin(self._model.url), _patience(self._model)

    async def send(self, body: bytes, headers: Mapping[str, str] = _NO_HEADERS) -> HttpAnswer:
        """Send this body, with more headers, and return the answer, unpacked.

        Raises what a transport raises.
        """
        more = [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]
        if traceparent := tracing.current():
            more.append((tracing.HEADER.encode(), traceparent.encode()))
        if isinstance(self._transport, PooledTransport):
            return (await self._transport.exchange(self._question(body, more))).unpacked()
        model = self._model
        request = httpx.Request(
            model.method,
            model.url,
            headers=[*model.headers.raw, *more],
            content=body,
            extensions=model.extensions,
        )
        answer = await self._transport.handle_async_request(request)
        await answer.aread()
        return _plain(answer)

    def _question(self, body: bytes, more: list[tuple[bytes, bytes]]) -> _Question:
        head = self._head + _lines(map(_HEADER.__mod__, more)) if more else self._head
        message = b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        return _Question(
            method=self._model.method,
            origin=self._origin,
            name=self._origin.host,
            patience=self._patience,
            message=message,
        )


class _Connection(asyncio.Protocol):
    """One connection: a question, its answer, and then perhaps the next."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.closed = False
        self.reusable = False
        self.heard = False
        self.idle_since = 0.0
        self._parser = HttpResponseParser(self)
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, question: _Question) -> HttpAnswer:
        """Send a request and wait for the whole answer, for as long as its parts keep coming."""
        if self.closed:
            raise httpx.ReadError("the connection was cut")
        self._answer = self.loop.create_future()
        self._head_only, self._patience = question.method == "HEAD", question.patience.read
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self.heard = self.reusable = False
        self._heard_at = self.loop.time()
        self._transport.write(question.message)
        if self._patience is not None:
            self._timer = self.loop.call_later(self._patience, self._check_patience)
        try:
            return await self._answer
        finally:
            if self._timer:
                self._timer.cancel()

    def abort(self) -> None:
        """Close at once."""
        self.closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # nobody asked anything
            return
        self.heard = True
        self._heard_at = self.loop.time()
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self.reusable = False
            self._fail(httpx.RemoteProtocolError(f"not HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._answer is None or self._answer.done():
            return
        if exc is None and self.heard and self._headers_complete() and not self._is_bounded():
            self._finish()  # an answer without a length ends with its connection
        elif exc is None:
            self._fail(httpx.RemoteProtocolError("the connection was closed before the answer was complete"))
        else:
            self._fail(httpx.ReadError("the connection was cut"))

    def on_message_begin(self) -> None:
        if self._answer is None or self._answer.done():
            self.reusable = False  # more than was asked for: who knows what the rest would be taken for

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._head_only:
            self._finish()

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > MOST_BYTES:
            self._fail(httpx.RemoteProtocolError(f"the answer has more than {MOST_BYTES} bytes"))
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        if self._answer is None or self._answer.done():
            return
        if self._parser.get_status_code() < 200:  # "continue", "early hints": the answer is yet to come
            self._headers.clear()
            return
        self.reusable = self._parser.should_keep_alive() and not self._head_only
        self._finish()

    def _headers_complete(self) -> bool:
        return self._parser.get_status_code() >= 200

    def _is_bounded(self) -> bool:
        return any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self._headers)

    def _finish(self) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(
                HttpAnswer(
                    status_code=self._parser.get_status_code(),
                    headers=self._headers,
                    content=b"".join(self._body),
                )
            )

    def _fail(self, error: Exception) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(error)

    def _check_patience(self) -> None:
        patience = self._patience or 0.0
        left = self._heard_at + patience - self.loop.time()
        if left > 0:
            self._timer = self.loop.call_later(left, self._check_patience)
        else:
            self._fail(httpx.ReadTimeout(f"no answer within {patience:g} seconds"))


class _Whole(httpx.Response):
    """An answer that is here already: httpx would pass its bytes on from stream to stream before it shows them."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        super().__init__(status, headers=headers, stream=httpx.ByteStream(body))
        self._whole = body

    @property
    def content(self) -> bytes:
        return self._whole

    def read(self) -> bytes:
        return self._whole

    async def aread(self) -> bytes:
        return self._whole


def _plain(response: httpx.Response) -> HttpAnswer:
    """What was read, and the headers, but for how it was packed."""
    headers = [one for one in response.headers.raw if one[0].lower() not in _PACKING]
    return HttpAnswer(status_code=response.status_code, headers=headers, content=response.content)


def _question(request: httpx.Request, body: bytes) -> _Question:
    """A body of unknown length gets its length."""
    headers = [
        (b"Content-Length", b"%d" % len(body)) if name.lower() == b"transfer-encoding" else (name, value)
        for name, value in request.headers.raw
    ]
    origin = _origin(request.url)
    return _Question(
        method=request.method,
        origin=origin,
        name=str(request.extensions.get("sni_hostname") or origin.host),
        patience=_patience(request),
        message=_head(request.method, request.url, headers) + b"\r\n" + body,
    )


def _origin(url: httpx.URL) -> _Origin:
    if url.scheme not in ("http", "https"):
        raise httpx.UnsupportedProtocol(f"only http and https, not {url.scheme!r}")
    return _Origin(url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80))


def _patience(request: httpx.Request) -> _Patience:
    given = request.extensions.get("timeout", {})
    return _Patience(given.get("connect"), given.get("read"), given.get("pool"))


def _head(method: str, url: httpx.URL, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The request line and the headers."""
    first = b"%b %b HTTP/1.1" % (method.encode("ascii"), url.raw_path)
    return _lines((first, *map(_HEADER.__mod__, headers)))


def _lines(lines: Iterable[bytes]) -> bytes:
    """Lines of a head."""
    ended = [line + b"\r\n" for line in lines]
    text = b"".join(ended)
    if text.count(b"\n") != len(ended) or text.count(b"\r") != len(ended):
        raise httpx.LocalProtocolError("a header holds a line break")
    return text
