"""Working days in Belgium: what a term is counted in."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

BRUSSELS = ZoneInfo("Europe/Brussels")
_CLOSING = time(17, 0)


def working_days_later(start: datetime, days: int) -> datetime:
    """17:00 in Brussels on the n-th working day after `start`; aware, in the zone of `start`."""
    return _closing_time(start.astimezone(BRUSSELS).date(), days).astimezone(start.tzinfo)


@lru_cache(maxsize=64)
def _closing_time(day: date, left: int) -> datetime:
    while left > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in _holidays(day.year):
            left -= 1
    return datetime.combine(day, _CLOSING, BRUSSELS)


@lru_cache(maxsize=16)
def _holidays(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("BE", years=year)
