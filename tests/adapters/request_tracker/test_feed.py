"""The feed of changes, on an RT that can be told what to say and when to show it."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import msgspec
import pytest
import respx
from structlog.testing import capture_logs

from adapters.request_tracker.client import MOST_ROWS, RequestTrackerClient
from adapters.request_tracker.feed import Feed
from adapters.request_tracker.settings import Settings
from adapters.tracking.changes import ChangeSource
from canonical_model.events import CaseChanged
from canonical_model.status import CaseStatus
from ports.errors import NotUnderstoodError, TransientError
from tests.adapters.given import given
from tests.adapters.tracking.inbox import Inbox

NOW = datetime(2026, 11, 23, 21, 0, 0, tzinfo=UTC)
LATE = 60


def at(seconds):
    return (NOW + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class ScriptedRequestTracker:
    """Tickets and transactions; what is `hidden` has its number already and is not committed yet."""

    def __init__(self):
        self.tickets = {}
        self.transactions = {}
        self.texts = {}
        self.hidden = set()
        self.clock = 1000
        self.asked = []
        self.router = respx.MockRouter(assert_all_called=False)
        self.router.get(path__regex=r"/transactions$").mock(side_effect=self._transactions)
        self.router.get(path__regex=r"/tickets$").mock(side_effect=self._tickets)
        self.router.get(path__regex=r"/attachments$").mock(side_effect=self._texts)

    def put(self, number, ticket, seconds=0, kind="Status", **more):
        """A transaction; the ticket shows up with it."""
        reference = {"name": "canonical_id", "values": [f"LEU-2026-{ticket:06d}"]}
        own = {"Status": "nieuw", "Queue": {"id": "3", "Name": "kcc"}, "CustomFields": [reference]}
        self.tickets[ticket] = {"id": str(ticket), "LastUpdated": at(seconds), **own, **more}
        about = {"ObjectId": str(ticket), "Type": kind, "Created": at(seconds)}
        self.transactions[number] = {"id": str(number), **about}

    def _transactions(self, request):
        query = request.url.params["query"]
        self.asked.append(query)
        after = int(re.search(r"(?<!Ticket)id > (\d+)", query)[1])
        tickets = {int(id_) for id_ in re.findall(r"TicketId = (\d+)", query)}
        kinds = set(re.findall(r"\bType = '(\w+)'", query))
        found = [
            row
            for number, row in sorted(self.transactions.items())
            if number > after
            and number not in self.hidden
            and (not tickets or int(row["ObjectId"]) in tickets)
            and (not kinds or row["Type"] in kinds)
        ]
        return self._answer(found[:MOST_ROWS])

    def _tickets(self, request):
        ids = {int(id_) for id_ in re.findall(r"id = (\d+)", request.url.params["query"])}
        return self._answer([self.tickets[id_] for id_ in sorted(ids & self.tickets.keys())])

    def _texts(self, request):
        ticket = int(request.url.path.split("/")[-2])
        return self._answer(self.texts.get(ticket, []))

    def _answer(self, rows):
        now = NOW + timedelta(seconds=self.clock)
        return httpx.Response(200, json={"items": rows}, headers={"Date": format_datetime(now, usegmt=True)})


@pytest.fixture
def rt():
    return ScriptedRequestTracker()


@pytest.fixture
async def client(rt):
    settings = Settings(url="https://rt.example/", token="t")
    client = RequestTrackerClient(settings, httpx.MockTransport(rt.router.async_handler))
    yield client
    await client.close()


@pytest.fixture
def feed(client):
    return Feed(client, timedelta(seconds=LATE))


def said(change):
    return msgspec.json.decode(change.raw)["case"]


async def told(feed, cursor, limit=200):
    batch = await feed.read(cursor, limit)
    return [int(said(change)["id"]) for change in batch.changes], batch.cursor, batch.more


async def test_the_same_change_is_told_once(rt, feed):
    rt.put(1, 7)
    first, cursor, _ = await told(feed, None)

    second, cursor, _ = await told(feed, cursor)
    rt.put(2, 7)
    third, _, _ = await told(feed, cursor)

    assert (first, second, third) == ([7], [], [7])


async def test_what_got_its_number_earlier_and_shows_later_is_not_missed(rt, feed):
    rt.clock = 10
    rt.put(1, 1)
    rt.put(2, 2)
    rt.put(3, 3)
    rt.hidden = {2}
    first, cursor, _ = await told(feed, None)
    nothing, cursor, _ = await told(feed, cursor)

    rt.hidden = set()
    late, cursor, _ = await told(feed, cursor)
    after, _, _ = await told(feed, cursor)

    assert (first, nothing, late, after) == ([1, 3], [], [2], [])


async def test_a_number_that_never_comes_is_not_waited_for_for_ever(rt, feed):
    rt.clock = LATE + 5
    rt.put(1, 1)
    rt.put(5, 5)
    rt.put(6, 6, seconds=LATE)
    rt.put(9, 9, seconds=LATE)
    _, cursor, _ = await told(feed, None)
    waiting = msgspec.json.decode(cursor)

    rt.clock = 10 * LATE
    _, cursor, _ = await told(feed, cursor)

    assert (waiting["settled"], waiting["seen"]) == (6, [9])
    assert msgspec.json.decode(cursor) == {"settled": 9, "seen": []}


async def test_without_the_time_of_the_answer_it_waits(rt, feed):
    rt._answer = lambda rows: httpx.Response(200, json={"items": rows})
    rt.put(1, 1)
    rt.put(3, 3)

    _, cursor, _ = await told(feed, None)

    assert msgspec.json.decode(cursor) == {"settled": 1, "seen": [3]}


async def test_small_batches_miss_nothing_and_double_nothing(rt, feed):
    for number in range(1, 251):
        rt.put(number, number % 90)
    seen, cursor, more = [], None, True
    while more:
        found, cursor, more = await told(feed, cursor, limit=7)
        assert len(found) <= 7
        seen += found

    assert set(seen) == set(range(90))
    assert await told(feed, cursor) == ([], cursor, False)


async def test_pages_are_read_to_the_end(rt, feed):
    for number in range(1, 2 * MOST_ROWS + 1):
        rt.put(number, number)

    found, cursor, more = await told(feed, None, limit=1000)

    assert (len(found), more) == (2 * MOST_ROWS, False)
    assert msgspec.json.decode(cursor)["settled"] == 2 * MOST_ROWS


async def test_a_version_never_goes_back(rt, feed):
    rt.clock = 10
    rt.put(1, 1)
    rt.put(2, 2)
    rt.put(3, 1)
    rt.hidden = {2}
    _, cursor, _ = await told(feed, None)
    rt.put(4, 1)
    rt.hidden = set()

    batch = await feed.read(cursor)

    assert [(said(change)["id"], change.ref.rpartition("/")[2]) for change in batch.changes] == [
        ("2", "2"),
        ("1", "4"),
    ]


async def test_an_answer_is_a_reply_that_is_not_ours(rt, feed):
    rt.put(1, 1)
    rt.put(2, 1, kind="Correspond")
    rt.put(3, 1, kind="Correspond")
    rt.put(4, 1, kind="Comment")
    rt.texts[1] = [
        text(10, 1, "De melding zelf"),
        text(11, 2, "Van ons", "uitgaand [LEU-2026-000001/x]"),
        text(12, 3, "<p>Van een&nbsp;mens</p><p>Groeten</p>", kind="text/html"),
        text(13, 4, "Binnenskamers"),
    ]

    (change,) = (await feed.read(None)).changes

    assert [(answer.key, answer.text) for answer in change.event.answers] == [
        ("3", "Van een\xa0mens\n\nGroeten")
    ]
    assert change.event.status is CaseStatus.NEW


async def test_of_a_text_that_was_sent_in_two_kinds_the_plain_one_counts(rt, feed):
    rt.put(1, 1, kind="Correspond")
    rt.texts[1] = [text(10, 1, "Gewoon"), text(11, 1, "<p>Rijk</p>", kind="text/html")]

    (change,) = (await feed.read(None)).changes

    assert [answer.text for answer in change.event.answers] == ["Gewoon"]


async def test_cases_of_others_are_left_alone_and_told_once(rt, feed):
    rt.put(1, 1, CustomFields=[{"name": "canonical_id", "values": ["intern-5"]}])
    rt.put(2, 2, CustomFields=[])
    rt.put(3, 3)
    with capture_logs() as logs:
        found, cursor, _ = await told(feed, None)
        rt.put(4, 1, CustomFields=[])
        await told(feed, cursor)

    assert found == [3]
    assert [(log["event"], log["tracker_id"]) for log in logs] == [
        ("case_without_reference", "1"),
        ("case_without_reference", "2"),
    ]


async def test_a_ticket_that_lives_on_in_another_one_is_passed(rt, feed):
    rt.put(1, 1)
    rt.put(2, 2)
    del rt.tickets[1]

    assert (await told(feed, None))[0] == [2]


async def test_many_tickets_are_asked_for_in_portions(rt, feed):
    for number in range(1, 121):
        rt.put(number, number)

    await told(feed, None)

    assert [len(re.findall("TicketId", query)) for query in rt.asked if "Correspond" in query] == [50, 50, 20]


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


async def test_a_change_is_handed_over_with_what_rt_said(rt, inbox, source):
    rt.put(4, 1)

    assert await source.poll() == 1
    assert await source.poll() == 0

    (inbound,) = inbox.inbound
    assert (inbound.source, inbound.source_ref) == ("tracker/changes", "LEU-2026-000001/4")
    assert msgspec.json.decode(inbound.raw)["case"]["Status"] == "nieuw"
    assert isinstance(inbound.event, CaseChanged)


async def test_a_change_that_cannot_be_understood_does_not_stop_the_others(rt, inbox, source):
    rt.put(1, 1, Status="geparkeerd")
    rt.put(2, 2)

    assert await source.poll() == 2

    assert isinstance(inbox.inbound[0].problem, NotUnderstoodError)
    assert inbox.inbound[0].event is None


async def test_what_was_not_accepted_comes_again(rt, inbox, source):
    rt.put(1, 1)
    rt.put(2, 2)
    inbox.fails_at = 1

    with pytest.raises(TransientError):
        await source.poll()
    await source.poll()

    refs = [inbound.source_ref for inbound in inbox.inbound]
    assert refs == ["LEU-2026-000001/1", "LEU-2026-000001/1", "LEU-2026-000002/2"]


def text(number, transaction, words, subject="", kind="text/plain"):
    return {
        "id": str(number),
        "TransactionId": str(transaction),
        "Subject": subject,
        "ContentType": kind,
        "Content": words,
    }
