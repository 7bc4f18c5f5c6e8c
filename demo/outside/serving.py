"""How the systems of this folder are served: on a port of this machine, in the event loop that asks for it."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files in PEM. Where there is an `authority`, only clients whose certificate is of it are let in."""

    certificate: Path
    key: Path
    authority: Path | None = None

    @property
    def options(self) -> dict[str, Any]:
        """As uvicorn wants them."""
        own = {"ssl_certfile": self.certificate, "ssl_keyfile": self.key}
        if self.authority is None:
            return own
        return {**own, "ssl_ca_certs": str(self.authority), "ssl_cert_reqs": ssl.CERT_REQUIRED}


@asynccontextmanager
async def serving(
    app: ASGIApp, port: int = 0, *, host: str = LOOPBACK, tls: Tls | None = None
) -> AsyncGenerator[str]:
    """The app on a port (0 = a free one) until the block ends; its origin, as this machine reaches it."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        lifespan="off",
        interface="asgi3",
        ws="none",
        timeout_graceful_shutdown=1,
        **(tls.options if tls else {}),
    )
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        if running.done():
            await running
        await asyncio.sleep(0.01)
    try:
        yield f"{'https' if tls else 'http'}://{LOOPBACK}:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await running


class HangUpError(Exception):
    """Ends a connection without the rest of an answer."""


class HangUp(Response):
    """The head of an answer, and then nothing: the server closes the line."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"500")]})
        raise HangUpError
