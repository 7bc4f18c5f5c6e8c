"""The replay plans' share of the scheduler: freezing goes on, rows are released at their pace, and followed.

Several schedulers may look; a lease lets one of them work, so that two do not ask the journal the same. The
lease only saves effort: what must happen once is guarded by the journal, row by row.
"""

import structlog

from broker.port import Broker
from journal.journal import Journal
from journal.replay_ledger import FREEZING, RUNNING
from journal.replay_reading import ActivePlan, active_plans
from ports.errors import TransientError

log = structlog.get_logger()

LEASE = 10.0
"""Seconds after which another scheduler goes on for one that died."""
STEPS = 20
"""Batches that are frozen for one plan before others have their turn."""


class Replaying:
    """Moves all plans on by a step."""

    def __init__(self, journal: Journal, broker: Broker, owner: str) -> None:
        self._journal = journal
        self._broker = broker
        self._owner = owner

    async def advance(self) -> None:
        """One look around. A plan in trouble is paused, with the reason; the others go on."""
        plans = await self._journal.database.read(active_plans)
        if not plans or not await self._journal.lease("replays", self._owner, LEASE):
            return
        for plan in plans:
            try:
                await self._step(plan)
            except TransientError:
                raise
            except Exception as error:  # no plan may take the scheduler down with it
                log.exception("replay.plan_failed", plan=plan.id, error=type(error).__name__)
                await self._journal.replays.stop(plan.id, f"{type(error).__name__}: see the technical log")

    async def _step(self, plan: ActivePlan) -> None:
        replays = self._journal.replays
        if plan.state == FREEZING:
            for _ in range(STEPS):
                if not await replays.freeze(plan.id):
                    return
            return
        if plan.in_flight:
            await replays.follow(plan.id)
        if plan.state == RUNNING:
            started = await replays.release(plan.id)
            if started:
                await self._broker.hand_out(started)
