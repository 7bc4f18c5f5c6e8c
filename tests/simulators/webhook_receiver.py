"""An existing system that takes the hub's webhooks: it checks the signature, knows an id it had, and has bad days."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.servers.private import free_port


class WebhookReceiver:
    """`events` by id, each once, in the order of their first coming. `answers`: what to say next, then 204 again."""

    def __init__(self, *secrets: str) -> None:
        self._webhooks = [Webhook(secret) for secret in secrets]
        self.port = free_port()
        self.events: dict[str, Any] = {}
        self.calls = 0
        self.forged = 0
        self.answers: list[Response] = []
        self.arrived = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["WebhookReceiver"]:
        """Listens on loopback."""
        app = Starlette(routes=[Route("/hook", self._hook, methods=["POST"])])
        config = uvicorn.Config(app, port=self.port, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        server.config.load()
        server.lifespan = config.lifespan_class(config)
        await server.startup()
        loop = asyncio.create_task(server.main_loop())
        try:
            yield self
        finally:
            server.should_exit = True
            await loop
            await server.shutdown()

    async def has(self, count: int, seconds: float = 30) -> None:
        """Return when so many different events have come."""
        async with asyncio.timeout(seconds):
            while len(self.events) < count:
                self.arrived.clear()
                await self.arrived.wait()

    async def _hook(self, request: Request) -> Response:
        self.calls += 1
        self.arrived.set()
        body = await request.body()
        event = self._verified(body, dict(request.headers))
        if event is None:
            self.forged += 1
            return Response(status_code=401)
        if self.answers:
            return self.answers.pop(0)
        self.events.setdefault(request.headers["webhook-id"], event)
        self.arrived.set()
        return Response(status_code=204)

    def _verified(self, body: bytes, headers: dict[str, str]) -> Any:
        for webhook in self._webhooks:
            try:
                return webhook.verify(body, headers)
            except WebhookVerificationError:
                continue
        return None
