"""What each answer of a planning means, within limits of time and size, and that nothing repeats what was sent or said."""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.planning.client import DuplicateError, PlanningClient
from adapters.planning.settings import Settings
from adapters.planning.translate import Werkopdracht
from demo.outside.planning import PASSWORD, Mood
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError
from ports.tracing import HEADER, within
from tests.adapters.planning.conftest import settings_for

FIXTURES = Path(__file__).parent / "fixtures"
PERSONAL = ("Jan Peeters", "Naamsestraat", PASSWORD)
ORDER = Werkopdracht(
    extern_id="LEU-2026-000123.01",
    titel="Losse tegel",
    omschrijving="Jan Peeters, Naamsestraat 12",
    gemeld=datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("mood", "error"),
    [
        (Mood.ANSWER_LOST, UncertainError),
        (Mood.LATE, UncertainError),
        (Mood.DRIPPING, UncertainError),
        (Mood.TRUNCATED, UncertainError),
        (Mood.EMPTY, UncertainError),
        (Mood.EMPTY_BODY, UncertainError),
        (Mood.OTHER_ROOT, UncertainError),
        (Mood.HTML_500, UncertainError),
        (Mood.LOGIN_PAGE, UncertainError),
        (Mood.NOT_WELL, UncertainError),
        (Mood.SOAP12_FAULT, UncertainError),
        (Mood.BOMB, UncertainError),
        (Mood.XXE, UncertainError),
        (Mood.DTD, UncertainError),
        (Mood.HUGE, UncertainError),
        (Mood.CLIENT_FAULT, RejectedError),
        (Mood.TOO_LARGE, RejectedError),
        (Mood.SERVER_FAULT, TransientError),
        (Mood.BUSY, TransientError),
        (Mood.CLOSED, MisconfiguredError),
        (Mood.MOVED, MisconfiguredError),
    ],
)
async def test_every_answer_has_its_error_and_none_tells_of_people(client, planning, mood, error, caplog):
    caplog.set_level(logging.DEBUG)
    planning.moods.append(mood)

    with pytest.raises(error) as raised:
        await client.create(ORDER)

    said = [record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn")]
    words = f"{raised.value} {raised.value.detail} {raised.value!r} {said}"
    assert [name for name in PERSONAL if name in words] == []
    assert raised.value.__cause__ is None
    assert raised.value.what == str(raised.value)


@pytest.mark.parametrize("mood", [Mood.LATE, Mood.DRIPPING])
async def test_no_call_takes_longer_than_it_may(client, planning, mood):
    planning.moods.append(mood)
    planning.late = 4
    began = time.monotonic()

    with pytest.raises(UncertainError):
        await client.create(ORDER)

    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "mood",
    [
        Mood.TRUNCATED,
        Mood.EMPTY,
        Mood.EMPTY_BODY,
        Mood.LATE,
        Mood.HTML_500,
        Mood.BOMB,
        Mood.SERVER_FAULT,
        Mood.NOT_WELL,
    ],
)
async def test_a_question_that_is_not_answered_is_asked_again(client, planning, mood):
    planning.moods.append(mood)

    with pytest.raises(TransientError):
        await client.status("LEU-2026-000123.01")

    assert await client.status("LEU-2026-000123.01") is None


async def test_a_planning_that_is_not_there_got_nothing():
    client = PlanningClient(Settings.model_validate(settings_for("http://127.0.0.1:9")))

    with pytest.raises(TransientError, match="can't be reached"):
        await client.create(ORDER)

    await client.close()


async def test_a_certificate_that_is_not_there_is_told(planning_host):
    settings = Settings.model_validate(settings_for("https://127.0.0.1:9", ca_file="/bestaat/niet.pem"))
    client = PlanningClient(settings)

    with pytest.raises(MisconfiguredError, match="ca_file"):
        await client.create(ORDER)

    await client.close()


async def test_a_plaintext_server_behind_https_is_told(planning, planning_host):
    client = PlanningClient(
        Settings.model_validate(settings_for(planning_host.address.replace("http:", "https:")))
    )

    with pytest.raises(MisconfiguredError, match="certificate"):
        await client.create(ORDER)

    await client.close()


async def test_patience_that_was_asked_for_is_told(client, planning):
    planning.moods.append(Mood.BUSY)

    with pytest.raises(TransientError) as raised:
        await client.create(ORDER)

    assert raised.value.retry_after == 30


async def test_the_trace_goes_along_and_the_address_is_that_of_the_settings(client, planning):
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    with within(trace):
        await client.create(ORDER)
    await client.status(ORDER.extern_id)

    first, second = planning.headers
    assert (first[HEADER], second.get(HEADER)) == (trace, None)
    assert planning.actions == ["CreateWorkOrder", "GetStatus"]


async def test_a_second_order_of_a_name_is_a_duplicate(client, planning):
    assert await client.create(ORDER) == "WO-1"

    with pytest.raises(DuplicateError):
        await client.create(ORDER)

    assert len(planning.orders) == 1


async def test_the_moment_is_told_with_its_zone(client, planning):
    await client.create(ORDER)

    assert planning.orders[0].reported in ("2026-03-02T09:30:00+00:00", "2026-03-02T09:30:00Z")


@pytest.fixture
def kept(planning_host, client):
    """Answers of real services, told again: each body as it was kept."""

    def telling(name, status):
        async def app(scope, receive, send):
            head = {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"text/xml")],
            }
            await send(head)
            await send({"type": "http.response.body", "body": (FIXTURES / name).read_bytes()})

        planning_host.app = app

    return telling


async def test_answers_that_were_kept_are_read(client, kept):
    kept("GetStatus.xml", 200)
    assert await client.status("LEU-2026-000123.01") == "Uitgevoerd: tegel vastgelegd 👷"

    kept("Duplicate.xml", 500)
    with pytest.raises(DuplicateError):
        await client.create(ORDER)
