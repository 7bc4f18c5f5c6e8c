"""A replay of very many effects: how long freezing and releasing take, and how much memory.

    python -m tests.bench.replay [--rows 100000] [--url sqlite:///...] [--json]

That many messages are accepted and their effects refused; then one plan over all of them is frozen and carried
out by real workers against a target that answers at once. Meanwhile other messages come in, and their
acceptance is timed: a replay in bulk must not hold up a citizen. Memory is sampled all along. Without `--url`
a SQLite file in a temporary folder is used; another database must be empty.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from broker.in_process import InProcessBroker
from journal.database import open_engine
from journal.journal import Journal
from journal.migrate import migrate
from journal.replay_ledger import Selection
from journal.replay_reading import one_plan
from ports.clock import SystemClock
from ports.target import Idempotency
from tests.journal.many import park
from tests.journal.scene import KEYS, PlannedRoutes, inbound
from worker.breaker import Breakers
from worker.loop import TargetLimits, Worker, WorkerSettings
from worker.replays import Replaying


class Fresh:
    """A target that never had it, and takes it at once."""

    idempotency = Idempotency.PROBE

    def __init__(self) -> None:
        self.applied = 0

    async def apply(self, key: str, command: object, fetch: object) -> str:
        self.applied += 1
        return f"id-{key[:15]}"

    async def find(self, key: str, command: object) -> str | None:
        return None


def memory() -> float:
    """MB in use by this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


class Trial:
    """One journal with its parts."""

    def __init__(self, url: str, rows: int) -> None:
        self.rows = rows
        self.clock = SystemClock()
        self.journal = Journal(url, router=PlannedRoutes(), keys=KEYS, clock=self.clock, shard="bench")
        self.broker = InProcessBroker()
        self.target = Fresh()
        breakers = Breakers(self.journal, self.clock)
        self.worker = Worker(
            self.journal,
            self.broker,
            {"tracker": self.target},
            breakers=breakers,
            clock=self.clock,
            settings=WorkerSettings(name="bench", limits={"tracker": TargetLimits(concurrency=64)}),
        )
        self.replaying = Replaying(self.journal, self.broker, "bench")
        self.memory: list[float] = []
        self.accepted: list[float] = []

    async def run(self) -> dict[str, float]:
        """All of it; the figures."""
        await self.journal.start()
        await self.journal.know_systems(["tracker"])
        await park(self.journal, self.rows)
        self.memory.append(memory())
        started = time.monotonic()
        plan_id = await self.journal.replays.plan(Selection(), "bench", "measured")
        others = asyncio.create_task(self._others())
        while await self.journal.replays.freeze(plan_id):
            self.memory.append(memory())
        frozen = time.monotonic()
        working = asyncio.create_task(self.worker.run())
        await self.journal.replays.start(plan_id, "bench")
        await self._until_done(plan_id)
        done = time.monotonic()
        others.cancel()
        await self.worker.stop()
        await working
        await self.journal.close()
        return self._figures(frozen - started, done - frozen)

    async def _until_done(self, plan_id: str) -> None:
        while True:
            await self.replaying.advance()
            view = await self.journal.database.read(lambda connection: one_plan(connection, plan_id))
            if view is None or view.plan.over:
                return
            self.memory.append(memory())
            await asyncio.sleep(0.02)  # not once a second as the scheduler does: the limit is to be seen

    async def _others(self) -> None:
        """A citizen every 50 ms."""
        number = 0
        while True:
            started = time.monotonic()
            await self.journal.accept(inbound(f"other-{number}", source="other"))
            self.accepted.append((time.monotonic() - started) * 1_000)
            number += 1
            await asyncio.sleep(0.05)

    def _figures(self, freezing: float, running: float) -> dict[str, float]:
        half = len(self.memory) // 2
        return {
            "rows": self.rows,
            "frozen_in_s": round(freezing, 1),
            "rows_frozen_per_s": round(self.rows / freezing),
            "carried_out_in_s": round(running, 1),
            "rows_per_s": round(self.rows / running),
            "applied": self.target.applied,
            "memory_before_mb": round(self.memory[0]),
            "memory_first_half_mb": round(max(self.memory[: half or 1])),
            "memory_second_half_mb": round(max(self.memory[half:])),
            "others_accepted_median_ms": round(statistics.median(self.accepted), 1),
            "others_accepted_worst_ms": round(max(self.accepted), 1),
        }


async def measure(url: str, rows: int) -> dict[str, float]:
    """One trial on this database."""
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    return await Trial(url, rows).run()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--url", default="")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = arguments.url or f"sqlite:///{folder}/journal.db"
        figures = uvloop.run(measure(url, arguments.rows))
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:28} {value:>10}")


if __name__ == "__main__":
    main()
