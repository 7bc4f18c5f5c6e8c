"""A process that carries replay plans out: scheduler and worker, with a file as the system outside.

Usage: python -m tests.worker.replayer <url> <name> <file>. Ends when every plan is over, with the state of
the newest one as a JSON line.
"""

import asyncio
import json
import sys
from pathlib import Path

from journal.effects import SETTLE
from journal.replay_reading import newest_plans
from ports.clock import SystemClock
from ports.target import Idempotency
from tests.worker.stage import Stage


class FileSystem:
    """Every effect is a line, written in one go."""

    idempotency = Idempotency.PROBE

    def __init__(self, path: Path) -> None:
        self._path = path

    async def apply(self, key, command, fetch):
        await asyncio.sleep(0.01)
        with self._path.open("a") as file:
            file.write(key + "\n")
        await asyncio.sleep(0.01)
        return key

    async def find(self, key, command):
        return key if key in self._path.read_text().splitlines() else None


async def main(url: str, name: str, path: Path) -> None:
    async with Stage(url, {"tracker": FileSystem(path)}, name=name, clock=SystemClock()) as stage:
        await stage.journal.bury("w/")
        await stage.journal.bury("scheduler/")
        running = asyncio.create_task(stage.scheduler.run(interval=0.05))
        plans = await stage.journal.database.read(newest_plans)
        while not all(plan.over for plan in plans):
            await asyncio.sleep(0.05)
            plans = await stage.journal.database.read(newest_plans)
        stage.scheduler.stop()
        await running
    print(json.dumps({"state": plans[0].state}), flush=True)


if __name__ == "__main__":
    assert SETTLE <= 3_000_000, "the test waits for this long after each death"
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
