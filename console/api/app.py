"""The API for existing systems as an ASGI application, to be mounted at `/api/v1`."""

import secrets
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.api.description import completed
from console.api.door import Back
from console.api.pages import router
from console.api.problems import (
    BY_STATUS,
    MALFORMED,
    NOT_UNDERSTOOD,
    TRY_LATER,
    UNEXPECTED,
    WRONG_METHOD,
    RefusedError,
    answer,
)
from ports.errors import TransientError

log = structlog.get_logger()

_PAUSE = 5.0
_HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The whole description, made once."""
        if not self.openapi_schema:
            self.openapi_schema = completed(super().openapi())
        return self.openapi_schema


def create_api(back: Back) -> FastAPI:
    """The API over a journal that is started."""
    api = _described()
    api.state.back = back
    return api


def describe() -> dict[str, Any]:
    """The OpenAPI description, without anything behind it."""
    return _described().openapi()


def _described() -> FastAPI:
    api = _Api(
        title="Wegwijzer for existing systems",
        version="1",
        summary="Submit contacts, follow them to their end, and hear what becomes of your cases.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": "/api/v1"}],
    )
    api.include_router(router)
    api.add_middleware(_Guard)
    api.add_exception_handler(RefusedError, _refused)
    api.add_exception_handler(RequestValidationError, _unfit)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(TransientError, _unavailable)
    api.add_exception_handler(Exception, _last_resort)
    return api


class _Guard:
    """Answers are for the caller alone, and are what their type says."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, guarded)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)  # noqa: S101 - registered for this class only
    log.info("api_refused", path=_route(request), problem=error.problem.name)
    return answer(error)


async def _unfit(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class only
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return answer(RefusedError(NOT_UNDERSTOOD, str(first["msg"]), path=place))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    if error.status_code == WRONG_METHOD.status:
        refused = answer(RefusedError(WRONG_METHOD, "see the header Allow"))
        refused.headers["Allow"] = ", ".join(_methods(request))
        return refused
    response = answer(RefusedError(BY_STATUS.get(error.status_code, MALFORMED), str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _unavailable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TransientError)  # noqa: S101 - registered for this class only
    return answer(RefusedError(TRY_LATER, "nothing was done", retry_after=error.retry_after or _PAUSE))


async def _last_resort(request: Request, error: Exception) -> Response:
    number = secrets.token_hex(6)
    log.error("api_failed", problem=number, path=_route(request), error=type(error).__name__)
    return answer(RefusedError(UNEXPECTED, f"tell the administrators this number: {number}"))


def _methods(request: Request) -> list[str]:
    """What can be done at this address, over all of its routes."""
    fitting = [route for route in router.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in fitting if isinstance(route, Route) for method in route.methods or ()})


def _route(request: Request) -> str:
    """The pattern, never the address itself: that may hold what a caller wrote."""
    return str(getattr(request.scope.get("route"), "path", ""))
