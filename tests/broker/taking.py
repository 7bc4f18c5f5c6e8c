"""Taking ids until those that a test waits for have come."""

import asyncio
import time
from collections.abc import Callable, Iterable

from broker.port import Broker


async def taken(broker: Broker, wanted: Iterable[str], *, limit: int = 128, seconds: float = 20) -> list[str]:
    """Everything that was taken until all wanted ids had come, or until time was up."""
    missing, all_taken, end = set(wanted), [], time.monotonic() + seconds
    while missing and time.monotonic() < end:
        ids = await broker.take(limit, 0.2)
        assert len(ids) <= limit
        all_taken += ids
        missing.difference_update(ids)
        await asyncio.sleep(0)  # the work
    return all_taken


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Return once it holds; fail when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the threads of a broker ring no bell
            await asyncio.sleep(0.02)


class Stopwatch:
    """`with Stopwatch() as took: ...; assert took.seconds < 1`"""

    def __enter__(self):
        self._began = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self._began
