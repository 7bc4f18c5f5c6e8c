"""Time that goes by faster, the same in every process of a test.

clock = Scaled(start=..., since=time.monotonic(), times=2400)    # an hour in a second and a half
"""

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scaled:
    """A `ports.clock.Clock`. `start`: what it said (in seconds since 1970) when the machine's monotonic clock said `since`."""

    start: float
    since: float
    times: float

    def now(self) -> datetime:
        return self.at(time.monotonic())

    def monotonic(self) -> float:
        return time.monotonic() * self.times

    def at(self, monotonic: float) -> datetime:
        """What it said when the machine's monotonic clock said this."""
        return datetime.fromtimestamp(self.start + (monotonic - self.since) * self.times, UTC)

    async def sleep(self, step: timedelta) -> None:
        """Let so much of its time go by."""
        await asyncio.sleep(step.total_seconds() / self.times)

    def write(self, file: Path) -> None:
        """For other processes."""
        file.write_text(json.dumps(asdict(self)))


def from_next_monday(times: float) -> Scaled:
    """A clock that begins on the next Monday, at three in the afternoon UTC: nothing in it is over for the machine's own clock."""
    today = datetime.now(UTC).replace(hour=15, minute=0, second=0, microsecond=0)
    monday = today + timedelta(days=7 - today.weekday())
    return Scaled(start=monday.timestamp(), since=time.monotonic(), times=times)


def read(file: Path) -> Scaled:
    """What `write` wrote."""
    return Scaled(**json.loads(file.read_text()))
