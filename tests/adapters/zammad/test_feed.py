"""The feed of changes, on the double."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from adapters.tracking.changes import ChangeSource
from adapters.zammad.feed import Feed
from canonical_model.events import CaseChanged
from ports.errors import NotUnderstoodError, TransientError
from tests.adapters.given import given
from tests.adapters.tracking.inbox import Inbox

NOW = datetime(2026, 11, 23, 21, 0, 0, tzinfo=UTC)


def at(seconds):
    moment = NOW + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def feed(client):
    return Feed(client, timedelta(seconds=60))


def put(zammad, number, seconds, **more):
    """A ticket that last changed then; made when it is not there yet."""
    while len(zammad.tickets) < number:
        made = zammad.add_ticket(
            {"canonical_id": f"LEU-2026-{len(zammad.tickets) + 1:06d}", "state": "nieuw"}
        )
        made["updated_at"] = "1980-01-01T00:00:00.000Z"  # before the beginning: nobody sees it
    zammad.tickets[number].update(updated_at=at(seconds), **more)


def said(change):
    return msgspec.json.decode(change.raw)["case"]


async def told(feed, cursor, limit=200):
    batch = await feed.read(cursor, limit)
    return [said(change)["id"] for change in batch.changes], batch.cursor, batch.more


async def test_the_same_state_is_told_once(zammad, feed):
    put(zammad, 1, 0)
    first, cursor, _ = await told(feed, None)

    second, cursor, _ = await told(feed, cursor)
    put(zammad, 1, 0.001)
    third, _, _ = await told(feed, cursor)

    assert (first, second, third) == ([1], [], [1])


async def test_what_was_committed_late_is_still_seen(zammad, feed):
    put(zammad, 1, 30)
    _, cursor, _ = await told(feed, None)
    put(zammad, 2, -20)

    assert (await told(feed, cursor))[0] == [2]


async def test_the_cursor_does_not_grow_for_ever(zammad, feed):
    cursor = None
    for number in range(1, 60):
        put(zammad, number, number * 30)
        _, cursor, _ = await told(feed, cursor)

    assert len(msgspec.json.decode(cursor)["seen"]) == 3


@pytest.mark.parametrize("apart", [0, 0.001, 10])
async def test_small_batches_miss_nothing(zammad, feed, apart):
    for number in range(1, 251):
        put(zammad, number, number * apart)
    seen, cursor, more = [], None, True
    while more:
        found, cursor, more = await told(feed, cursor, limit=37)
        assert len(found) <= 37
        seen += found

    assert sorted(seen) == list(range(1, 251))


async def test_cases_of_others_are_left_alone_and_told_once(zammad, feed):
    put(zammad, 1, 0, canonical_id=None)
    put(zammad, 2, 1, canonical_id="intern-5")
    put(zammad, 3, 2)
    put(zammad, 4, 3, state="merged")
    with capture_logs() as logs:
        found, cursor, _ = await told(feed, None)
        put(zammad, 1, 4)
        await told(feed, cursor)

    assert found == [3]
    assert [(log["event"], log["tracker_id"]) for log in logs] == [
        ("case_without_reference", "1"),
        ("case_without_reference", "2"),
    ]


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def source(feed, inbox):
    tools = given(
        name="tracker",
        accept=inbox,
        checkpoints=inbox,
    )
    return ChangeSource(feed, tools, poll_seconds=0.01)


async def test_a_change_is_handed_over_with_what_zammad_said(zammad, inbox, source):
    put(zammad, 1, 0)

    assert await source.poll() == 1
    assert await source.poll() == 0

    (inbound,) = inbox.inbound
    micros = int(NOW.timestamp()) * 1_000_000
    assert (inbound.source, inbound.source_ref) == ("tracker/changes", f"LEU-2026-000001/{micros}")
    assert msgspec.json.decode(inbound.raw)["case"]["state"] == "nieuw"
    assert isinstance(inbound.event, CaseChanged)


async def test_a_change_that_cannot_be_understood_does_not_stop_the_others(zammad, inbox, source):
    put(zammad, 1, 0, state="pending reminder")
    put(zammad, 2, 1)

    assert await source.poll() == 2

    assert isinstance(inbox.inbound[0].problem, NotUnderstoodError)
    assert inbox.inbound[0].event is None


async def test_what_was_not_accepted_comes_again(zammad, inbox, source):
    put(zammad, 1, 0)
    put(zammad, 2, 1)
    inbox.fails_at = 1

    with pytest.raises(TransientError):
        await source.poll()
    await source.poll()

    assert [inbound.source_ref.partition("/")[0][-1] for inbound in inbox.inbound] == ["1", "1", "2"]
