"""Times and ids as the tables hold them."""

from datetime import UTC, datetime, timedelta

from journal.chance import piece

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
DAY = 86_400_000_000


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def moment(value: int) -> datetime:
    """The aware UTC time of a stored value."""
    return _EPOCH + timedelta(microseconds=value)


def new_id(now_micros: int) -> str:
    """32 hexadecimal digits: milliseconds first, so that ids sort by time, then chance."""
    return f"{now_micros // 1000:012x}{piece()[:10].hex()}"


def born(id_: str) -> int:
    """When an id of `new_id` was made, in microseconds, to the millisecond."""
    return int(id_[:12], 16) * 1000
