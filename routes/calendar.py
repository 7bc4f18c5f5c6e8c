"""Working days in Belgium: what a term is counted in."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from holidays.countries.belgium import Belgium

BRUSSELS = ZoneInfo("Europe/Brussels")
_CLOSING = time(17, 0)


def working_days_later(start: datetime, days: int) -> datetime:
    """17:00 in Brussels on the n-th working day after `start`; aware, in the zone of `start`."""
    return _closing_time(int(start.timestamp()) // 3600, days).astimezone(start.tzinfo)


@lru_cache(maxsize=64)
def _closing_time(hour: int, left: int) -> datetime:
    """In UTC, for a start in this hour since 1970: days begin on the hour in Brussels."""
    day = datetime.fromtimestamp(hour * 3600, BRUSSELS).date()
    while left > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in _holidays(day.year):
            left -= 1
    return datetime.combine(day, _CLOSING, BRUSSELS).astimezone(UTC)


@lru_cache(maxsize=16)
def _holidays(year: int) -> Belgium:
    return Belgium(years=year)  # type: ignore[no-untyped-call]  # holidays has none
