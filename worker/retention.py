"""Retention as a chore of the scheduler: a little at a time, by one process at a time, and loud when it fails."""

import time

import structlog

from journal.journal import Journal
from journal.operations import Health
from journal.retention import RULES
from ports.errors import TransientError

log = structlog.get_logger()

LEASE = 60.0
"""Seconds after which another scheduler may go on."""
LOOK = 60.0
"""Seconds until an idle housekeeper looks again whether a walk is due."""
SHARE = 0.2
"""Seconds per round, which is the part of the time that the journal gives to this."""
SYSTEM = "retention"
"""Its name on the systems board, once it has failed."""


class Housekeeping:
    """Removes what has had its time. `busy`: a walk is under way here, come back soon."""

    def __init__(self, journal: Journal, *, owner: str) -> None:
        self._journal = journal
        self._owner = owner
        self._next_look = 0.0
        self._failed = False
        self.busy = False

    async def work(self) -> None:
        """A short piece of work, or none when it is not due or another process is at it."""
        if not self.busy and time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK
        self.busy = False
        if not await self._journal.lease("retention", self._owner, LEASE):
            return
        try:
            self.busy = await self._walk()
        except TransientError:
            raise
        except Exception as error:
            log.exception("retention_failed", error=type(error).__name__)
            await self._tell(Health(SYSTEM, ok=False, what=_WHAT, failures=1, open_for=1))
            return
        if self._failed:
            await self._tell(Health(SYSTEM, ok=True))

    async def _walk(self) -> bool:
        end = time.monotonic() + SHARE
        for rule in RULES:
            while (await self._journal.retain(rule)).more:
                if time.monotonic() > end:
                    return True
        return False

    async def _tell(self, health: Health) -> None:
        self._failed = not health.ok
        await self._journal.know_systems([SYSTEM])
        await self._journal.report(health)


_WHAT = "removing what has had its time fails: data is kept too long; the log tells why"
