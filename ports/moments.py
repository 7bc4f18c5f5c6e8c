"""Moments that others tell. What no clock shows is refused at the door, before anybody reckons with it."""

from datetime import UTC, datetime, tzinfo
from typing import Final

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Between these, reckoning with days and time zones never leaves what `datetime` can hold."""


def iso_moment(text: str, zone: tzinfo) -> datetime:
    """An ISO 8601 time in UTC; one without offset is in `zone`. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    try:
        return _believed((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))
    except OverflowError:
        raise ValueError("a time that no clock shows") from None


def unix_moment(seconds: float) -> datetime:
    """So many seconds after 1970, in UTC. Raises `ValueError`."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("a time that no clock shows") from None
    return _believed(moment)


def _believed(moment: datetime) -> datetime:
    if not EARLIEST <= moment < LATEST:
        raise ValueError("a time that no clock shows")
    return moment
