"""Time that goes by faster, the same in every process of a test. It slows down while those processes wait for a processor: on a busy
machine a week takes longer, and nobody misses a term for want of turns.

    with winding(file, times=1500, watched=lambda: [pid]) as clock: ...      # an hour in 2.4 seconds
    read(file)                                                               # the same clock, in another process
"""

import asyncio
import mmap
import struct
import threading
import time
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

TICK = 0.05
"""Seconds of the machine between two looks at who waits."""
LONGEST = 4 * TICK
"""So long the clock goes on when nobody winds it."""
SLOWEST = 0.02
"""Part of its speed that it always has."""
_STATE = struct.Struct("dddddd")
"""Start (seconds since 1970), times faster; then what was gone by, at which moment of the machine, and the rate since; their sum."""


class Scaled:
    """A `ports.clock.Clock` that is wound elsewhere."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _STATE.size)
        self.start, self.times, *_ = self._read()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.start + self.monotonic(), UTC)

    def monotonic(self) -> float:
        _, _, gone, since, rate, _ = self._read()
        return self.times * _went_on(gone, since, rate, time.monotonic())

    async def sleep(self, step: timedelta) -> None:
        """Let so much of its time go by."""
        until = self.monotonic() + step.total_seconds()
        while (left := until - self.monotonic()) > 0:  # noqa: ASYNC110 - the clock may slow down meanwhile
            await asyncio.sleep(left / self.times)

    def _read(self) -> tuple[float, ...]:
        while True:
            state = _STATE.unpack(self._memory[:])
            if sum(state[:-1]) == state[-1]:  # else it is just being written
                return state


class Wound(Scaled):
    """The same, where it is wound: it remembers how it went."""

    def __init__(self, file: Path, start: float, times: float) -> None:
        self._went: list[tuple[float, float, float]] = []
        file.write_bytes(bytes(_STATE.size))
        super().__init__(file)
        self.start, self.times = start, times
        self.wind(1.0)

    def at(self, moment: float) -> datetime:
        """What it said when the machine's monotonic clock said this."""
        since, gone, rate = self._went[max(0, bisect(self._went, (moment, 0.0, 0.0)) - 1)]
        return datetime.fromtimestamp(self.start + self.times * _went_on(gone, since, rate, moment), UTC)

    @property
    def rate(self) -> float:
        """Which part of its speed it had until now."""
        since, gone, _ = self._went[-1]
        return gone / ((since - self._went[0][0]) or 1.0)

    def wind(self, rate: float) -> None:
        """It goes on at this rate."""
        now = time.monotonic()
        gone = 0.0
        if self._went:
            since, before, rate_before = self._went[-1]
            gone = _went_on(before, since, rate_before, now)
        self._went.append((now, gone, rate))
        state = (self.start, self.times, gone, now, rate)
        self._memory[:] = _STATE.pack(*state, sum(state))


def _went_on(gone: float, since: float, rate: float, moment: float) -> float:
    return gone + rate * min(max(moment - since, 0.0), LONGEST)


@contextmanager
def winding(file: Path, times: float, watched: Callable[[], Iterable[int]]) -> Iterator[Wound]:
    """A clock that begins on the next Monday, at three in the afternoon UTC: nothing in it is over for the machine's own clock.

    `watched`: the processes for which it waits.
    """
    today = datetime.now(UTC).replace(hour=15, minute=0, second=0, microsecond=0)
    monday = today + timedelta(days=7 - today.weekday())
    clock, stopping = Wound(file, monday.timestamp(), times), threading.Event()

    def wind() -> None:
        rate, before = 1.0, {}
        at = time.monotonic()
        while not stopping.wait(TICK):
            waited = _waited(watched())
            since, at = at, time.monotonic()
            longest = max((value - before.get(task, value) for task, value in waited.items()), default=0.0)
            rate += (max(SLOWEST, 1 - longest / (at - since)) - rate) / 4
            clock.wind(rate)
            before = waited

    winder = threading.Thread(target=wind, daemon=True)
    winder.start()
    try:
        yield clock
    finally:
        stopping.set()
        winder.join()


def _waited(processes: Iterable[int]) -> dict[str, float]:
    """How long each thread of these processes could have run and did not, in seconds."""
    waited: dict[str, float] = {}
    for process in processes:
        with suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                told = (thread / "schedstat").read_text()
                waited[str(thread)] = int(told.split()[1]) / 1e9
    return waited


def read(file: Path) -> Scaled:
    """The clock of this file."""
    return Scaled(file)
