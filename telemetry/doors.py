"""Counts how the doors answer, whatever an adapter does behind them."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telemetry.instruments import DOORS


class CountedDoor:
    """ASGI middleware around the door of one adapter. A status is counted when its answer begins."""

    def __init__(self, app: ASGIApp, *, adapter: str) -> None:
        self._app = app
        self._adapter = adapter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        def counted(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                DOORS[self._adapter, message["status"]] += 1
            return send(message)

        await self._app(scope, receive, counted)
