"""A web application of a test on a real port: the port stays, the application changes from test to test."""

import asyncio
import socket
import threading
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass
class Host:
    """Answers with whatever application is in it now."""

    address: str
    app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None, "nobody put an application here"
        await self.app(scope, receive, send)


def hosted() -> Host:
    """A host that listens until the test run ends."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    host = Host(f"http://127.0.0.1:{listening.getsockname()[1]}")
    server = uvicorn.Server(uvicorn.Config(host, log_config=None, lifespan="off"))
    threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True).start()
    return host
