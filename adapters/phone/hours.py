"""Working hours of the contact centre: when somebody must have called back. Pure."""

from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from holidays.countries.belgium import Belgium

BRUSSELS = ZoneInfo("Europe/Brussels")
_A_MOMENT = timedelta(microseconds=1)


def working_hours_later(start: datetime, hours: float, *, opens: float, closes: float) -> datetime:
    """The moment at which so many working hours have passed since `start`; aware, in the zone of `start`.

    Working hours are those between `opens` and `closes` (hours of the day in Brussels) on Monday to Friday,
    without the Belgian holidays.
    """
    left = timedelta(hours=hours)
    day = start.astimezone(BRUSSELS).date()
    while True:
        begin, end = _opening(day, opens, closes)
        begin = max(begin, start)
        if begin < end and left <= end - begin:
            return (begin + left).astimezone(start.tzinfo)
        left -= max(end - begin, timedelta())
        day += timedelta(days=1)


def _opening(day: date, opens: float, closes: float) -> tuple[datetime, datetime]:
    """When the day's work begins and ends; the same moment twice on a day off."""
    begin = _at(day, opens)
    return (begin, _at(day, closes)) if _is_working_day(day) else (begin, begin)


def _at(day: date, hour: float) -> datetime:
    """The hour on the clock, also on a day of 23 or 25 hours; on the time line of UTC."""
    clock = datetime.combine(day, time()) + timedelta(hours=hour) - (_A_MOMENT if hour >= 24 else timedelta())
    return clock.replace(tzinfo=BRUSSELS).astimezone(ZoneInfo("UTC"))


def _is_working_day(day: date) -> bool:
    return day.weekday() < 5 and day not in _holidays(day.year)


@lru_cache(maxsize=8)
def _holidays(year: int) -> Belgium:
    return Belgium(years=year)  # type: ignore[no-untyped-call]  # holidays has none
