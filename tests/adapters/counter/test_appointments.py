"""JCC on good days and bad ones."""

from datetime import UTC, datetime

import httpx
import pytest

from adapters.counter.appointments import AppointmentClient
from adapters.counter.settings import Appointments
from ports.errors import MisconfiguredError, TransientError
from tests.simulators.jcc import APPOINTMENT

CODE = "5f0c-afspraak"


@pytest.fixture
async def appointments(jcc, clock):
    settings = Appointments(
        url="http://jcc.test/warp/v1",
        token_url="http://jcc.test/connect/token",
        client_id="wegwijzer",
        client_secret="geheim",
        activities={"act-rijbewijs": "1234"},
    )
    client = AppointmentClient(settings, clock, httpx.ASGITransport(jcc.app()))
    yield client
    await client.close()


async def test_the_main_customer_and_the_product_come_out(appointments):
    found = await appointments.find(CODE, "nl")

    assert (found.name, found.email, found.phone) == ("An van Dijck", "an@voorbeeld.example", "0470 11 22 33")
    assert found.product == "1234"
    assert "Dijck" not in repr(found)


async def test_times_without_offset_are_the_citys_own(appointments):
    assert (await appointments.find(CODE, "nl")).at == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


async def test_what_is_missing_is_left_open(appointments, jcc):
    jcc.appointments["kaal"] = {"id": "kaal", "startDateTime": "2026-11-23T10:00:00", "number": 1}

    found = await appointments.find("kaal", "nl")

    assert (found.name, found.email, found.phone, found.product) == ("", "", "", "")


@pytest.mark.parametrize("day", ["failure", "empty", "not found"])
async def test_a_success_without_an_appointment_is_none(appointments, jcc, day):
    jcc.day = day

    assert await appointments.find(CODE, "nl") is None


@pytest.mark.parametrize("day", ["html", "garbage"])
async def test_nonsense_is_a_failure_that_passes(appointments, jcc, day):
    jcc.day = day

    with pytest.raises(TransientError):
        await appointments.find(CODE, "nl")


async def test_a_token_is_used_until_it_ends_or_is_withdrawn(appointments, jcc, clock):
    for _ in range(3):
        await appointments.find(CODE, "nl")
    assert jcc.tokens == 1

    jcc.withdraw()
    assert await appointments.find(CODE, "nl")
    assert jcc.tokens == 2


async def test_a_client_that_is_refused_is_a_matter_for_an_administrator(appointments, jcc):
    jcc.client = ("wegwijzer", "iets anders")
    with pytest.raises(MisconfiguredError, match="client_secret"):
        await appointments.find(CODE, "nl")

    jcc.client, jcc.day = ("wegwijzer", "geheim"), "forbidden"
    with pytest.raises(MisconfiguredError, match="token"):
        await appointments.find(CODE, "nl")


async def test_too_slow_is_not_waited_for(client, jcc):
    jcc.day = "slow"

    answer = await client.post(
        "/appointment", data={"csrf": "the-token-of-the-session", "code": APPOINTMENT["id"]}
    )

    assert "niet te raadplegen" in answer.text


async def test_an_address_where_nobody_is_says_so(clock):
    settings = Appointments(
        url="http://127.0.0.1:9/", token_url="http://127.0.0.1:9/t", client_id="x", client_secret="y"
    )
    client = AppointmentClient(settings, clock)

    with pytest.raises(TransientError, match="can't be reached"):
        await client.find(CODE, "nl")
    await client.close()
