"""Time as a port: UTC for what is stored, a monotonic clock for durations."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The time of day in UTC, aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump back; only differences mean something."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """Stands still until told to go on; for tests and what-if."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, step: timedelta) -> None:
        """Let time pass on both clocks."""
        self._now += step
        self._elapsed += step.total_seconds()

    def jump(self, step: timedelta) -> None:
        """Set the time of day, forward or back, as an administrator or NTP would."""
        self._now += step
