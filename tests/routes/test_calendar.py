"""Terms are counted in Belgian working days, and end when the counter closes in Brussels."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from holidays import country_holidays
from hypothesis import given
from hypothesis import strategies as st

from routes.calendar import working_days_later

BRUSSELS = ZoneInfo("Europe/Brussels")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BRUSSELS)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-03-02T09:00", 1, "2026-03-03"),
        ("2026-03-02T09:00", 5, "2026-03-09"),
        ("2026-03-06T18:00", 1, "2026-03-09"),  # Friday evening
        ("2026-03-07T10:00", 1, "2026-03-09"),  # Saturday
        ("2026-04-03T10:00", 1, "2026-04-07"),  # Easter Monday is free, Good Friday is not
        ("2026-04-02T10:00", 1, "2026-04-03"),
        ("2026-04-30T10:00", 1, "2026-05-04"),  # 1 May, then a weekend
        ("2026-05-13T10:00", 1, "2026-05-15"),  # Ascension Day
        ("2026-05-22T10:00", 1, "2026-05-26"),  # Whit Monday
        ("2026-07-20T10:00", 1, "2026-07-22"),  # the national holiday
        ("2026-08-14T10:00", 1, "2026-08-17"),  # 15 August is a Saturday
        ("2026-11-10T10:00", 1, "2026-11-12"),  # Armistice
        ("2026-12-24T10:00", 1, "2026-12-28"),  # Christmas
        ("2026-12-31T10:00", 1, "2027-01-04"),  # New Year, then a weekend
        ("2026-12-24T10:00", 10, "2027-01-11"),
        ("2026-03-27T10:00", 1, "2026-03-30"),  # over the change to summer time
    ],
)
def test_working_days(start, days, end):
    assert working_days_later(local(start), days) == local(f"{end}T17:00")


def test_the_day_is_that_of_brussels_and_the_zone_that_of_the_start():
    late = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)  # already Tuesday in Brussels
    end = working_days_later(late, 1)
    assert end == local("2026-03-04T17:00")
    assert end.tzinfo is UTC


def test_summer_and_winter_close_at_the_same_local_time():
    assert working_days_later(datetime(2026, 1, 5, 9, tzinfo=UTC), 1).hour == 16
    assert working_days_later(datetime(2026, 7, 6, 9, tzinfo=UTC), 1).hour == 15


@given(
    start=st.builds(
        datetime.fromtimestamp, st.integers(946_684_800, 3_786_912_000), st.timezones()
    ),  # 2000 to 2090
    days=st.integers(0, 30),
)
def test_any_moment_of_a_day_in_brussels_has_the_same_term(start, days):
    day, left = start.astimezone(BRUSSELS).date(), days
    free = country_holidays("BE")
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5 and day not in free
    end = working_days_later(start, days)
    assert end == datetime.combine(day, time(17), BRUSSELS)
    assert end.tzinfo is start.tzinfo
