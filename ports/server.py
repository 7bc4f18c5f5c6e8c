"""HTTP/1.1 from other systems: uvicorn, with what the hub's doors need of it beside.

- A head that does not end is cut off: the parser itself would collect it for ever.
- The usual answer leaves in one piece: uvicorn writes its head and its body apart, which costs a system call each.
- Doors are found by their path at once: a router tries its routes one after the other.
- The trace that a sender told is known to whatever door it came to.
"""

import asyncio
from collections.abc import Awaitable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final, cast

import uvicorn
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ports.tracing import hear

LONGEST_HEAD: Final = 65_536
"""Bytes of a request's first line and headers."""
_HOP_BY_HOP: Final = frozenset({b"connection", b"transfer-encoding"})
_CONTROLS: Final = bytes({*range(32), 127} - {ord("\t")})


def server(app: ASGIApp, address: str) -> uvicorn.Server:
    """A server for `app` on `host:port`; it serves until its `should_exit` is set."""
    host, _, port = address.rpartition(":")
    return _Server(
        uvicorn.Config(
            app,
            interface="asgi3",  # by itself, uvicorn takes nothing else than coroutine functions for that
            host=host.strip("[]"),
            port=int(port),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_graceful_shutdown=20,
            http=_Protocol,
            backlog=4096,
        )
    )


class DoorsFirst:
    """An ASGI application: plain doors by method and path, and for everything else the application behind them."""

    def __init__(self, doors: Iterable[BaseRoute], behind: ASGIApp) -> None:
        self._doors = _by_path(doors)
        self._behind = behind

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        hear(scope.get("headers", ()))
        asked = scope.get("method", ""), scope.get("path", "")
        return self._doors.get(asked, self._behind)(scope, receive, send)


def _by_path(doors: Iterable[BaseRoute]) -> dict[tuple[str, str], ASGIApp]:
    """A path without parameters leads nowhere else."""
    plain = (one for one in doors if isinstance(one, Route) and not one.param_convertors)
    return {(method, one.path): one.app for one in plain for method in one.methods or ()}


class _Server(uvicorn.Server):
    """A web server that leaves signals alone: uvicorn would end the process before the hub is closed."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Protocol(HttpToolsProtocol):
    """One connection."""

    _head = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self.on_message_begin()  # there is a scope from now on

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if "method" in self.scope:  # the head has come to its end
            self._head = 0
            return
        self._head += len(data)
        if self._head > LONGEST_HEAD:
            self.send_400_response("The head of the request is too large.")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        answering: Any = _Answering(
            cycle, app
        )  # uvicorn and starlette name the types of ASGI each in its own way
        super()._start_asgi_task(cycle, answering)


class _Answering:
    """An application and its answer to one request: the usual one, whole and of a known length, leaves in one piece.

    Any other is for uvicorn to send, or to refuse.
    """

    def __init__(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:
        self._cycle = cycle
        self._app = app
        self._start: Message | None = None

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        self._by_uvicorn = send
        return self._app(scope, receive, self._send)

    async def _send(self, message: Message) -> None:
        cycle, start = self._cycle, self._start
        if start is None and message["type"] == "http.response.start":
            self._start = message  # a head leaves with the first part of its body, as ASGI wants it
        elif start is None or cycle.response_started:
            await self._by_uvicorn(message)
        elif self._is_free() and (whole := self._whole(start, message)):
            cycle.transport.write(whole)
            cycle.response_started = cycle.response_complete = True
            cycle.message_event.set()
            cycle.on_response()
        else:
            await self._by_uvicorn(start)
            await self._by_uvicorn(message)

    def _is_free(self) -> bool:
        """The connection takes an answer with a body now, and goes on after it."""
        cycle = self._cycle
        hindered = cycle.disconnected or cycle.flow.write_paused or cycle.waiting_for_100_continue
        return cycle.keep_alive and not hindered and cycle.scope["method"] != "HEAD"

    def _whole(self, start: Message, message: Message) -> bytes:
        """The answer as it goes over the wire; b"" when it is none of the usual kind."""
        if message["type"] != "http.response.body" or message.get("more_body", False):
            return b""
        headers = [*self._cycle.default_headers, *start.get("headers", ())]
        body, told = message.get("body", b""), dict(headers)
        if told.get(b"content-length") != b"%d" % len(body):
            return b""
        names, head = b"".join(told), b"\r\n".join([name + b": " + value for name, value in headers])
        if not (names.islower() and names.replace(b"-", b"").isalnum() and _HOP_BY_HOP.isdisjoint(told)):
            return b""
        if len(head.translate(None, _CONTROLS)) != len(head) - 2 * (len(headers) - 1):
            return b""
        return b"%b%b\r\n\r\n%b" % (STATUS_LINE[start["status"]], head, body)
