"""The wire: every answer that DOSIS or something before it gives becomes the right error of ours."""

from datetime import UTC, datetime

import httpx
import pytest
import respx

from adapters.digitaal_vlaanderen.service import Service
from adapters.dosis.client import DosisClient, Known, known_in
from adapters.dosis.settings import CodeLists, Push
from ports.clock import ManualClock
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError
from tests.adapters.dosis.conftest import FIXTURES, KEY

BASE = "https://dosis.example"
UPLOAD = f"{BASE}/api/v2/dosis/dossiers"
BODY = {"Naam": "Losse tegel", "Agenten": [{"Identificatie": "85073003328"}]}
REFUSED = (FIXTURES / "refused.json").read_bytes()
HTML = b"<html>nginx</html>"

ANSWERS = [
    # status, body, error of a read, error of a write
    (301, b"", MisconfiguredError, MisconfiguredError),
    (400, REFUSED, RejectedError, RejectedError),
    (400, HTML, RejectedError, RejectedError),
    (401, REFUSED, MisconfiguredError, MisconfiguredError),
    (403, REFUSED, RejectedError, RejectedError),
    (403, HTML, MisconfiguredError, MisconfiguredError),
    (405, HTML, MisconfiguredError, MisconfiguredError),
    (408, b"", TransientError, TransientError),
    (409, REFUSED, RejectedError, RejectedError),
    (413, b"", RejectedError, RejectedError),
    (422, REFUSED, RejectedError, RejectedError),
    (429, b"", TransientError, TransientError),
    (500, REFUSED, TransientError, UncertainError),
    (502, HTML, TransientError, UncertainError),
    (503, b"", TransientError, UncertainError),
    (504, b"", TransientError, UncertainError),
]


@pytest.fixture
def wire():
    router = respx.MockRouter(assert_all_called=False)
    router.post("https://oauth.example/token").respond(json={"access_token": "t", "expires_in": 3600})
    return router


@pytest.fixture
async def client(wire):
    push = Push.model_validate(
        {
            "base_url": f"{BASE}/",
            "log_in": {
                "token_url": "https://oauth.example/token",
                "client_id": "6776",
                "private_key": KEY.as_pem(private=True).decode(),
            },
        }
    )
    clock = ManualClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
    transport = httpx.MockTransport(wire.async_handler)
    client = DosisClient(
        Service("DOSIS", push, push.log_in, clock, transport=transport), push, "urn://leuven/contact"
    )
    yield client
    await client.close()


@pytest.mark.parametrize(("status", "body", "of_read", "of_write"), ANSWERS)
async def test_every_answer_has_its_error(wire, client, status, body, of_read, of_write):
    wire.route(host="dosis.example").respond(status, content=body, headers={"Retry-After": "42"})

    with pytest.raises(of_read):
        await client.sources()
    with pytest.raises(of_write) as raised:
        await client.upload(BODY)

    assert getattr(raised.value, "retry_after", 42) == 42


async def test_a_refusal_names_fields_and_shows_nothing_that_was_sent(wire, client):
    wire.post(UPLOAD).respond(400, content=REFUSED)

    with pytest.raises(RejectedError) as raised:
        await client.upload(BODY)

    assert "Agenten[0].Identificatie: … is geen geldig nummer (AGENT_ONGELDIG)" in raised.value.what
    assert "Producten: Precies een product verwacht (VERPLICHT)" in raised.value.what
    assert "85073003328" not in raised.value.what + raised.value.detail


@pytest.mark.parametrize(
    ("failure", "of_read", "of_write"),
    [
        (httpx.ConnectError, TransientError, TransientError),
        (httpx.ConnectTimeout, TransientError, TransientError),
        (httpx.PoolTimeout, TransientError, TransientError),
        (httpx.ReadTimeout, TransientError, UncertainError),
        (httpx.ReadError, TransientError, UncertainError),
        (httpx.RemoteProtocolError, TransientError, UncertainError),
    ],
)
async def test_a_line_that_breaks_is_uncertain_once_something_was_sent(
    wire, client, failure, of_read, of_write
):
    wire.route(host="dosis.example").mock(side_effect=failure)

    with pytest.raises(of_read):
        await client.sources()
    with pytest.raises(of_write):
        await client.upload(BODY)
    with pytest.raises(of_write):
        await client.delete("LEU-2026-004711")


async def test_an_upload_is_taken_when_dosis_says_ok(wire, client):
    route = wire.post(UPLOAD).respond(json={"Status": "OK", "UploadId": "x"})

    await client.upload(BODY)

    (call,) = route.calls
    assert call.request.headers["authorization"] == "Bearer t"
    assert call.request.headers["content-type"] == "application/json"
    assert call.request.headers["accept"] == "application/json"


@pytest.mark.parametrize(
    ("content", "error"),
    [(b'{"Status": "NOK"}', RejectedError), (b"{}", RejectedError), (HTML, UncertainError)],
)
async def test_a_200_that_is_no_ok_is_not_believed(wire, client, content, error):
    wire.post(UPLOAD).respond(200, content=content)

    with pytest.raises(error):
        await client.upload(BODY)


async def test_a_result_that_is_not_there_yet_is_none(wire, client):
    wire.get(f"{BASE}/api/v1/dosis/resultaten").respond(404)
    wire.get(f"{BASE}/api/v1/dosis/resultaten/perUploadId").respond(404)

    assert await client.result("x") is None
    assert await client.result_of("LEU-2026-004711") is None


async def test_a_result_is_asked_by_upload_and_by_dossier(wire, client, fixture_bytes):
    by_upload = wire.get(f"{BASE}/api/v1/dosis/resultaten/perUploadId").respond(
        content=fixture_bytes("result_failed.json")
    )
    by_dossier = wire.get(f"{BASE}/api/v1/dosis/resultaten").respond(content=fixture_bytes("result_ok.json"))

    assert (await client.result("u-1")).succes is False
    assert (await client.result_of("LEU-2026-004711")).succes is True
    assert dict(by_upload.calls[0].request.url.params) == {"uploadId": "u-1"}
    assert dict(by_dossier.calls[0].request.url.params) == {
        "bron": "urn://leuven/contact",
        "dossierNummer": "LEU-2026-004711",
    }


@pytest.mark.parametrize("content", [b"", HTML, b"[]", b'{"Succes": "misschien"}'])
async def test_a_result_that_cannot_be_read_is_asked_again(wire, client, content):
    wire.get(f"{BASE}/api/v1/dosis/resultaten").respond(content=content)

    with pytest.raises(TransientError):
        await client.result_of("LEU-2026-004711")


@pytest.mark.parametrize("content", [b"", HTML, b"{}", b"[" * 5000 + b"]" * 5000])
async def test_a_list_of_failures_that_cannot_be_read_is_asked_again(wire, client, content):
    wire.get(f"{BASE}/api/v1/dosis/resultaten/fouten").respond(content=content)

    with pytest.raises(TransientError):
        await client.failures()


async def test_only_dosis_itself_says_that_there_was_no_dossier(wire, client):
    route = wire.delete(f"{BASE}/api/v1/dosis/dossiers")
    route.respond(404, content=REFUSED)
    await client.delete("LEU-2026-004711")
    route.respond(404, content=HTML)

    with pytest.raises(RejectedError, match=r"push\.paths\.dossier"):
        await client.delete("LEU-2026-004711")


def test_the_code_lists_are_read_where_the_settings_say():
    objects = {"StatusVlaamseFases": [{"Code": "A"}, {"Naam": "x"}], "StatusVlaamseCodes": [{"Code": "B"}]}
    inside = {"lijsten": {"fases": ["A"], "codes": ["B", "C"]}}

    assert known_in(objects, CodeLists()) == Known(phases=frozenset("A"), codes=frozenset("B"))
    assert known_in(inside, CodeLists(phases="lijsten.fases", codes="lijsten.codes")) == Known(
        phases=frozenset("A"), codes=frozenset("BC")
    )


@pytest.mark.parametrize(
    "told", [{}, {"StatusVlaamseFases": None}, {"StatusVlaamseFases": [1]}, {"StatusVlaamseFases": "A"}]
)
def test_lists_that_are_not_there_are_empty(told):
    assert known_in(told, CodeLists()) == Known(phases=frozenset(), codes=frozenset())
