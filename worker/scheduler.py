"""What must happen by time: the sweeper and the timers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence

import structlog

from broker.port import Broker
from canonical_model.case import CaseRef
from canonical_model.events import TimerFired
from journal.effects import SweepRequest
from journal.journal import Journal
from ports.errors import TransientError
from ports.intake import Accept, Inbound
from worker.breaker import Breakers

log = structlog.get_logger()

SWEEP = 500


class Scheduler:
    """Looks around every second. Several may run at once: each step may be repeated.

    `chores` are done after its own steps, every time; one that is not due returns at once.
    """

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        accept: Accept,
        breakers: Breakers,
        *,
        bulk: Broker | None = None,
        chores: Sequence[Callable[[], Awaitable[None]]] = (),
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._bulk = bulk or broker
        self._accept = accept
        self._breakers = breakers
        self._chores = chores
        self._stopping = asyncio.Event()

    async def run(self, interval: float = 1.0) -> None:
        """Go round until `stop` is called."""
        while not self._stopping.is_set():
            for step in (self.sweep, self.fire_timers, *self._chores):
                await self._safely(step)
            try:
                async with asyncio.timeout(interval):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    def stop(self) -> None:
        """Finish the round."""
        self._stopping.set()

    async def sweep(self) -> None:
        """Hand out again what is due and what nobody finished; and for the first time what came in bulk."""
        for broker, bulk in ((self._broker, False), (self._bulk, True)):
            request = SweepRequest(limit=SWEEP, held=self._breakers.held(), bulk=bulk)
            if ids := await self._journal.sweep(request):
                await broker.hand_out(ids)

    async def fire_timers(self) -> None:
        """Turn every timer that is due into a message; its message removes it."""
        for timer in await self._journal.due_timers():
            event = TimerFired(case=CaseRef(timer.case_ref), name=timer.name, round=timer.round)
            reference = f"{timer.case_ref}/{timer.name}/{timer.due_at}/{timer.round}"
            await self._accept(
                Inbound(
                    source="timer",
                    source_ref=reference,
                    raw=json.dumps({"timer": reference, "round": timer.round}).encode(),
                    media_type="application/json",
                    event=event,
                )
            )

    async def _safely(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except TransientError as error:
            log.warning("schedule_delayed", step=getattr(step, "__name__", "?"), reason=error.what)
