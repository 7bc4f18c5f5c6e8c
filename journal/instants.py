"""Times and ids as the tables hold them."""

import re
from datetime import UTC, datetime, timedelta

from journal.chance import piece

_ID = re.compile(r"[0-9a-f]{32}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY = 86_400_000_000


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The aware UTC time of a stored value."""
    return _EPOCH + value * _MICROSECOND


def moment_or_none(value: int | None) -> datetime | None:
    """The same, of a column that may be empty: NULL or 0."""
    return moment(value) if value else None


def new_id(now_micros: int) -> str:
    """32 hexadecimal digits: milliseconds first, so that ids sort by time, then chance."""
    return ((now_micros // 1000).to_bytes(6) + piece()[:10]).hex()


def is_id(words: str) -> bool:
    """Whether this has the form of what `new_id` makes."""
    return _ID.fullmatch(words) is not None


def born(id_: str) -> int:
    """When an id of `new_id` was made, in microseconds, to the millisecond."""
    return int(id_[:12], 16) * 1000
