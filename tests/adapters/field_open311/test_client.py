"""What the planning's answers mean for what happens next."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from adapters.field_open311.client import (
    DuplicateError,
    FailedError,
    NotThereError,
    PlanningClient,
    TooOldError,
)
from adapters.field_open311.settings import Settings
from ports.errors import MisconfiguredError, RejectedError, TransientError, UncertainError

FIXTURES = Path(__file__).parent / "fixtures"
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
SETTINGS = Settings.model_validate(
    {"url": "https://planning.example.be/v2/", "api_key": "geheim-woord", "jurisdiction": "leuven.be"}
)


def answering(status, content=b"", **headers):
    """A client of a planning that always says this; `asked` is what it was asked last."""

    def answer(request):
        client.asked = request
        return httpx.Response(status, content=content, headers=headers)

    client = PlanningClient(SETTINGS, httpx.MockTransport(answer))
    return client


def breaking(error):
    def answer(request):
        raise error

    return PlanningClient(SETTINGS, httpx.MockTransport(answer))


def fixture(name):
    return (FIXTURES / name).read_bytes()


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_made_is_made_with_any_2xx(status):
    made = await answering(status, fixture("standard_created.xml")).post_request([("description", "x")])

    assert made.id == "293944"


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (200, b"", UncertainError),
        (200, b"<html>Welkom</html>", UncertainError),
        (302, b"", MisconfiguredError),
        (400, fixture("boston_duplicate.xml"), DuplicateError),
        (400, fixture("django_error.json"), RejectedError),
        (400, b"", UncertainError),
        (401, b"", MisconfiguredError),
        (403, fixture("standard_errors.json"), MisconfiguredError),
        (404, fixture("django_error.html"), NotThereError),
        (405, b"", MisconfiguredError),
        (422, b'{"errors": {"message": "te kort"}}', RejectedError),
        (429, b"", TransientError),
        (500, fixture("django_error.html"), UncertainError),
        (500, fixture("django_error.json"), UncertainError),
        (502, b"", UncertainError),
        (503, b"", UncertainError),
        (
            400,
            b'[{"code": 400, "description": "Logged Date must be greater than the Effective Date"}]',
            TooOldError,
        ),
    ],
)
async def test_what_an_answer_to_a_post_means(status, content, error):
    with pytest.raises(error) as raised:
        await answering(status, content).post_request([("description", "x")])

    assert type(raised.value) is error
    assert "geheim-woord" not in f"{raised.value.what}{raised.value.detail}"


@pytest.mark.parametrize(
    ("status", "content", "error"),
    [
        (200, b"<html>Log in</html>", FailedError),
        (400, fixture("django_error.json"), MisconfiguredError),
        (403, b"", MisconfiguredError),
        (404, b"", MisconfiguredError),
        (500, b"", FailedError),
        (503, b"", FailedError),
    ],
)
async def test_what_an_answer_to_a_question_means(status, content, error):
    with pytest.raises(error) as raised:
        await answering(status, content).updates(START, END)

    assert type(raised.value) is error


@pytest.mark.parametrize("status", [404, 410])
async def test_an_order_that_is_not_there_is_no_error(status):
    assert await answering(status).request("7") is None
    assert await answering(status).by_token("7") is None


async def test_patience_is_taken_from_the_answer():
    with pytest.raises(TransientError) as raised:
        await answering(503, **{"Retry-After": "120"}).post_request([("description", "x")])

    assert raised.value.retry_after == 120


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        (httpx.ConnectError("x"), TransientError),
        (httpx.ConnectTimeout("x"), TransientError),
        (httpx.ReadTimeout("x"), UncertainError),
        (httpx.ReadError("x"), UncertainError),
        (httpx.RemoteProtocolError("x"), UncertainError),
    ],
)
async def test_a_cut_line_is_uncertain_once_something_was_sent(broken, error):
    with pytest.raises(error):
        await breaking(broken).post_request([("description", "x")])
    with pytest.raises(TransientError):
        await breaking(broken).updates(START, END)


async def test_the_key_and_the_jurisdiction_go_along():
    client = answering(200, b"[]")
    await client.updates(START, END)

    assert str(client.asked.url) == (
        "https://planning.example.be/v2/servicerequestupdates.json?jurisdiction_id=leuven.be&api_key=geheim-woord"
        "&start_date=2026-03-01T00%3A00%3A00Z&end_date=2026-03-02T00%3A00%3A00Z"
    )


async def test_a_next_page_elsewhere_is_not_asked():
    client = answering(200, b"[]", **{"x-next-page-url": "https://evil.test/v2/requests.json?page=2"})

    with pytest.raises(MisconfiguredError):
        await client.requests(START, END)


async def test_an_id_cannot_lead_elsewhere():
    client = answering(404)
    await client.request("../../admin?x=")

    assert client.asked.url.raw_path.startswith(b"/v2/requests/..%2F..%2Fadmin%3Fx%3D.json?")
