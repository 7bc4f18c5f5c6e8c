"""A whole hub without adapters: journal, broker, worker and scheduler, with pretended systems and a clock by hand."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from tenacity import wait_fixed
from tenacity.wait import wait_base

from broker.in_process import InProcessBroker
from canonical_model.commands import Command
from journal.journal import Journal
from journal.schema import attempts, effects, incidents, messages
from ports.clock import ManualClock
from ports.target import Fetch, Idempotency
from tests.journal.scene import KEYS, START, PlannedRoutes, rows
from worker.breaker import Breakers
from worker.intake import Doorway
from worker.loop import Worker, WorkerSettings
from worker.policy import RetryPolicy
from worker.replays import Replaying
from worker.scheduler import Scheduler

Behaviour = BaseException | None | Callable[[str], object]


@dataclass
class PretendedSystem:
    """A system outside. `world` counts what really happened there; `answers` what it says next, then yes.

    An answer is None (yes), an error to raise without doing anything, or a function that is awaited.
    """

    idempotency: Idempotency = Idempotency.PROBE
    answers: list[Behaviour] = field(default_factory=list)
    always: Behaviour = None
    world: Counter = field(default_factory=Counter)
    tries: list[str] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        self.tries.append(key)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._behave(self.answers.pop(0) if self.answers else self.always, key)
        finally:
            self.at_once -= 1
        self.world[key] += 1
        return f"outside-{len(self.tries)}"

    async def find(self, key: str, command: Command) -> str | None:
        self.looks.append(key)
        return f"found-{key}" if self.world[key] else None

    def does_it_then(self, error: BaseException) -> Behaviour:
        """It happens, and then the answer is this error."""

        async def behave(key: str) -> None:
            self.world[key] += 1
            raise error

        return behave

    async def _behave(self, how: Behaviour, key: str) -> None:
        await asyncio.sleep(0)
        if isinstance(how, BaseException):
            raise how
        if how is not None:
            await how(key)


class WatchedBroker(InProcessBroker):
    """Tells whether a worker with nothing in its hands waits at an empty queue; and never keeps it for long."""

    _somebody_waits = False

    @property
    def idle(self) -> bool:
        return self._somebody_waits and not self._ids

    async def take(self, limit: int, seconds: float) -> Sequence[str]:
        empty_handed = seconds > 0.1
        self._somebody_waits = empty_handed
        try:
            return await super().take(limit, 0.05 if empty_handed else 0.001)
        finally:
            self._somebody_waits = False


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return as soon as this holds; `TimeoutError` when it takes too long."""
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.001)


class Stage:
    """One process of the hub."""

    def __init__(
        self,
        url: str,
        targets: dict,
        *,
        router=None,
        clock: ManualClock | None = None,
        name: str = "w/1",
        wait: wait_base | None = None,
        broker: InProcessBroker | None = None,
        **settings,
    ) -> None:
        self.clock = clock or ManualClock(START)
        self.routes = router or PlannedRoutes()
        self.targets = targets
        self.journal = Journal(url, router=self.routes, keys=KEYS, clock=self.clock, shard=name)
        self.broker = broker or WatchedBroker()
        self.breakers = Breakers(self.journal, self.clock)
        self.worker = Worker(
            self.journal,
            self.broker,
            targets,
            breakers=self.breakers,
            clock=self.clock,
            settings=WorkerSettings(name=name, **settings),
            policy=RetryPolicy(wait or wait_fixed(1), settle=1.0),
        )
        self.accept = Doorway(self.journal, self.broker)
        self.replaying = Replaying(self.journal, self.broker, "w/scheduler")
        self.scheduler = Scheduler(
            self.journal, self.broker, self.accept, self.breakers, chores=(self.replaying.advance,)
        )
        self._running: asyncio.Task | None = None

    async def __aenter__(self) -> Self:
        await self.journal.start()
        await self.journal.know_systems(list(self.targets))
        self.start_worker()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.worker.stop()
        if self._running:
            await self._running
        await self.journal.close()

    def start_worker(self) -> None:
        self._running = asyncio.create_task(self.worker.run())

    async def settle(self) -> None:
        """Return when the worker has nothing more to do."""
        await until(self._quiet)

    def _quiet(self) -> bool:
        kept_back = any(self.worker._kept_back.values())
        return self.broker.idle and not self.worker.in_flight and not kept_back

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Let the clock run on, with a look around by the scheduler after every step."""
        left = seconds
        while left > 0:
            self.clock.advance(timedelta(seconds=min(step, left)))
            left -= step
            await self.look_around()

    async def look_around(self) -> None:
        await self.breakers.refresh()
        await self.scheduler.sweep()
        await self.scheduler.fire_timers()
        await self.settle()

    async def states(self) -> Counter:
        """How many effects are in which state."""
        return Counter(row.state for row in await rows(self.journal, effects))

    async def outcomes(self) -> list[str]:
        """How every attempt ended, in order."""
        return [row.outcome for row in sorted(await rows(self.journal, attempts), key=lambda row: row.number)]

    async def incidents(self) -> list:
        return await rows(self.journal, incidents)

    async def message_states(self) -> Counter:
        return Counter(row.state for row in await rows(self.journal, messages))
