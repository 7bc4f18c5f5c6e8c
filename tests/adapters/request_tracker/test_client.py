"""The wire: every answer that RT or something before it gives becomes the right error of ours."""

from pathlib import Path

import httpx
import pytest
import respx

from adapters.request_tracker.client import NotThereError, RequestTrackerClient, StaleError
from adapters.request_tracker.settings import Settings
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError

FIXTURES = Path(__file__).parent / "fixtures"
TOKEN = "1-30-geheim"


def fixture(name):
    return (FIXTURES / name).read_bytes()


@pytest.fixture
def rt():
    return respx.MockRouter(assert_all_called=False)


@pytest.fixture
async def client(rt):
    settings = Settings(url="https://rt.example/kos", token=TOKEN)
    client = RequestTrackerClient(settings, httpx.MockTransport(rt.async_handler))
    yield client
    await client.close()


ANSWERS = [
    # status, body, error of a read, error of a write
    (400, fixture("wrong_query.json"), RejectedError, RejectedError),
    (400, fixture("not_recorded.json"), RejectedError, RejectedError),
    (400, b"<html>bad request</html>", TransientError, UncertainError),
    (401, fixture("wrong_token.json"), MisconfiguredError, MisconfiguredError),
    (403, b'{"message":"Forbidden"}', MisconfiguredError, MisconfiguredError),
    (302, b"", MisconfiguredError, MisconfiguredError),
    (404, fixture("no_such_ticket.json"), NotThereError, NotThereError),
    (404, b"<html>nginx</html>", MisconfiguredError, MisconfiguredError),
    (412, fixture("stale.json"), StaleError, StaleError),
    (413, b"<html>too large</html>", RejectedError, RejectedError),
    (429, b"slow down", TransientError, TransientError),
    (500, b"", TransientError, UncertainError),
    (502, b"<html>bad gateway</html>", TransientError, UncertainError),
    (503, b"", TransientError, UncertainError),
]
IDS = [f"{number}-{answer[0]}" for number, answer in enumerate(ANSWERS)]


@pytest.mark.parametrize(("status", "body", "of_read", "of_write"), ANSWERS, ids=IDS)
async def test_every_answer_has_its_error(rt, client, status, body, of_read, of_write):
    rt.route().respond(status, content=body)

    with pytest.raises(of_read) as read:
        await client.ticket("1")
    with pytest.raises(of_write) as write:
        await client.change("1", {"Status": "nieuw"})

    assert type(read.value) is of_read
    assert type(write.value) is of_write


async def test_a_queue_that_is_not_there_is_refused_and_stops_nobody(rt, client):
    rt.post("https://rt.example/kos/REST/2.0/ticket").respond(403, content=fixture("unknown_queue.json"))

    with pytest.raises(RejectedError, match="queue"):
        await client.create({"Queue": "nope"})


async def test_it_waits_as_long_as_it_is_asked_to(rt, client):
    rt.route().respond(429, headers={"Retry-After": "17"})

    with pytest.raises(TransientError) as error:
        await client.ticket("1")

    assert error.value.retry_after == 17


@pytest.mark.parametrize(
    ("broken", "of_write"),
    [
        (httpx.ConnectError("refused"), TransientError),
        (httpx.ConnectTimeout("nobody"), TransientError),
        (httpx.PoolTimeout("busy"), TransientError),
        (httpx.ReadTimeout("silent"), UncertainError),
        (httpx.ReadError("cut"), UncertainError),
        (httpx.RemoteProtocolError("half"), UncertainError),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_line_that_breaks_before_sending_is_no_doubt(rt, client, broken, of_write):
    rt.route().mock(side_effect=broken)

    with pytest.raises(TransientError):
        await client.ticket("1")
    with pytest.raises(of_write):
        await client.say("1", "comment", "s", "t")


@pytest.mark.parametrize(
    ("body", "error"), [(b"<html>", TransientError), (b'{"Status": 7}', MisconfiguredError)]
)
async def test_an_answer_that_is_not_as_agreed_is_said_so(rt, client, body, error):
    rt.route().respond(200, content=body)

    with pytest.raises(error):
        await client.ticket("1")


@pytest.mark.parametrize("location", ["", "https://rt.example/elsewhere"])
async def test_a_confirmation_without_a_number_leaves_a_doubt(rt, client, location):
    rt.route().respond(201, json=["Comments added"], headers={"Location": location})

    with pytest.raises(UncertainError):
        await client.say("1", "comment", "s", "t")


async def test_an_unreadable_confirmation_leaves_a_doubt(rt, client):
    rt.route().respond(201, content=b"<html>")

    with pytest.raises(UncertainError):
        await client.create({"Queue": "kcc"})


async def test_what_rt_repeats_of_us_stays_out_of_the_error(rt, client):
    rt.route().respond(400, json={"message": "Could not add Jo Peeters, jo@example.be"})

    with pytest.raises(RejectedError) as error:
        await client.change("1", {"Status": "x"})

    assert "Peeters" not in f"{error.value.what} {error.value.detail}"


async def test_a_ticket_has_its_version_and_the_name_of_its_queue(rt, client):
    rt.get(path__regex="/ticket/43$").respond(200, content=fixture("ticket.json"), headers={"ETag": '"1234"'})
    rt.get(path__regex="/queues/all$").respond(200, content=fixture("queues.json"))

    ticket = await client.ticket("43")

    assert (ticket.id, ticket.version, ticket.group) == ("43", 1234, "openbaar-domein")
    assert ticket.field("canonical_id") == "LEU-2026-000123"


async def test_a_queue_that_was_made_meanwhile_is_found(rt, client):
    first = {"items": [{"id": "3", "Name": "kcc"}]}
    second = {"items": [{"id": "3", "Name": "kcc"}, {"id": "4", "Name": "nieuw"}]}
    asked = rt.get(path__regex="/queues/all$").mock(
        side_effect=[httpx.Response(200, json=first), httpx.Response(200, json=second)]
    )

    assert "nieuw" not in (await client.queues("kcc")).values()
    assert "kcc" in (await client.queues("kcc")).values()
    assert "nieuw" in (await client.queues("nieuw")).values()
    assert asked.call_count == 2


async def test_the_log_in_goes_along(rt, client):
    route = rt.route().respond(404, content=fixture("no_such_ticket.json"))

    with pytest.raises(NotThereError):
        await client.ticket("1")

    request = route.calls.last.request
    assert request.url == "https://rt.example/kos/REST/2.0/ticket/1"
    assert request.headers["Authorization"] == f"token {TOKEN}"
    assert TOKEN not in repr(Settings(url="https://rt.example", token=TOKEN))


@pytest.mark.parametrize("url", ["rt.example", "ftp://rt.example", "https://rt.example/?a=1", "https://"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="expected http"):
        Settings(url=url, token=TOKEN)
