"""Whatever comes in at the counter's doors: a clear answer, kept when it was authentic, and no other visit held up."""

import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.counter.adapter import build
from adapters.counter.registration import FIELDS
from adapters.memory.cases import MemoryCases
from adapters.memory.looks import MemoryLooks
from ports.adapter import Tools
from ports.clock import ManualClock
from ports.contracts.source import RecordingIntake
from ports.errors import TransientError
from ports.secrets import MemorySecrets
from tests.adapters.bad_input import (
    FEW,
    GARBAGE,
    PERSONAL,
    TEXTS,
    changed,
    is_clear,
    played,
    written,
)
from tests.adapters.counter.conftest import CALLBACK, DOOR, PRODUCTS, TOKEN, Memory
from tests.simulators.desk import CSRF, Desk

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"
TOLD = {
    "eventName": "VISIT_CREATE",
    "eventTime": "2026-11-23T10:29:00",
    "eventType": "APPLICATION",
    "unitId": 1,
    "parameters": {
        "visitId": "77",
        "ticket": "A001",
        "branchId": "1",
        "service": "12",
        "customer": PERSONAL,
    },
}
NAMES = st.sampled_from(("VISIT_CREATE", "VISIT_CALL", "VISIT_END", "VISIT_REMOVE", "VISIT_NOSHOW", "IETS"))


@st.composite
def callbacks(draw: st.DrawFn) -> bytes:
    """A callback of which something may be odd, the inner part too."""
    told = draw(changed(TOLD))
    if told.get("parameters") == TOLD["parameters"]:
        told["parameters"] = draw(changed(TOLD["parameters"]))
    return written({**told, "eventName": draw(NAMES)})


@asynccontextmanager
async def counter():
    """A new adapter whose queue system is away, its intake, its clock, and a client before its doors."""
    intake, clock, desk = RecordingIntake(), ManualClock(NOW), Desk()
    desk.log_in("kcc_viewer")
    tools = Tools(
        name="counter",
        accept=intake,
        checkpoints=Memory(),
        clock=clock,
        secrets=MemorySecrets({}),
        cases=MemoryCases(),
        staff=desk,
        looks=MemoryLooks(),
    )
    queue = {
        "token": TOKEN,
        "allowed": ["10.1.2.0/24"],
        "url": "http://127.0.0.1:9",
        "callback_url": DOOR,
        "username": "hub",
        "password": "geheim",
        "branches": {"1": "Stadhuis"},
        "services": {"12": "1234"},
    }
    adapter = build({"products": PRODUCTS, "queue": queue}, tools)
    hub = FastAPI()
    hub.include_router(adapter.webhook, prefix="/in/counter")
    transport = httpx.ASGITransport(hub, client=("10.1.2.3", 4711))
    async with httpx.AsyncClient(transport=transport, base_url=DOOR) as client:
        yield client, adapter.sources[0], intake, clock
    await adapter.close()


async def handed_over(source, clock):
    """Everything, whatever its patience; the queue system is away."""
    clock.advance(timedelta(days=2))
    try:
        await source.poll()
    except TransientError:
        return


@FEW
@example(written({**TOLD, "eventTime": "9999-12-31T23:59:59Z"}))
@example(written({**TOLD, "eventTime": 10**18}))
@given(callbacks() | GARBAGE)
def test_whatever_the_queue_system_tells_is_kept_or_counts_and_holds_up_no_visit(body):
    good = [
        {**TOLD, "eventName": name, "parameters": {**TOLD["parameters"], "visitId": "1", "ticket": "G1"}}
        for name in ("VISIT_CREATE", "VISIT_CALL", "VISIT_END")
    ]

    async def play():
        async with counter() as (client, source, intake, clock):
            answer = await client.post(CALLBACK, content=body)
            for told in good:
                await client.post(CALLBACK, content=written(told))
            await handed_over(source, clock)

            assert answer.status_code == 204
            assert ("counter/queue", "1/1") in intake.accepted
            assert [one.raw for one in intake.problems] in ([], [body])

    played(play)


@FEW
@given(GARBAGE)
def test_what_is_no_callback_is_kept_for_people(body):
    async def play():
        async with counter() as (client, source, intake, clock):
            await client.post(CALLBACK, content=body)
            await handed_over(source, clock)

            assert [one.raw for one in intake.problems] == [body]

    played(play)


@FEW
@given(st.sampled_from(("x", "%E9", "%00", "%F0%9F%98%80", TOKEN[:-1], f"{TOKEN}x", "%ED%A0%80")), GARBAGE)
def test_who_does_not_know_the_address_is_not_heard(token, body):
    async def play():
        async with counter() as (client, source, intake, clock):
            answer = await client.post(f"{DOOR}/queue/{token}", content=body)
            await handed_over(source, clock)

            assert answer.status_code == 404
            assert not intake.accepted

    played(play)


USUAL = {
    "csrf": CSRF,
    "product": "Rijbewijs (1234)",
    "subject": "Rijbewijs verlengen",
    "text": PERSONAL,
    "language": "nl",
}


@FEW
@given(
    st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=4),
    st.sampled_from(("text/html", "application/json")),
)
def test_a_form_with_odd_fields_is_taken_or_says_what_is_wrong(odd, accept):
    async def play():
        async with counter() as (client, _, intake, _):
            told = {"id": str(uuid.uuid4()), **USUAL, **odd}
            body = urlencode({name: text.encode("utf-8", "surrogatepass") for name, text in told.items()})
            answer = await client.post("/", content=body, headers={"accept": accept, "content-type": FORM})
            assert answer.status_code in (201, 303, 409, 413, 422), answer.text[:300]
            assert answer.status_code in (201, 303) or answer.text.strip()
            assert bool(intake.accepted) == (answer.status_code in (201, 303))

    played(play)


@FEW
@given(
    GARBAGE | st.sampled_from((b"csrf=%ff", b"&" * 500, b"a=b&" * 200)),
    st.sampled_from(("/", "/appointment")),
    st.sampled_from((FORM, f"{FORM}; charset=x", "multipart/form-data", "")),
)
def test_what_is_no_form_is_refused_in_words_and_not_kept(body, path, media_type):
    async def play():
        async with counter() as (client, _, intake, _):
            answer = await client.post(path, content=body, headers={"content-type": media_type})

            assert is_clear(answer)
            assert answer.status_code in (403, 413, 415)
            assert not intake.accepted

    played(play)
