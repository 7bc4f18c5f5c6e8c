"""The feed of changes, on a Roundup that can be told what to say."""

import asyncio
from datetime import datetime, timedelta

import httpx
import msgspec
import pytest
import respx
from structlog.testing import capture_logs

from adapters.roundup.adapter import RoundupTracker
from adapters.roundup.client import RoundupClient
from adapters.roundup.feed import Feed
from adapters.roundup.settings import Settings
from adapters.tracking.changes import ChangeSource
from canonical_model.events import CaseChanged
from canonical_model.status import CaseStatus
from ports.errors import MisconfiguredError, NotUnderstoodError, RejectedError, TransientError
from ports.tracker import CaseChange, CaseQuery
from tests.adapters.given import given
from tests.adapters.tracking.inbox import Inbox

NOW = datetime(2026, 11, 23, 21, 0, 0)  # noqa: DTZ001 - Roundup's own dates bear no zone


def at(seconds):
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%d.%H:%M:%S")


class ScriptedRoundup:
    """Cases in the order of their last change; a case may change after the list was made (`jumps`)."""

    def __init__(self):
        self.issues = {}
        self.messages = {}
        self.jumps = {}
        self.clock = 1000
        self.router = respx.MockRouter(assert_all_called=False)
        self.router.get(path__regex=r"/issue$").mock(side_effect=self._list)
        self.router.get(path__regex=r"/msg$").mock(side_effect=self._texts)

    def put(self, number, seconds, version=1, **more):
        self.issues[number] = {
            "id": str(number),
            "canonical_id": f"LEU-2026-{number:06d}",
            "version": version,
            "status.name": "nieuw",
            "group.name": "kcc",
            "title": "Titel",
            "activity": at(seconds),
            "messages": [],
            **more,
        }

    def _list(self, request):
        since = request.url.params["activity"].removeprefix("from ")
        found = [issue for issue in self.issues.values() if issue["activity"] >= since]
        found.sort(key=lambda issue: (issue["activity"], int(issue["id"])))
        page = found[: int(request.url.params["@page_size"])]
        for number, change in self.jumps.items():
            self.issues[number] = self.issues[number] | change
        self.jumps = {}
        page = [self.issues[int(issue["id"])] for issue in page]
        return self._answer(page, len(found))

    def _texts(self, request):
        wanted = request.url.params.get_list("id")
        found = [self.messages[id_] for id_ in wanted if id_ in self.messages]
        return self._answer(found, len(found))

    def _answer(self, rows, total):
        clock = NOW + timedelta(seconds=self.clock)
        return httpx.Response(
            200,
            json={"data": {"collection": rows, "@total_size": total}},
            headers={"Date": clock.strftime("%a, %d %b %Y %H:%M:%S GMT")},
        )


@pytest.fixture
def roundup():
    return ScriptedRoundup()


@pytest.fixture
async def client(roundup):
    client = RoundupClient(
        Settings(url="https://tracker.example/", jwt_secret="x" * 32),
        httpx.MockTransport(roundup.router.async_handler),
    )
    yield client
    await client.close()


@pytest.fixture
def feed(client):
    return Feed(client, timedelta(seconds=5))


def said(change):
    return msgspec.json.decode(change.raw)["case"]


async def numbers(feed, cursor, limit=200):
    batch = await feed.read(cursor, limit)
    return [int(said(change)["id"]) for change in batch.changes], batch.cursor, batch.more


async def test_the_same_state_is_told_once(roundup, feed):
    roundup.put(1, 0)
    first, cursor, _ = await numbers(feed, None)

    second, cursor, _ = await numbers(feed, cursor)
    roundup.put(1, 0, version=2)
    third, _, _ = await numbers(feed, cursor)

    assert (first, second, third) == ([1], [], [1])


async def test_what_was_committed_late_is_still_seen(roundup, feed):
    roundup.put(1, 10)
    _, cursor, _ = await numbers(feed, None)
    roundup.put(2, 6)

    late, _, _ = await numbers(feed, cursor)

    assert late == [2]


async def test_the_cursor_does_not_grow_for_ever(roundup, feed):
    cursor = None
    for second in range(0, 300, 3):
        roundup.put(second, second)
        _, cursor, _ = await numbers(feed, cursor)

    assert len(cursor) < 300


async def test_many_changes_of_one_second_fit_in_small_batches(roundup, feed):
    for number in range(50):
        roundup.put(number, 0)
    seen, cursor, more = [], None, True
    while more:
        found, cursor, more = await numbers(feed, cursor, limit=7)
        assert len(found) <= 7
        seen += found

    assert sorted(seen) == list(range(50))


async def test_a_case_that_changes_while_it_is_read_hides_no_other(roundup, feed):
    for number in range(40):
        roundup.put(number, number * 60)
    roundup.clock = 3000
    roundup.jumps = {9: {"activity": at(3001), "version": 2}}

    seen, cursor, more = await numbers(feed, None, limit=10)
    while more:
        found, cursor, more = await numbers(feed, cursor, limit=10)
        seen += found

    assert sorted(set(seen)) == list(range(40))


async def test_without_the_time_of_the_answer_nothing_is_missed(roundup, feed):
    roundup._answer = lambda rows, total: httpx.Response(
        200, json={"data": {"collection": rows, "@total_size": total}}
    )
    for number in range(40):
        roundup.put(number, number * 60)
    seen, cursor, more = [], None, True
    while more:
        found, cursor, more = await numbers(feed, cursor, limit=10)
        seen += found

    assert sorted(seen) == list(range(40))


async def test_cases_of_others_are_left_alone_and_told_once(roundup, feed):
    roundup.put(1, 0, canonical_id="intern-5")
    roundup.put(2, 0, canonical_id=None)
    roundup.put(3, 0)
    with capture_logs() as logs:
        found, cursor, _ = await numbers(feed, None)
        roundup.put(1, 1, canonical_id="intern-5", version=2)
        await numbers(feed, cursor)

    assert found == [3]
    assert [(log["event"], log["tracker_id"], log["so_far"]) for log in logs] == [
        ("case_without_reference", "1", 1),
        ("case_without_reference", "2", 2),
    ]


async def test_many_answers_are_asked_for_in_portions(roundup, feed):
    ids = [str(number) for number in range(1, 251)]
    roundup.put(1, 0, messages=ids)
    for id_ in ids:
        roundup.messages[id_] = {
            "id": id_,
            "content": f"antwoord {id_}",
            "visibility": "public",
            "direction": "out",
            "date": at(0),
        }

    batch = await feed.read(None)

    assert [answer.key for answer in batch.changes[0].event.answers] == ids


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


async def test_a_change_is_handed_over_with_what_roundup_said(roundup, inbox, source):
    roundup.put(1, 0, version=4)

    assert await source.poll() == 1
    assert await source.poll() == 0

    (inbound,) = inbox.inbound
    assert (inbound.source, inbound.source_ref) == ("tracker/changes", "LEU-2026-000001/4")
    assert inbound.media_type == "application/json"
    assert msgspec.json.decode(inbound.raw)["case"]["status.name"] == "nieuw"
    assert isinstance(inbound.event, CaseChanged)


async def test_a_change_that_cannot_be_understood_does_not_stop_the_others(roundup, inbox, source):
    roundup.put(1, 0, **{"status.name": "geparkeerd"})
    roundup.put(2, 1)

    assert await source.poll() == 2

    assert isinstance(inbox.inbound[0].problem, NotUnderstoodError)
    assert inbox.inbound[0].event is None
    assert inbox.inbound[1].event.case == "LEU-2026-000002"


async def test_what_was_not_accepted_comes_again(roundup, inbox, source):
    for number in range(5):
        roundup.put(number, number)
    inbox.fails_at = 3

    with pytest.raises(TransientError):
        await source.poll()
    assert inbox.saved == {}
    await source.poll()

    assert {inbound.source_ref for inbound in inbox.inbound} == {f"LEU-2026-00000{n}/1" for n in range(5)}


async def test_more_than_a_batch_is_read_on_at_once(roundup, inbox, source):
    for number in range(450):
        roundup.put(number, number)

    async with asyncio.timeout(5):
        got = 0
        while new := await source.poll():
            got += new
            if got < 450:
                await source.wait(3600)

    assert got == 450


async def test_the_wait_ends(source):
    await source.wait(5)
    await source.close()


async def test_a_change_that_was_confirmed_and_not_done_is_refused(roundup, client, feed):
    tracker = RoundupTracker(client, feed)
    roundup.router.get(path__regex=r"/issue/1$").respond(200, json=item(version=3, group="kcc"))
    roundup.router.patch(path__regex=r"/issue/1$").respond(200, json={})

    with pytest.raises(RejectedError, match="did not apply"):
        await tracker.update("1", CaseChange(group="burgerzaken"))


async def test_a_handler_who_was_faster_after_us_wins(roundup, client, feed):
    tracker = RoundupTracker(client, feed)
    answers = [item(version=3, group="kcc"), item(version=5, group="groendienst")]
    roundup.router.get(path__regex=r"/issue/1$").mock(
        side_effect=[httpx.Response(200, json=answer) for answer in answers]
    )
    roundup.router.patch(path__regex=r"/issue/1$").respond(200, json={})

    assert (await tracker.update("1", CaseChange(group="burgerzaken"))).group == "groendienst"


async def test_a_case_that_never_stands_still_is_tried_again_later(roundup, client, feed):
    tracker = RoundupTracker(client, feed)
    roundup.router.get(path__regex=r"/issue/1$").respond(200, json=item(version=3, group="kcc"))
    roundup.router.patch(path__regex=r"/issue/1$").respond(412, json={"error": {"msg": "If-Match"}})

    with pytest.raises(TransientError):
        await tracker.update("1", CaseChange(status=CaseStatus.CLOSED))


async def test_a_status_of_somebody_else_stops_reading_cases(roundup, client, feed):
    roundup.router.routes.clear()
    roundup.put(1, 0, **{"status.name": "geparkeerd"})
    roundup.router.get(path__regex=r"/issue$").mock(
        return_value=roundup._answer(list(roundup.issues.values()), 1)
    )

    with pytest.raises(MisconfiguredError, match="geparkeerd"):
        await RoundupTracker(client, feed).list(CaseQuery())


def item(version, group):
    row = {"version": version, "group.name": group, "status.name": "nieuw", "canonical_id": "LEU-2026-000001"}
    return {"data": {"id": "1", "attributes": row, "@etag": '"1"'}}
