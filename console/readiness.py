"""Health for machines: is this process alive, and can it do its work now?

`/health/live` says that the event loop turns; restart what does not. `/health/ready` tries what the work needs: a
durable write in the journal, the broker. It names what is quarantined, but a process with a quarantined adapter
is ready: its other doors and targets work. Nothing here says more than names, so nobody has to log in.

Both answer from the first moment, while the hub still waits for its journal; its other doors open when it has begun.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from journal.journal import Journal
from ports.errors import TransientError

PATIENCE: Final = 5.0
"""Seconds that the journal may take for a write."""
FRESH: Final = 2.0
"""Seconds that an answer counts for everybody who asks: asking often costs nothing."""
LEASE: Final = "readiness"
"""The row that is written; a lease that is given back at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """This process as it stands: what it is for, and what it holds."""

    version: str
    config_version: str
    roles: frozenset[str]
    beginning: str = ""  # what it waits for before it can begin
    adapters: Mapping[str, bool] = field(default_factory=dict[str, bool])  # is it quarantined?
    listening: Mapping[str, bool] = field(default_factory=dict[str, bool])  # does this process hold it?
    in_flight: int = 0
    broker_reachable: bool = True
    broker_dropped: int = 0
    stopping: bool = False

    @property
    def needs_broker(self) -> bool:
        """A worker without doors gets nothing to do when the broker is away; a door goes on taking in."""
        return "worker" in self.roles and not self.roles & {"intake", "console"}

    @property
    def quarantined(self) -> list[str]:
        """The adapters that could not start."""
        return sorted(name for name, out in self.adapters.items() if out)


Look = Callable[[], Process]
"""How this process stands now."""


class Readiness:
    """The two answers, for one process."""

    def __init__(self, journal: Journal, look: Look, *, name: str) -> None:
        self._journal = journal
        self._look = look
        self._name = name
        self._checked_at = -FRESH
        self._journal_says = ""
        self._checking = asyncio.Lock()

    def routes(self) -> list[Route]:
        """`/health/live` and `/health/ready`."""
        return [Route("/health/live", self.live), Route("/health/ready", self.ready)]

    async def live(self, _request: Request) -> JSONResponse:
        """200 as long as there is an answer at all."""
        return JSONResponse({"status": "alive"})

    async def ready(self, _request: Request) -> JSONResponse:
        """200 `ready` or `degraded` (works, but look), 503 `waiting` or `stopping`."""
        wrong = self._look().beginning or await self._journal_problem()
        process = self._look()
        status = _status(process, journal_writable=not wrong)
        body = {
            "status": status,
            "roles": sorted(process.roles),
            "journal": wrong or "writable",
            "broker": "reachable" if process.broker_reachable else "away",
            "quarantined": process.quarantined,
            "listening": sorted(name for name, holds in process.listening.items() if holds),
        }
        return JSONResponse(body, 200 if status in ("ready", "degraded") else 503)

    async def _journal_problem(self) -> str:
        async with self._checking:
            now = self._journal.clock.monotonic()
            if now - self._checked_at >= FRESH:
                self._journal_says, self._checked_at = await self._try_to_write(), now
            return self._journal_says

    async def _try_to_write(self) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._journal.lease(LEASE, self._name, 0)
        except TransientError as error:
            return error.what
        except TimeoutError:
            return f"no write within {PATIENCE:.0f} seconds"
        return ""


class OnceBegun:
    """An ASGI application whose doors open once the hub has begun; until then they ask to come back, health excepted."""

    def __init__(self, app: ASGIApp, *, has_begun: Callable[[], bool]) -> None:
        self._app = app
        self._has_begun = has_begun

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_open = self._has_begun() or scope["path"].startswith("/health/")
        return (self._app if is_open else _NOT_YET)(scope, receive, send)


_NOT_YET: Final = PlainTextResponse(
    "Wegwijzer begint net. Probeer het zo dadelijk opnieuw.\nWegwijzer is starting. Please try again soon.\n",
    status_code=503,
    headers={"Retry-After": "5"},
)


def _status(process: Process, *, journal_writable: bool) -> str:
    if process.stopping:
        return "stopping"
    if not journal_writable or (process.needs_broker and not process.broker_reachable):
        return "waiting"
    return "ready" if process.broker_reachable and not process.quarantined else "degraded"
