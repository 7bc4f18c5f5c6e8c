"""What each answer of CityControl means, and that no error repeats what was sent or answered."""

import logging

import httpx
import pytest
import respx

from adapters.citycontrol.client import Action, CityControlClient, RefusedError
from adapters.citycontrol.settings import Settings
from demo.outside.citycontrol import Mood
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError
from tests.adapters.citycontrol.conftest import settings_for

PERSONAL = ("Jan Peeters", "Naamsestraat", "wachtwoord")
MESSAGE = b"<x>Jan Peeters, Naamsestraat 12</x>"


@pytest.fixture
async def client(citycontrol):
    client = CityControlClient(Settings.model_validate(settings_for(citycontrol.origin)))
    yield client
    await client.close()


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        (Mood.FO03_CLIENT, RefusedError),
        (Mood.FO03_SERVER, RefusedError),
        (Mood.SOAP_FAULT, RefusedError),
        (Mood.SOAP12_FAULT, RefusedError),
        (Mood.TOO_LARGE, RejectedError),
        (Mood.HTML, UncertainError),
        (Mood.LOGIN_PAGE, UncertainError),
        (Mood.EMPTY, UncertainError),
        (Mood.CLOSED, MisconfiguredError),
        (Mood.MOVED, MisconfiguredError),
        (Mood.BUSY, TransientError),
    ],
)
async def test_every_answer_has_its_error_and_none_tells_of_people(client, citycontrol, mood, error, caplog):
    caplog.set_level(logging.DEBUG)
    citycontrol.moods.append(mood)

    with pytest.raises(error) as raised:
        await client.tell(Action.CREATE, MESSAGE)

    words = f"{raised.value} {raised.value.detail} {raised.value!r} {caplog.text}"
    assert [name for name in PERSONAL if name in words] == []


@pytest.mark.parametrize("mood", [Mood.FO03_SERVER, Mood.SOAP12_FAULT])
async def test_a_refusal_tells_whose_fault_it_is(client, citycontrol, mood):
    citycontrol.moods += [mood, Mood.FO03_CLIENT]

    with pytest.raises(RefusedError) as server:
        await client.tell(Action.CREATE, MESSAGE)
    with pytest.raises(RefusedError) as ours:
        await client.tell(Action.CREATE, MESSAGE)

    assert (server.value.at_server, ours.value.at_server, ours.value.code) == (True, False, "StUF058")


async def test_patience_that_was_asked_for_is_told(client, citycontrol):
    citycontrol.moods.append(Mood.BUSY)

    with pytest.raises(TransientError) as raised:
        await client.tell(Action.CREATE, MESSAGE)

    assert raised.value.retry_after == 30


BV03 = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><b xmlns="http://www.egem.nl/StUF/StUF0301">'
    "<berichtcode>{}</berichtcode></b></e:Body></e:Envelope>"
)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text=BV03.format("Bv01")),
        httpx.Response(200, text=BV03.format("")),
        httpx.Response(200, text="<html/>"),
        httpx.Response(200, text=""),
        httpx.Response(200, text=BV03.format("Bv03")[:-5]),
        httpx.Response(200, text=BV03.format("Bv03") + "<!DOCTYPE x>"),
        httpx.Response(202, text=BV03.format("Bv03")),
        httpx.Response(500, text=BV03.format("Bv03")),
        httpx.Response(502, text="Bad Gateway"),
        httpx.Response(400, text="slecht"),
    ],
    ids=range(10),
)
@respx.mock
async def test_only_200_with_one_bv03_is_a_confirmation(answer):
    respx.post("https://citycontrol.example/OntvangAsynchroon").mock(return_value=answer)
    client = CityControlClient(
        Settings.model_validate(settings_for("https://citycontrol.example")), httpx.AsyncHTTPTransport()
    )

    with pytest.raises(UncertainError):
        await client.tell(Action.CREATE, MESSAGE)


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (httpx.ConnectError, TransientError),
        (httpx.ConnectTimeout, TransientError),
        (httpx.PoolTimeout, TransientError),
        (httpx.ReadTimeout, UncertainError),
        (httpx.ReadError, UncertainError),
        (httpx.RemoteProtocolError, UncertainError),
    ],
)
@respx.mock
async def test_a_line_that_breaks_before_sending_is_another_matter_than_after(cause, error):
    respx.post("https://citycontrol.example/OntvangAsynchroon").mock(side_effect=cause("Naamsestraat"))
    client = CityControlClient(
        Settings.model_validate(settings_for("https://citycontrol.example")), httpx.AsyncHTTPTransport()
    )

    with pytest.raises(error) as raised:
        await client.tell(Action.CREATE, MESSAGE)

    assert "Naamsestraat" not in f"{raised.value} {raised.value.detail}"


@respx.mock
async def test_the_head_of_a_request_is_that_of_the_profile():
    route = respx.post("https://citycontrol.example/OntvangAsynchroon").mock(
        return_value=httpx.Response(200, text=BV03.format("Bv03"))
    )
    client = CityControlClient(
        Settings.model_validate(settings_for("https://citycontrol.example")), httpx.AsyncHTTPTransport()
    )

    await client.tell(Action.CREATE, MESSAGE)

    headers = route.calls.last.request.headers
    assert headers["SOAPAction"] == '"http://www.egem.nl/StUF/sector/zkn/0310/CreeerZaak_Lk01"'
    assert headers["Content-Type"] == "text/xml; charset=utf-8"
    assert headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(500, text="<html>"), TransientError),
        (httpx.Response(200, text=""), TransientError),
        (httpx.Response(503), TransientError),
        (httpx.Response(401), MisconfiguredError),
        (
            httpx.Response(
                500,
                text='<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>'
                "e:Client</faultcode></e:Fault></e:Body></e:Envelope>",
            ),
            MisconfiguredError,
        ),
    ],
)
@respx.mock
async def test_a_question_that_is_not_answered_is_asked_again_or_mended(answer, error):
    respx.post("https://citycontrol.example/BeantwoordVraag").mock(return_value=answer)
    client = CityControlClient(
        Settings.model_validate(settings_for("https://citycontrol.example")), httpx.AsyncHTTPTransport()
    )

    with pytest.raises(error):
        await client.ask(Action.DETAILS, MESSAGE)


@respx.mock
async def test_an_object_that_is_not_found_is_no_error():
    fault = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault><faultcode>e:Server</faultcode>'
        '<detail><Fo02Bericht xmlns="http://www.egem.nl/StUF/StUF0301"><stuurgegevens><berichtcode>Fo02</berichtcode>'
        "</stuurgegevens><body><code>StUF064</code><plek>server</plek></body></Fo02Bericht></detail></e:Fault></e:Body>"
        "</e:Envelope>"
    )
    respx.post("https://citycontrol.example/BeantwoordVraag").mock(
        return_value=httpx.Response(500, text=fault)
    )
    client = CityControlClient(
        Settings.model_validate(settings_for("https://citycontrol.example")), httpx.AsyncHTTPTransport()
    )

    assert await client.ask(Action.DETAILS, MESSAGE) is None
