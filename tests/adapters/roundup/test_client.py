"""The wire: every answer that Roundup or something before it gives becomes the right error of ours."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import jwt
import pytest
import respx

from adapters.roundup.client import KeyTakenError, NotThereError, RoundupClient, StaleError
from adapters.roundup.records import ISSUE, STATUS
from adapters.roundup.settings import Settings
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError

FIXTURES = Path(__file__).parent / "fixtures"
SECRET = "0123456789abcdef0123456789abcdef"
DATA = "https://hub.internal/tracker/rest/data/"
OPAQUE = (
    '{"error": {"status": 400, "msg": "Mon Nov 23 21:58:00 2026: An error occurred. '
    'Please check the server log for more information."}}'
)


def fixture(name):
    return (FIXTURES / name).read_bytes()


@pytest.fixture
def roundup():
    return respx.MockRouter(assert_all_called=False)


@pytest.fixture
async def client(roundup):
    settings = Settings(
        url="https://hub.internal/tracker", origin="https://tracker.example", jwt_secret=SECRET
    )
    client = RoundupClient(settings, httpx.MockTransport(roundup.async_handler))
    yield client
    await client.close()


ANSWERS = [
    # status, body, error of a read, error of a write
    (400, fixture("unknown_group.json"), RejectedError, RejectedError),
    (400, OPAQUE, TransientError, UncertainError),
    (400, fixture("header_missing.json"), MisconfiguredError, MisconfiguredError),
    (400, fixture("wrong_origin.json"), MisconfiguredError, MisconfiguredError),
    (400, b'{"error": {"msg": "Invalid HOST a.b"}}', MisconfiguredError, MisconfiguredError),
    (400, b"<html>bad request</html>", TransientError, UncertainError),
    (401, fixture("wrong_token.txt"), MisconfiguredError, MisconfiguredError),
    (403, fixture("anonymous.json"), MisconfiguredError, MisconfiguredError),
    (403, fixture("forbidden.json"), MisconfiguredError, MisconfiguredError),
    (301, b"", MisconfiguredError, MisconfiguredError),
    (302, b"", MisconfiguredError, MisconfiguredError),
    (404, fixture("no_such_record.json"), NotThereError, NotThereError),
    (404, b"<html>nginx</html>", MisconfiguredError, MisconfiguredError),
    (405, b'{"error": {"status": 405, "msg": "not allowed"}}', RejectedError, RejectedError),
    (406, b'{"error": {"status": 406, "msg": "not acceptable"}}', RejectedError, RejectedError),
    (409, fixture("key_taken.json"), KeyTakenError, KeyTakenError),
    (409, b'{"error": {"status": 409, "msg": "not a date"}}', RejectedError, RejectedError),
    (412, fixture("stale.json"), StaleError, StaleError),
    (413, b"<html>too large</html>", RejectedError, RejectedError),
    (415, b'{"error": {"status": 415, "msg": "input of type"}}', RejectedError, RejectedError),
    (429, b"slow down", TransientError, TransientError),
    (500, b"Internal Server Error", TransientError, UncertainError),
    (500, fixture("stale.json"), TransientError, UncertainError),
    (502, b"<html>bad gateway</html>", TransientError, UncertainError),
    (503, b"", TransientError, UncertainError),
    (504, b"", TransientError, UncertainError),
]
IDS = [f"{number}-{answer[0]}" for number, answer in enumerate(ANSWERS)]


@pytest.mark.parametrize(("status", "body", "of_read", "of_write"), ANSWERS, ids=IDS)
async def test_every_answer_has_its_error(roundup, client, status, body, of_read, of_write):
    roundup.route().respond(status, content=body)

    with pytest.raises(of_read) as read:
        await client.rows(ISSUE)
    with pytest.raises(of_read):
        await client.item(ISSUE, "1")
    with pytest.raises(of_write) as written:
        await client.create("issue", {"title": "x"})
    with pytest.raises(of_write):
        await client.change("issue", "1", '"1"', {"title": "x"})
    with pytest.raises(of_write):
        await client.link("issue", "1", '"1"', {"messages": ["2"]})
    with pytest.raises(of_write):
        await client.create_file({"name": "x"}, b"x")

    assert (read.type, written.type) == (of_read, of_write)


class Broken(httpx.AsyncBaseTransport):
    """Fails as it is told to."""

    def __init__(self, error):
        self.error = error

    async def handle_async_request(self, request):
        raise self.error


BREAKS = [
    (httpx.ConnectError("refused"), TransientError),
    (httpx.ConnectTimeout("no answer"), TransientError),
    (httpx.PoolTimeout("busy"), TransientError),
    (httpx.ReadTimeout("silent"), UncertainError),
    (httpx.WriteTimeout("stuck"), UncertainError),
    (httpx.ReadError("reset"), UncertainError),
    (httpx.WriteError("reset"), UncertainError),
    (httpx.RemoteProtocolError("gibberish"), UncertainError),
    (httpx.TimeoutException("which"), UncertainError),
]


@pytest.mark.parametrize(("broken", "of_write"), BREAKS)
async def test_a_write_is_in_doubt_once_it_may_have_been_sent(broken, of_write):
    client = RoundupClient(Settings(url="https://hub.internal/", jwt_secret=SECRET), Broken(broken))

    with pytest.raises(of_write):
        await client.create("issue", {"title": "x"})
    with pytest.raises(TransientError):
        await client.rows(ISSUE)


async def test_a_confirmation_that_cannot_be_read_is_in_doubt(roundup, client):
    roundup.post().respond(201, content=b"<html>created</html>")

    with pytest.raises(UncertainError):
        await client.create("issue", {"title": "x"})


async def test_a_page_of_something_else_is_tried_again(roundup, client):
    roundup.get().respond(200, content=b"<html>log in to the wifi</html>")

    with pytest.raises(TransientError):
        await client.rows(ISSUE)
    with pytest.raises(TransientError):
        await client.item(ISSUE, "1")


async def test_records_of_another_schema_stop_the_adapter(roundup, client):
    roundup.get().respond(200, content=b'{"data": {"collection": [{"id": 7}], "@total_size": 1}}')

    with pytest.raises(MisconfiguredError):
        await client.rows(ISSUE)


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120.0), ("0", 0.0), ("", None), ("soon", None), ("-1", None)]
)
async def test_patience_is_asked_in_seconds(roundup, client, header, seconds):
    roundup.route().respond(429, headers={"Retry-After": header}, content=b"slow down")

    with pytest.raises(TransientError) as error:
        await client.create("issue", {"title": "x"})

    assert error.value.retry_after == seconds


async def test_what_we_sent_is_not_repeated_in_an_error(roundup, client):
    roundup.route().respond(400, content=fixture("unreadable_json.json"))

    with pytest.raises(RejectedError) as error:
        await client.create("msg", {"content": "iets persoonlijks"})

    assert "persoonlijks" not in error.value.what + error.value.detail


async def test_a_write_says_who_where_and_from_where(roundup, client):
    route = roundup.patch(f"{DATA}issue/1").respond(200, content=b"{}")

    await client.change("issue", "1", '"abc"', {"title": "ë"})

    request = route.calls.last.request
    token = jwt.decode(
        request.headers["Authorization"].removeprefix("Bearer "),
        SECRET,
        algorithms=["HS256"],
        audience="https://tracker.example/tracker/",
        issuer="https://tracker.example/tracker/",
    )
    assert (token["sub"], token["roles"]) == ("3", ["hub"])
    assert token["exp"] - token["iat"] == 600
    assert request.headers["Origin"] == "https://tracker.example"
    assert request.headers["Host"] == "tracker.example"
    assert request.headers["X-Requested-With"] == "rest"
    assert request.headers["If-Match"] == '"abc"'
    assert request.content == b'{"title":"\xc3\xab"}'


async def test_a_token_is_renewed_before_it_ends(roundup, client, monkeypatch):
    route = roundup.get().respond(200, content=fixture("status_rows.json"))
    now = 1_800_000_000.0
    tokens = []
    for moment in (now, now + 500, now + 545, now + 1000):
        monkeypatch.setattr("adapters.roundup.client.time.time", lambda moment=moment: moment)
        await client.rows(STATUS)
        tokens.append(route.calls.last.request.headers["Authorization"])

    assert tokens[0] == tokens[1]
    assert tokens[1] != tokens[2] == tokens[3]


async def test_records_come_with_when_they_were_asked_for(roundup, client):
    roundup.get().respond(
        200, content=fixture("issue_rows.json"), headers={"Date": "Mon, 23 Nov 2026 21:00:10 GMT"}
    )

    rows = await client.rows(ISSUE)

    assert [row.canonical_id for row in rows.items] == ["LEU-2026-000123", "intern-1"]
    assert rows.total == 2
    assert datetime(2026, 11, 23, 21, 0, 8, tzinfo=UTC) < rows.asked_at
    assert rows.asked_at <= datetime(2026, 11, 23, 21, 0, 9, tzinfo=UTC)


@pytest.mark.parametrize("date", [{}, {"Date": "gisteren"}])
async def test_without_a_date_nobody_knows_when(roundup, client, date):
    roundup.get().respond(200, content=fixture("issue_rows.json"), headers=date)

    assert (await client.rows(ISSUE)).asked_at is None


async def test_a_record_comes_with_its_etag(roundup, client):
    roundup.get(f"{DATA}issue/1").respond(200, content=fixture("issue_item.json"))

    item = await client.item(ISSUE, "1")

    assert item.row.messages == ("1", "2", "3")
    assert item.etag.startswith('"')
    assert item.etag.endswith('"')


@asynccontextmanager
async def serving(answer):
    """The port of a server on loopback that reads a request and then does this."""
    talks = set()

    async def talk(reader, writer):
        talks.add(asyncio.current_task())
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks)


def client_of(port, **more):
    return RoundupClient(Settings(url=f"http://127.0.0.1:{port}/", jwt_secret=SECRET, **more))


async def cut(writer):
    writer.transport.abort()


async def half_an_answer(writer):
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    await asyncio.sleep(0.05)


async def gibberish(writer):
    writer.write(b"\x00\x01\x02\r\n\r\n")
    await writer.drain()
    await asyncio.sleep(0.05)


async def silence(writer):
    await asyncio.sleep(0.5)


@pytest.mark.parametrize("answer", [cut, half_an_answer, gibberish, silence])
async def test_on_a_real_wire_a_lost_answer_is_uncertain(answer):
    async with serving(answer) as port:
        client = client_of(port, answer_seconds=0.2)

        with pytest.raises(UncertainError):
            await client.create("issue", {"title": "x"})
        with pytest.raises(TransientError):
            await client.rows(ISSUE)

        await client.close()


async def test_on_a_real_wire_a_refused_connection_is_transient():
    async with serving(cut) as port:
        pass
    client = client_of(port)

    with pytest.raises(TransientError):
        await client.create("issue", {"title": "x"})

    await client.close()


async def test_on_a_real_wire_no_encryption_is_transient():
    async with serving(gibberish) as port:
        settings = Settings(url=f"https://127.0.0.1:{port}/", jwt_secret=SECRET, connect_seconds=0.2)
        client = RoundupClient(settings)

        with pytest.raises(TransientError):
            await client.create("issue", {"title": "x"})

        await client.close()
