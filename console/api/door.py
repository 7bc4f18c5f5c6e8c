"""Who calls, may they, how often; and the body of a request within its limits."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect, Request

from canonical_model.contact import Contact
from canonical_model.decision import Decision
from console.api.allowance import Allowance
from console.api.credentials import Credentials, Scope
from console.api.feed import PREFIX, Feed
from console.api.problems import (
    MALFORMED,
    NOT_ALLOWED,
    NOT_AUTHENTIC,
    TOO_LARGE,
    TOO_MANY,
    TOO_SLOW,
    RefusedError,
)
from console.api.settings import ApiSettings
from journal.journal import Journal
from ports.files import FileRules
from ports.intake import Accept, Inbound

Complete = Callable[[Contact], Awaitable[Contact]]
Foresee = Callable[[Inbound], Awaitable[tuple[Decision | None, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """What stands behind the API. `complete` asks the enrichers, as the hub itself will before it stores."""

    journal: Journal
    accept: Accept
    complete: Complete
    stopping: Callable[[], bool]
    settings: ApiSettings
    credentials: Credentials
    allowance: Allowance
    feed: Feed

    @property
    def rules(self) -> FileRules:
        """Which files may come along."""
        return self.settings.file_rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An existing system that was let in."""

    system: str

    @property
    def source(self) -> str:
        """The source of what it submits."""
        return f"{PREFIX}{self.system}"


_bearer = HTTPBearer(auto_error=False, description="A credential: `wegwijzer credential add <system>`.")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def anybody(request: Request, bearer: Bearer) -> Caller:
    """Any system with a valid credential."""
    return await _admitted(request, bearer, None)


async def sender(request: Request, bearer: Bearer) -> Caller:
    """A system whose credential has the scope `send`."""
    return await _admitted(request, bearer, Scope.SEND)


async def reader(request: Request, bearer: Bearer) -> Caller:
    """A system whose credential has the scope `read`."""
    return await _admitted(request, bearer, Scope.READ)


Anybody = Annotated[Caller, Depends(anybody)]
Sender = Annotated[Caller, Depends(sender)]
Reader = Annotated[Caller, Depends(reader)]


def back_of(request: Request) -> Back:
    """What stands behind the API."""
    back: Back = request.app.state.back
    return back


Behind = Annotated[Back, Depends(back_of)]


async def body_of(request: Request, back: Back) -> bytes:
    """The whole body. Raises `RefusedError` when it is too large or too slow."""
    limit = back.settings.max_body_bytes
    length = request.headers.get("content-length", "")
    if len(length) > 18 or (length.isdecimal() and int(length) > limit):
        raise _too_large(limit)
    received = bytearray()
    try:
        async with asyncio.timeout(back.settings.body_seconds):
            async for chunk in request.stream():
                received += chunk
                if len(received) > limit:
                    raise _too_large(limit)
    except TimeoutError:
        raise RefusedError(TOO_SLOW, "send the whole body faster") from None
    except ClientDisconnect:
        raise RefusedError(MALFORMED, "the connection was cut before the body was complete") from None
    return bytes(received)


async def _admitted(
    request: Request, bearer: HTTPAuthorizationCredentials | None, scope: Scope | None
) -> Caller:
    back = back_of(request)
    credential = await back.credentials.of(bearer.credentials) if bearer else None
    system = back.settings.systems.get(credential.system) if credential else None
    if credential is None or system is None:
        raise RefusedError(NOT_AUTHENTIC, "send a valid credential as `Authorization: Bearer ...`")
    wait = await back.allowance.take(credential.id, system.requests_per_minute)
    if wait:
        detail = f"{system.requests_per_minute} requests per minute are agreed"
        raise RefusedError(TOO_MANY, detail, retry_after=wait)
    if scope and scope not in credential.scopes:
        raise RefusedError(NOT_ALLOWED, f"this credential lacks the scope `{scope}`")
    return Caller(system=credential.system)


def _too_large(limit: int) -> RefusedError:
    return RefusedError(TOO_LARGE, f"a request may have {limit} bytes, files included")
