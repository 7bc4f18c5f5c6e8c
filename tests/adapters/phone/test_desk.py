"""The desk: what waits for what, and what survives being put away."""

from datetime import UTC, datetime, timedelta

import pytest

from adapters.phone.assembler import Habits, Observation, Outcome, What
from adapters.phone.desk import MOST_REMEMBERED, Desk, Patience
from adapters.phone.sealing import Seal
from ports.errors import MisconfiguredError

NOW = datetime(2026, 11, 23, 23, 59, 59, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PATIENCE = Patience(settle=2 * SECOND, wrap_up=60 * SECOND, record=30 * SECOND, silence=timedelta(hours=4))


@pytest.fixture
def desk():
    return Desk(Habits(), PATIENCE)


def seen(what, call="a", **more):
    return Observation(call=call, what=what, at=NOW, inbound=True, **more)


def close(desk, now):
    for finished in desk.ready(now + timedelta(minutes=5)):
        desk.close(finished, now)


@pytest.mark.parametrize(
    ("whats", "wait"),
    [
        ([What.BEGAN], timedelta(hours=4)),
        ([What.BEGAN, What.ENDED], 2 * SECOND),
        ([What.BEGAN, What.ANSWERED, What.ENDED], 60 * SECOND),
        ([What.BEGAN, What.ANSWERED, What.ENDED, What.WRAPPED_UP], 2 * SECOND),
        ([What.BEGAN, What.ANSWERED, What.GONE], 30 * SECOND),
        ([What.BEGAN, What.GONE, What.RECORDED], 2 * SECOND),
    ],
)
def test_how_long_a_call_waits(whats, wait, desk):
    desk.observe([seen(what) for what in whats], NOW)

    assert desk.next_due() == NOW + wait
    assert desk.ready(NOW + wait - timedelta(microseconds=1)) == ()
    assert [one.call.id for one in desk.ready(NOW + wait)] == ["a"]


def test_what_is_new_begins_the_wait_again_and_what_is_known_does_not(desk):
    desk.observe([seen(What.BEGAN), seen(What.ENDED)], NOW)
    desk.observe([seen(What.ENDED)], NOW + SECOND)
    assert desk.next_due() == NOW + 2 * SECOND

    desk.observe([seen(What.QUEUED, queue="kcc")], NOW + SECOND)
    assert desk.next_due() == NOW + 3 * SECOND


def test_stragglers_of_a_call_that_was_handed_over_are_counted_only(desk):
    desk.observe([seen(What.ENDED)], NOW)
    close(desk, NOW)
    desk.observe([seen(What.RECORDED)], NOW)

    assert (desk.open_calls, desk.stragglers) == (frozenset(), 1)


def test_a_request_that_comes_while_its_call_is_handed_over_is_not_lost(desk):
    desk.observe([seen(What.BEGAN), seen(What.ENDED)], NOW)
    (finished,) = desk.ready(NOW + 2 * SECOND)
    desk.observe([seen(What.CALLBACK, number="0470123456"), seen(What.QUEUED)], NOW + 2 * SECOND)
    desk.close(finished, NOW + 2 * SECOND)

    (later,) = desk.ready(NOW + 4 * SECOND)
    assert (later.call.outcome, later.call.number) == (Outcome.CALLBACK, "+32470123456")
    assert later.call.id.startswith("a#later-")
    assert desk.stragglers == 1


def test_handed_over_calls_are_not_remembered_for_ever(desk):
    for number in range(MOST_REMEMBERED + 10):
        desk.observe([seen(What.ENDED, call=str(number))], NOW)
        close(desk, NOW)
    assert len(desk._ended) == MOST_REMEMBERED

    later = NOW + timedelta(hours=3)
    desk.observe([seen(What.ENDED, call="later")], later)
    close(desk, later)
    assert list(desk._ended) == ["later"]


def test_a_desk_that_was_put_away_is_the_same_afterwards(desk):
    desk.observe([seen(What.ENDED, call="b")], NOW)
    close(desk, NOW)
    desk.observe([seen(What.BEGAN, number="0470123456")], NOW)
    desk.keep_unreadable("u", b"\xff", "why")
    other = Desk(Habits(), PATIENCE)

    other.restore(desk.saved())

    assert other.saved() == desk.saved()
    other.observe([seen(What.RECORDED, call="b")], NOW)
    assert other.open_calls == {"a"}


def test_a_seal_opens_only_what_it_closed_under_that_name():
    seal = Seal("a secret of enough characters")
    closed = seal.close("calls/kcc", b"+32470123456")

    assert "470123456" not in closed
    assert seal.open("calls/kcc", closed) == b"+32470123456"
    for other, name in ((seal, "calls/other"), (Seal("another secret of enough"), "calls/kcc")):
        with pytest.raises(MisconfiguredError):
            other.open(name, closed)
