"""Moments that others tell. What no clock shows is refused at the door, before anybody reckons with it."""

from datetime import UTC, datetime, tzinfo
from typing import Final

EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Between these, reckoning with days and time zones never leaves what `datetime` can hold."""


def in_utc(moment: datetime, zone: tzinfo) -> datetime:
    """The moment in UTC; one without offset is in `zone`. Raises `ValueError` when no clock shows it."""
    try:
        believed = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError("a time that no clock shows") from None
    if not EARLIEST <= believed < LATEST:
        raise ValueError("a time that no clock shows")
    return believed


def iso_moment(text: str, zone: tzinfo) -> datetime:
    """An ISO 8601 time in UTC; one without offset is in `zone`. Raises `ValueError`."""
    return in_utc(datetime.fromisoformat(text.strip()), zone)


def told_moment(text: str, zone: tzinfo) -> datetime | None:
    """The same; None when it cannot be read, or no clock shows it."""
    try:
        return iso_moment(text, zone)
    except ValueError:
        return None


def unix_moment(seconds: float) -> datetime:
    """So many seconds after 1970, in UTC. Raises `ValueError`."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("a time that no clock shows") from None
    return in_utc(moment, UTC)
