"""What must happen by time: the sweeper, the timers, replay plans, and keeping up with what people decided."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from secrets import token_hex

import structlog

from broker.port import Broker
from canonical_model.case import CaseRef
from canonical_model.events import TimerFired
from journal.effects import SweepRequest
from journal.journal import Journal
from ports.errors import TransientError
from ports.intake import Accept, Inbound
from worker.breaker import Breakers
from worker.replays import Replaying

log = structlog.get_logger()

SWEEP = 500


class Scheduler:
    """Looks around every second. Several may run at once: each step may be repeated."""

    def __init__(
        self, journal: Journal, broker: Broker, accept: Accept, breakers: Breakers, *, owner: str = ""
    ) -> None:
        """`owner` is the name of this process, unique among all that run."""
        self._journal = journal
        self._broker = broker
        self._accept = accept
        self._breakers = breakers
        self.replaying = Replaying(journal, broker, owner or f"scheduler/{token_hex(4)}")
        self._stopping = asyncio.Event()

    async def run(self, interval: float = 1.0) -> None:
        """Go round until `stop` is called."""
        while not self._stopping.is_set():
            for step in (self._breakers.refresh, self.sweep, self.fire_timers, self.replaying.advance):
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
        """Hand out again what is due and what nobody finished."""
        ids = await self._journal.sweep(SweepRequest(limit=SWEEP, held=self._breakers.held()))
        if ids:
            await self._broker.hand_out(ids)

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
