"""HTTP/1.1 from other systems: uvicorn, with what the hub's doors need of it beside.

- A head that does not end is cut off: the parser itself would collect it for ever.
- An answer leaves in one piece: uvicorn writes its head and its body apart, which costs a system call each.
- Doors are found by their path at once: a router tries its routes one after the other.
- The trace that a sender told is known to whatever door it came to.
"""

import asyncio
from collections.abc import Awaitable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final, cast

import uvicorn
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ports.tracing import hear

LONGEST_HEAD: Final = 65_536
"""Bytes of a request's first line and headers."""
LARGE: Final = 16_384
"""From this many bytes on, an answer does not wait for its next part."""


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
        super().connection_made(_OnePiece(cast("asyncio.Transport", transport)))
        self.on_message_begin()  # there is a scope from now on

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if "method" in self.scope:  # the head has come to its end
            self._head = 0
            return
        self._head += len(data)
        if self._head > LONGEST_HEAD:
            self.send_400_response("The head of the request is too large.")


class _OnePiece(asyncio.Transport):
    """Sends what is written in one turn of the event loop in one piece; what is large, at once."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._waiting = b""

    def write(self, data: Any) -> None:
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting += data
        if len(self._waiting) > LARGE:
            self._send()

    def _send(self) -> None:
        if self._waiting:
            self._transport.write(self._waiting)
            self._waiting = b""

    def close(self) -> None:
        self._send()
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)
