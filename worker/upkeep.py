"""What every process does beside its roles: keep up with what people and other processes decided, and with the time."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from journal.journal import Journal
from ports.errors import TransientError
from worker.breaker import Breakers

log = structlog.get_logger()

ROUNDS_PER_CLOCK = 10


class Upkeep:
    """Looks around every second; a journal that is away is waited for. `also` is done in every round."""

    def __init__(
        self, journal: Journal, breakers: Breakers, *, also: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._journal = journal
        self._breakers = breakers
        self._also = also
        self._stopping = asyncio.Event()

    async def run(self, interval: float = 1.0) -> None:
        """Go round until `stop` is called."""
        rounds = 0
        while not self._stopping.is_set():
            await self._round(clock=rounds % ROUNDS_PER_CLOCK == 0)
            rounds += 1
            try:
                async with asyncio.timeout(interval):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Finish the round."""
        self._stopping.set()

    async def _round(self, *, clock: bool) -> None:
        try:
            await self._breakers.refresh()
            if clock:
                await self._journal.set_clock()
                await self._journal.tell_outages()
            if self._also:
                await self._also()
        except TransientError as error:
            log.warning("upkeep_delayed", reason=error.what)
