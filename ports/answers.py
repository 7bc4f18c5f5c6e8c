"""What an HTTP answer says beside its content, and what stood behind one that never came."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

LONGEST_PATIENCE: Final = 999_999.0
"""Seconds: who asks for more time gets this much, unless a caller says otherwise."""


def retry_after(
    answer: httpx.Response, now: datetime | None = None, *, most: float = LONGEST_PATIENCE
) -> float | None:
    """The seconds that the other side asks us to wait (RFC 9110, 10.2.3); None when it names none.

    A moment that it names instead says something only to a caller that tells what time it is.
    """
    said = answer.headers.get("Retry-After", "")
    if said.isdecimal():
        return min(float(said), most)
    moment = _moment(said)
    if now is None or moment is None:
        return None
    return min(max(0.0, (moment - now).total_seconds()), most)


def asked_at(answer: httpx.Response, elapsed: timedelta) -> datetime | None:
    """When it was asked, by the other side's clock and rather too early, in UTC; None when it does not tell.

    Its `Date` is written at the end, in whole seconds: go back to before the beginning.
    """
    answered = _moment(answer.headers.get("Date", ""))
    return answered - elapsed - timedelta(seconds=1) if answered else None


def cause_of(error: Exception) -> str:
    """The kind of what went wrong underneath, such as `ConnectionRefusedError`; nothing of what it says."""
    return type(error.__cause__ or error).__name__


def _moment(said: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(said)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
