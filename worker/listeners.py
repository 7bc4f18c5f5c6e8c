"""Listening to the systems that we fetch from: one process per source at a time, by a lease in the journal."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from journal.journal import Journal
from journal.operations import Health
from ports.errors import AdapterError, MisconfiguredError, TransientError
from ports.source import Source

log = structlog.get_logger()

LEASE = 5.0
"""Seconds after which another process may take a source over from one that died; renewed thrice as often."""


class Listener:
    """Polls one source for ever; an outage is told once when it begins and once when it ends.

    `behind` names the target that is the same system: when it is away, that is one outage, not two. Each of the two keeps how it does
    under a name of its own, so that what is well on one way says nothing of the other.
    """

    def __init__(
        self, source: Source, journal: Journal, *, owner: str, interval: float = 10.0, behind: str = ""
    ) -> None:
        self.source = source
        self.system = f"{source.name}/in" if source.name == behind else source.name
        """The name under which the journal keeps how the source does."""
        self.active = False
        """Whether this process listens now: it holds the lease."""
        self._journal = journal
        self._owner = owner
        self._interval = interval
        self._behind = behind
        self._stopping = asyncio.Event()
        self._failures = 0
        self._told = False
        """Whether the journal has heard from this process how the source does: before, it may know more than we."""
        self._listened = False

    async def run(self) -> None:
        """Listen until `stop` is called."""
        while not self._stopping.is_set():
            if await self._have_lease():
                await self._round()
            else:
                await self._stand_by()
        await self._let_go()

    def stop(self) -> None:
        """Finish the round and give the source back."""
        self._stopping.set()

    async def _round(self) -> None:
        self._listened = True
        renewing = asyncio.create_task(self._keep_lease())
        try:
            await self.source.poll()
            await self._well()
            await self._until_stopped(self.source.wait(self._interval))
        except AdapterError as error:
            await self._ill(error)
        except (
            Exception
        ) as error:  # a source that stumbles may not take the doors and the workers down with it
            if not self._failures:
                log.exception("source_stumbled", source=self.source.name, error=type(error).__name__)
            await self._ill(TransientError(f"an error that nobody foresaw: {type(error).__name__}"))
        finally:
            renewing.cancel()

    async def _well(self) -> None:
        if self._failures:
            log.info("source_is_back", source=self.source.name)
        if self._failures or not self._told:  # the one before us may have left an incident open
            self._failures, self._told = 0, True
            await self._journal.report(Health(self.system, ok=True))

    async def _ill(self, error: AdapterError) -> None:
        self._failures = (self._failures if self._told else await self._failures_before()) + 1
        self._told = True
        if self._failures == 1:
            log.warning("source_is_away", source=self.source.name, reason=error.what, detail=error.detail)
        wait = 60.0 if isinstance(error, MisconfiguredError) else min(60.0, 2.0**self._failures)
        if isinstance(error, TransientError) and error.retry_after:
            wait = max(wait, error.retry_after)
        open_for = int(wait * 1e6) if self._failures > 2 or isinstance(error, MisconfiguredError) else 0
        report = Health(
            self.system,
            ok=False,
            what=error.what,
            failures=self._failures,
            open_for=open_for,
            behind=self._behind,
        )
        try:
            await self._journal.report(report)
        except TransientError:
            log.warning("journal_is_away", source=self.source.name)
        await self._pause(wait)

    async def _failures_before(self) -> int:
        """In a row, of whoever listened before us."""
        try:
            states = await self._journal.system_states()
        except TransientError:
            return self._failures
        return next((state.failures for state in states if state.name == self.system), 0)

    async def _have_lease(self) -> bool:
        try:
            self.active = await self._journal.lease(f"source/{self.source.name}", self._owner, LEASE)
        except TransientError as error:
            log.warning("lease_delayed", source=self.source.name, reason=error.what)
            self.active = False
        return self.active

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            await self._have_lease()

    async def _let_go(self) -> None:
        await self.source.close()
        self.active = False
        try:
            await self._journal.lease(f"source/{self.source.name}", self._owner, 0)
        except TransientError:
            log.info("lease_left_to_expire", source=self.source.name)

    async def _stand_by(self) -> None:
        """Another process listens: nothing may be left of our own listening."""
        if self._listened:
            self._listened = self._told = False
            await self.source.close()
        await self._pause(LEASE / 3)

    async def _pause(self, seconds: float) -> None:
        await self._until_stopped(asyncio.sleep(seconds))

    async def _until_stopped(self, waiting: Coroutine[Any, Any, None]) -> None:
        stopping: asyncio.Task[object] = asyncio.create_task(self._stopping.wait())
        other: asyncio.Task[object] = asyncio.create_task(waiting)
        done, pending = await asyncio.wait({stopping, other}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending)
        if other in done:
            other.result()
