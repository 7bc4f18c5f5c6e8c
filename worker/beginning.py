"""Beginning while the journal is away: it is waited for, as a hub that runs waits for it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import structlog

from journal.database import StoreBrokenError
from ports.clock import Clock
from ports.errors import TransientError

log = structlog.get_logger()

INTERVAL: Final = 1.0
"""Seconds between two tries."""
SILENCE: Final = 5.0
"""Seconds without an answer after which a try counts as waiting, too: a frozen server, or another process's migration."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 300.0
"""Seconds between two lines in the log: each pause is twice the one before."""


class Beginning:
    """How far a process is that begins. `over`: it works."""

    def __init__(self, clock: Clock) -> None:
        self.over = False
        self._clock = clock
        self._began = clock.monotonic()
        self._error = TransientError("the journal's database gives no answer yet")
        self._pause = FIRST_PAUSE
        self._tell_at = 0.0

    @property
    def waits_for(self) -> str:
        """What is waited for, and since when, in words without addresses; "" when it works."""
        if self.over:
            return ""
        since = self._clock.now() - timedelta(seconds=self._waited())
        return f"waited for since {since.isoformat(timespec='seconds')}, to begin"

    async def until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        """Try until it is done; may be cancelled. Raises what waiting can't mend: all but a `TransientError`."""
        self._began = self._tell_at = self._clock.monotonic()
        listening = asyncio.create_task(self._notice_silence())
        try:
            while not await self._is_done(step):
                self._tell()
                await asyncio.sleep(INTERVAL)
        finally:
            listening.cancel()
        if self._pause > FIRST_PAUSE:
            log.info("journal_is_there", seconds=round(self._waited(), 1))

    async def _is_done(self, step: Callable[[], Awaitable[None]]) -> bool:
        try:
            await step()
        except StoreBrokenError:  # for this process: the next one begins from what is on the disk
            raise
        except TransientError as error:
            self._error = error
            return False
        return True

    async def _notice_silence(self) -> None:
        while True:
            await asyncio.sleep(SILENCE)
            self._tell()

    def _tell(self) -> None:
        """At once, and then ever more seldom."""
        if self._clock.monotonic() < self._tell_at:
            return
        log.warning(
            "journal_is_awaited",
            reason=self._error.what,
            detail=self._error.detail,
            seconds=round(self._waited(), 1),
        )
        self._tell_at = self._clock.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _waited(self) -> float:
        return self._clock.monotonic() - self._began
