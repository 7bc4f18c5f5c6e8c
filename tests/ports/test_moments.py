"""Times that are told: read in UTC, or refused when no clock shows them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ports.moments import iso_moment, unix_moment

BRUSSELS = ZoneInfo("Europe/Brussels")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01T10:00:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-07-01T10:00:00Z", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        ("2026-07-01", datetime(2026, 6, 30, 22, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_in_utc(text, moment):
    assert iso_moment(text, BRUSSELS) == moment


@pytest.mark.parametrize(
    "text",
    ["", "gisteren", "0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-10:00", "9999-12-31T23:59:59Z",
     "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"],
)  # fmt: skip
def test_a_time_that_no_clock_shows_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        iso_moment(text, BRUSSELS)


def test_seconds_are_read_in_utc():
    assert unix_moment(1_782_900_000.5) == datetime(2026, 7, 1, 10, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [-1, 999_999_999_999, 1e308, 10**30])
def test_seconds_that_no_clock_shows_are_refused(seconds):
    with pytest.raises(ValueError, match="no clock"):
        unix_moment(seconds)
