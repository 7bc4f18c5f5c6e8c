"""One time of day for all processes on a shared database: leases and dates must mean the same on every machine."""

import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select


class SharedClock:
    """A `ports.clock.Clock`: the database's time of day, carried on by this machine's monotonic clock.

    Whatever happens to the machine's own time of day, this one neither jumps nor differs from the others' by more
    than the two clocks drift apart between two `set`s.
    """

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._time = datetime.now(UTC)

    def now(self) -> datetime:
        return self._time + timedelta(seconds=time.monotonic() - self._at)

    def monotonic(self) -> float:
        return time.monotonic()

    def set(self, now: datetime) -> None:
        """This is the time now."""
        self._at, self._time = time.monotonic(), now


def database_time(connection: Connection) -> datetime:
    """The time of day of a PostgreSQL server, in UTC."""
    told: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return told.astimezone(UTC)
