"""The wire: every answer that Zammad or something before it gives becomes the right error of ours."""

import httpx
import pytest
import respx

from adapters.zammad.client import NotThereError, ZammadClient
from adapters.zammad.settings import Settings
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError
from tests.adapters.zammad.documented import TOKEN, DocumentedZammad


@pytest.fixture
def wire():
    return respx.MockRouter(assert_all_called=False)


@pytest.fixture
async def client(wire, settings):
    client = ZammadClient(settings, httpx.MockTransport(wire.async_handler))
    yield client
    await client.close()


ANSWERS = [
    # status, body, error of a read, error of a write
    (400, b'{"error": "bad request"}', RejectedError, RejectedError),
    (400, b"<html>bad request</html>", TransientError, UncertainError),
    (401, b'{"error": "authentication failed"}', MisconfiguredError, MisconfiguredError),
    (403, b'{"error": "Not authorized"}', MisconfiguredError, MisconfiguredError),
    (301, b"", MisconfiguredError, MisconfiguredError),
    (404, b'{"error": "Couldn\'t find Ticket with \'id\'=7"}', NotThereError, NotThereError),
    (404, b"<html>nginx</html>", MisconfiguredError, MisconfiguredError),
    (413, b"", RejectedError, RejectedError),
    (422, b'{"error": "No lookup value found for \'group\'"}', RejectedError, RejectedError),
    (429, b"", TransientError, TransientError),
    (500, b'{"error": "An unexpected error"}', TransientError, UncertainError),
    (502, b"<html>bad gateway</html>", TransientError, UncertainError),
    (503, b"", TransientError, UncertainError),
]
IDS = [f"{number}-{answer[0]}" for number, answer in enumerate(ANSWERS)]


@pytest.mark.parametrize(("status", "body", "of_read", "of_write"), ANSWERS, ids=IDS)
async def test_every_answer_has_its_error(wire, client, status, body, of_read, of_write):
    wire.route().respond(status, content=body)

    with pytest.raises(of_read) as read:
        await client.ticket("1")
    with pytest.raises(of_write) as write:
        await client.change("1", {"state": "nieuw"})

    assert type(read.value) is of_read
    assert type(write.value) is of_write


@pytest.mark.parametrize(
    ("broken", "of_write"),
    [
        (httpx.ConnectError("refused"), TransientError),
        (httpx.ConnectTimeout("nobody"), TransientError),
        (httpx.PoolTimeout("busy"), TransientError),
        (httpx.ReadTimeout("silent"), UncertainError),
        (httpx.RemoteProtocolError("half"), UncertainError),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_a_line_that_breaks_before_sending_is_no_doubt(wire, client, broken, of_write):
    wire.route().mock(side_effect=broken)

    with pytest.raises(TransientError):
        await client.ticket("1")
    with pytest.raises(of_write):
        await client.create({"title": "x"})


async def test_it_waits_as_long_as_it_is_asked_to(wire, client):
    wire.route().respond(429, headers={"Retry-After": "17"})

    with pytest.raises(TransientError) as error:
        await client.ticket("1")

    assert error.value.retry_after == 17


@pytest.mark.parametrize(
    ("body", "error"), [(b"<html>", TransientError), (b'{"id": "x"}', MisconfiguredError)]
)
async def test_an_answer_that_is_not_as_agreed_is_said_so(wire, client, body, error):
    wire.route().respond(200, content=body)

    with pytest.raises(error):
        await client.ticket("1")


async def test_an_unreadable_confirmation_leaves_a_doubt(wire, client):
    wire.route().respond(201, content=b"<html>")

    with pytest.raises(UncertainError):
        await client.create({"title": "x"})


async def test_what_zammad_repeats_of_us_stays_out_of_the_error(wire, client):
    wire.route().respond(422, json={"error": "Jo Peeters <jo@example.be> is not valid"})

    with pytest.raises(RejectedError) as error:
        await client.create({"title": "x"})

    assert "Peeters" not in f"{error.value.what} {error.value.detail}"


async def test_a_search_names_a_condition_and_never_a_query(wire, client):
    """Zammad answers a condition from its database, and a query from a search index that may lag."""
    route = wire.route().respond(200, json=[])

    await client.search({"canonical_id": ("is", "LEU-2026-000001"), "state_id": ("is", ["1", "2"])})

    request = route.calls.last.request
    assert request.url.path == "/api/v1/tickets/search"
    assert request.url.params.multi_items() == [
        ("expand", "true"),
        ("sort_by", "id"),
        ("order_by", "asc"),
        ("page", "1"),
        ("per_page", "100"),
        ("condition[ticket.canonical_id][operator]", "is"),
        ("condition[ticket.canonical_id][value]", "LEU-2026-000001"),
        ("condition[ticket.state_id][operator]", "is"),
        ("condition[ticket.state_id][value][]", "1"),
        ("condition[ticket.state_id][value][]", "2"),
    ]
    assert request.headers["Authorization"] == f"Token token={TOKEN}"


async def test_a_wrong_token_is_said_so(settings):
    wrong = settings.model_copy(update={"token": Settings(url="https://x", token="y", customer="z").token})
    client = ZammadClient(wrong, DocumentedZammad().transport)

    with pytest.raises(MisconfiguredError, match="check token"):
        await client.groups()
    await client.close()


@pytest.mark.parametrize("url", ["zammad.example", "ftp://zammad.example", "https://zammad.example/?a=1"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match="expected http"):
        Settings(url=url, token="t", customer="burger")
