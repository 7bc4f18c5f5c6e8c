"""Times as the tables hold them, to the microsecond."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from journal.instants import micros, moment


@given(st.integers(micros(datetime.min.replace(tzinfo=UTC)), micros(datetime.max.replace(tzinfo=UTC))))
def test_a_stored_time_is_read_as_it_was_written(value):
    assert micros(moment(value)) == value
    assert moment(value).tzinfo is UTC


def test_the_first_of_january_1970_is_nought():
    assert moment(0) == datetime(1970, 1, 1, tzinfo=UTC)
