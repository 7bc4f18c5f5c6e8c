"""What answers say beside their content: whatever stands in a header, reading it raises nothing."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ports.answers import LONGEST_PATIENCE, asked_at, cause_of, retry_after

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def answer(**headers: str) -> httpx.Response:
    return httpx.Response(503, headers={name.replace("_", "-"): said for name, said in headers.items()})


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("9" * 400, LONGEST_PATIENCE),
        ("Mon, 02 Mar 2026 09:32:00 GMT", 120),
        ("Mon, 02 Mar 2026 09:32:00 -0000", 120),
        ("Mon, 02 Mar 2026 09:29:00 GMT", 0),
        ("Tue, 02 Mar 2126 09:29:00 GMT", LONGEST_PATIENCE),
        ("", None),
        ("soon", None),
        ("-1", None),
    ],
)
def test_patience_is_asked_in_seconds_or_until_a_moment(said: str, seconds: float | None):
    assert retry_after(answer(Retry_After=said), NOW) == seconds


def test_nobody_gets_more_than_the_caller_gives():
    asks = answer(Retry_After="90000"), answer(Retry_After="Tue, 03 Mar 2026 10:30:00 GMT")

    assert [retry_after(one, NOW, most=60) for one in asks] == [60, 60]


def test_a_moment_says_nothing_to_who_has_no_clock():
    assert retry_after(answer(Retry_After="Mon, 02 Mar 2026 09:32:00 GMT")) is None


def test_a_question_was_asked_before_the_answer_was_dated():
    dated = answer(Date="Mon, 02 Mar 2026 10:30:05 +0100")

    assert asked_at(dated, timedelta(seconds=4)) == NOW
    assert asked_at(answer(), timedelta(seconds=4)) is None


DATE = "Fri, 31 Dec {} 23:59:59 {}"


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0")))
@example(DATE.format("9999", "-1400"))
@example(DATE.format("99999999999999999999", "GMT"))
@example(DATE.format("2026", "+99999999999999"))
@example("Fri, 31 Dec 2026 23:59:99 GMT")
def test_no_header_is_an_error(said: str):
    found = httpx.Response(
        503, headers=[(b"Retry-After", said.encode("latin-1")), (b"Date", said.encode("latin-1"))]
    )

    patience = retry_after(found, NOW)
    moment = asked_at(found, timedelta(seconds=1))

    assert patience is None or 0 <= patience <= LONGEST_PATIENCE
    assert moment is None or moment.tzinfo is UTC


def test_the_cause_is_named_and_not_quoted():
    error = httpx.ConnectError("no answer from 10.0.0.7")
    error.__cause__ = ConnectionRefusedError("10.0.0.7")

    assert cause_of(error) == "ConnectionRefusedError"
    assert cause_of(httpx.ReadTimeout("x")) == "ReadTimeout"
