"""Counts how the doors answer, whatever an adapter does behind them."""

from collections.abc import Awaitable

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telemetry.instruments import DOORS


class CountedDoor:
    """ASGI middleware around the door of one adapter. A status is counted when its answer begins."""

    def __init__(self, app: ASGIApp, *, adapter: str) -> None:
        self._app = app
        self._adapter = adapter

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        def counted(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                DOORS[self._adapter, message["status"]] += 1
            return send(message)

        return self._app(scope, receive, counted)


def counted_doors(name: str, webhook: APIRouter) -> list[BaseRoute]:
    """The doors of one adapter, under `/in/<name>`. Plain ones stand bare; FastAPI's own kind needs a FastAPI around it."""
    prefix = f"/in/{name}"
    plain = [
        route for route in webhook.routes if isinstance(route, Route) and not isinstance(route, APIRoute)
    ]
    if len(plain) < len(webhook.routes):
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.include_router(webhook)
        return [Mount(prefix, app=CountedDoor(app, adapter=name))]
    doors: list[BaseRoute] = []
    for one in plain:
        door = Route(f"{prefix}{one.path}", one.endpoint, methods=one.methods, name=one.name)
        door.app = CountedDoor(door.app, adapter=name)
        doors.append(door)
    return doors
