"""One life of a hub in a process of its own, with a fuse: at the named moment the process is killed, for real.

The world outside is a file: every line is an effect that really happened.
"""

import asyncio
import os
import signal
from pathlib import Path

import structlog
from tenacity import wait_fixed

from broker.in_process import InProcessBroker
from canonical_model.commands import Command
from journal import effects as ledger
from journal.journal import Journal
from journal.schema import effects
from ports.clock import SystemClock
from ports.target import Fetch, Idempotency
from tests.journal.scene import KEYS, city_routes, contact, contact_message, rows
from worker.breaker import Breakers
from worker.intake import Doorway
from worker.loop import Worker, WorkerSettings
from worker.policy import RetryPolicy
from worker.scheduler import Scheduler

FUSES = (
    "accept: before the commit",
    "accept: after the commit",
    "hand-out: before",
    "claim: before the commit",
    "claim: after the commit",
    "apply: before",
    "apply: after",
    "record: before the commit",
    "record: after the commit",
)
"""The moments between each two steps on the way of a message."""

MESSAGE = contact_message("form-1", contact())


class Fuse:
    """Kills this process when its moment comes."""

    def __init__(self, moment: str) -> None:
        self._moment = moment

    def burn(self, moment: str) -> None:
        if moment == self._moment:
            os.kill(os.getpid(), signal.SIGKILL)


class WorldFile:
    """A system outside that survives us."""

    idempotency = Idempotency.PROBE

    def __init__(self, path: Path, fuse: Fuse) -> None:
        self._path = path
        self._fuse = fuse

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        self._fuse.burn("apply: before")
        with self._path.open("a") as file:
            file.write(f"{key}\n")
        self._fuse.burn("apply: after")
        return key

    async def find(self, key: str, command: Command) -> str | None:
        return key if key in self._path.read_text().splitlines() else None


class FusedBroker(InProcessBroker):
    """Hands out, if it gets that far."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__()
        self._fuse = fuse

    async def hand_out(self, ids) -> None:
        self._fuse.burn("hand-out: before")
        await super().hand_out(ids)

    async def take(self, limit: int, seconds: float):
        return await super().take(limit, min(seconds, 0.02))


def live(url: str, world: Path, moment: str) -> None:
    """Take the message (again), and work until everything is done or the fuse burns."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    ledger.SETTLE = 0  # the world is a file: nothing of a dead process is still under way
    asyncio.run(_live(url, world, Fuse(moment)))


async def _live(url: str, world: Path, fuse: Fuse) -> None:
    clock, broker, target = SystemClock(), FusedBroker(fuse), WorldFile(world, fuse)
    journal = Journal(url, router=city_routes(), keys=KEYS, clock=clock, shard="1")
    _wire(journal, fuse)
    await journal.start()
    await journal.know_systems(["tracker", "mail"])
    await journal.bury("w/")
    breakers = Breakers(journal, clock)
    settings, policy = WorkerSettings(name=f"w/{os.getpid()}"), RetryPolicy(wait_fixed(0.01), settle=0.01)
    targets = {"tracker": target, "mail": target}
    worker = Worker(
        journal, broker, targets, breakers=breakers, clock=clock, settings=settings, policy=policy
    )
    accept = Doorway(journal, broker)
    scheduler = Scheduler(journal, broker, accept, breakers)
    async with asyncio.TaskGroup() as tasks, asyncio.timeout(20):
        tasks.create_task(worker.run())
        tasks.create_task(scheduler.run(interval=0.02))
        await accept(MESSAGE)
        await _done(journal)
        await worker.stop()
        scheduler.stop()
    await journal.close()


async def _done(journal: Journal) -> None:
    while {row.state for row in await rows(journal, effects)} != {"applied"}:  # noqa: ASYNC110 - another process decides
        await asyncio.sleep(0.005)


def _wire(journal: Journal, fuse: Fuse) -> None:
    """Lay the fuse around the journal's transactions."""
    intake, writes = journal._intake, journal._ledger
    intake.accept_many = _fused(intake.accept_many, "accept", fuse)
    writes.claim_many = _fused(writes.claim_many, "claim", fuse)
    writes.record_many = _fused(writes.record_many, "record", fuse)
    transaction = journal.database._transaction

    async def committed(waiting, group):
        results = await transaction(waiting, group)
        for one in group:
            fuse.burn(f"{one.write.__name__}: after the commit")
        return results

    journal.database._transaction = committed


def _fused(many, name: str, fuse: Fuse):
    def write(tx, arguments):
        results = many(tx, arguments)
        fuse.burn(f"{name}: before the commit")
        return results

    write.__name__ = name
    return write
