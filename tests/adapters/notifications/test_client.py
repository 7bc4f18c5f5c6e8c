"""The wire: what the answers of Notificaties mean, and what its log-in is asked."""

from datetime import UTC, datetime
from uuid import UUID

import httpx
import pytest
import respx

from adapters.digitaal_vlaanderen.service import Service
from adapters.notifications.client import NotificationsClient
from adapters.notifications.settings import Settings
from ports.clock import ManualClock
from ports.errors import MisconfiguredError, NotOfferedError, RejectedError, TransientError, UncertainError

ID = UUID(int=7)


@pytest.fixture
def wire():
    router = respx.MockRouter(assert_all_called=False)
    router.post(path="/op/v1/token").respond(json={"access_token": "t", "expires_in": 3600})
    return router


def client_of(own, wire, **changes):
    settings = Settings.model_validate({**own, **changes})
    clock = ManualClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))
    transport = httpx.MockTransport(wire.async_handler)
    return NotificationsClient(
        Service("Notificaties", settings, settings.log_in, clock, transport=transport), settings
    )


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, RejectedError), (401, MisconfiguredError), (404, MisconfiguredError), (422, RejectedError), (429, TransientError), (500, UncertainError), (503, UncertainError)],
)  # fmt: skip
async def test_every_answer_has_its_error(own, wire, status, error):
    wire.post(path="/api/v2/notificaties").respond(status, content=b"<html>")
    client = client_of(own, wire)

    with pytest.raises(error):
        await client.send({"Id": "x"})
    await client.close()


async def test_a_refusal_names_the_key_that_is_missing(own, wire, fixture_bytes):
    wire.post(path="/api/v2/notificaties").respond(400, content=fixture_bytes("refused.json"))
    client = client_of(own, wire)

    with pytest.raises(
        RejectedError, match=r"SleutelWaardeParen\.StatusVlaamseFase: StatusVlaamseFase is verplicht"
    ):
        await client.send({"Id": "x"})
    await client.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 409])
async def test_taken_now_or_before_is_taken(own, wire, status):
    wire.post(path="/api/v2/notificaties").respond(status)
    client = client_of(own, wire)

    await client.send({"Id": "x"})
    await client.close()


async def test_the_scope_is_our_own(own, wire):
    client = client_of(own, wire)

    await client.log_in()

    (call,) = wire.calls
    assert b"scope=Notificaties" in call.request.content
    assert b"client_assertion_type=urn%3Aietf" in call.request.content
    await client.close()


async def test_calling_back_needs_a_path(own, wire):
    client = client_of(own, wire)

    with pytest.raises(NotOfferedError, match="can't be called back"):
        await client.withdraw(ID)
    await client.close()


@pytest.mark.parametrize(
    ("status", "content"), [(204, b""), (404, b'{"code": "404", "message": "Onbekend"}')]
)
async def test_what_is_gone_is_called_back(own, wire, status, content):
    route = wire.delete(path=f"/api/v2/notificaties/{ID}").respond(status, content=content)
    client = client_of(own, wire, paths={"withdraw": "/api/v2/notificaties/{id}"})

    await client.withdraw(ID)

    assert route.called
    await client.close()


async def test_a_404_from_elsewhere_is_not_believed(own, wire):
    wire.delete(path=f"/weg/{ID}").respond(404, content=b"<html>")
    client = client_of(own, wire, paths={"withdraw": "/weg/{id}"})

    with pytest.raises(RejectedError, match=r"paths\.withdraw"):
        await client.withdraw(ID)
    await client.close()
