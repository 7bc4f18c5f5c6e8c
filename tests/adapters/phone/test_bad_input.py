"""Whatever comes in at the telephone's doors and over its lines: a clear answer, kept when it was authentic, nothing else disturbed."""

import base64
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.memory.cases import MemoryCases
from adapters.memory.checkpoints import MemoryCheckpoints
from adapters.memory.looks import MemoryLooks
from adapters.phone import build
from adapters.phone.ami import Hearing, PacketReader, Vocabulary, fields, observations
from adapters.phone.assembler import Habits, Observation, What, assemble
from adapters.phone.records import observations as recorded
from adapters.phone.translate import Office, to_event
from ports.adapter import Tools
from ports.clock import ManualClock
from ports.contracts.source import RecordingIntake
from ports.errors import NotUnderstoodError
from ports.secrets import MemorySecrets
from tests.adapters.bad_input import (
    FEW,
    GARBAGE,
    PERSONAL,
    TEXTS,
    changed,
    is_clear,
    played,
    quiet,
    written,
)
from tests.adapters.phone.conftest import POP_TOKEN, SEAL, SECRET, TOKEN
from tests.simulators.cti import Exchange
from tests.simulators.desk import Desk

NOW = datetime(2026, 11, 23, 18, 40, tzinfo=UTC)
WHOLE = {
    "event": "call",
    "callId": "odd",
    "direction": "in",
    "from": "0470 12 34 56",
    "fromName": PERSONAL,
    "to": "+3216272000",
    "user": ["els"],
    "occurredAt": "2026-11-23T18:30:00Z",
    "startedAt": "2026-11-23T18:30:00Z",
    "answeredAt": "2026-11-23T18:31:00Z",
    "endedAt": "2026-11-23T18:35:00Z",
    "cause": "noAnswer",
    "recording": base64.b64encode(b"RIFF").decode(),
    "duration": "7",
    "slot": "morgen",
    "notes": PERSONAL,
    "resolved": "yes",
    "callback": "yes",
}
EVENTS = st.sampled_from(
    ("call", "newCall", "answer", "hangup", "transfer", "callbackRequest", "voicemail", "wrapUp")
)
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
BODIES = st.builds(written, st.builds(lambda event, rest: {**rest, "event": event}, EVENTS, changed(WHOLE)))


@asynccontextmanager
async def telephone():
    """A new adapter, its intake, its clock, and a client before its doors."""
    intake, clock = RecordingIntake(), ManualClock(NOW)
    tools = Tools(
        name="phone",
        accept=intake,
        checkpoints=MemoryCheckpoints(),
        clock=clock,
        secrets=MemorySecrets({}),
        cases=MemoryCases(),
        staff=Desk(),
        looks=MemoryLooks(),
    )
    systems = {"cloud": {"secrets": [SECRET], "tokens": [TOKEN]}}
    pop = {"softphone": POP_TOKEN}
    adapter = build({"seal": SEAL, "settle_seconds": 2, "screen_pop_tokens": pop, "systems": systems}, tools)
    transport = httpx.ASGITransport(adapter.webhook)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        yield client, adapter.sources[0], intake, clock
    await adapter.close()


@FEW
@example(written({**WHOLE, "startedAt": "9999-12-31T23:59:59Z"}), JSON)
@given(BODIES | GARBAGE, st.sampled_from((JSON, FORM, "", "text/plain; charset=x")))
def test_whatever_an_exchange_posts_is_answered_and_kept_and_holds_up_no_call(body, media_type):
    async def play():
        async with telephone() as (client, source, intake, clock):
            headers = {"Authorization": f"Bearer {TOKEN}", "content-type": media_type}
            answer = await client.post("/cti/cloud", content=body, headers=headers)
            exchange = Exchange(client=client, address="http://hub.test/cti/cloud", token=TOKEN)
            await exchange.missed_call("good", "0470 65 43 21")
            clock.advance(timedelta(days=2))
            await source.poll()

            assert is_clear(answer)
            assert answer.status_code in (200, 422)
            assert ("phone/cloud", "good") in intake.accepted
            kept = [one.raw for one in intake.problems]
            assert kept == ([body] if answer.status_code == 422 else [])

    played(play)


@FEW
@example({"authorization": "Basic é"}, b"")
@given(
    st.dictionaries(
        st.sampled_from(
            ("authorization", "x-wegwijzer-token", "webhook-id", "webhook-timestamp", "webhook-signature")
        ),
        st.sampled_from(
            (
                "",
                "Bearer",
                "Bearer é",
                "Basic é",
                "Basic =",
                "Basic eDp5",
                "v1,é",
                "v1,",
                "9" * 12,
                "²",
                PERSONAL,
            )
        ),
    ),
    GARBAGE,
)
def test_whoever_is_not_known_is_refused_and_nothing_is_kept(headers, body):
    async def play():
        async with telephone() as (client, source, intake, _):
            raw = {name: value.encode("latin-1") for name, value in headers.items()}
            for path in ("/cti/cloud", "/cti/elsewhere", "/screen-pop"):
                answer = await client.post(path, content=body, headers=raw)
                assert answer.status_code == 401
                assert is_clear(answer)
            await source.poll()
            assert not intake.accepted

    played(play)


@FEW
@given(GARBAGE | st.builds(lambda value: written({"number": value}), TEXTS))
def test_a_softphone_that_asks_oddly_hears_why(body):
    async def play():
        async with telephone() as (client, _, _, _):
            answer = await client.post(
                "/screen-pop", content=body, headers={"Authorization": f"Bearer {POP_TOKEN}"}
            )
            assert is_clear(answer)
            assert answer.status_code in (400, 413, 422)

    played(play)


HEARING = Hearing(
    vocabulary=Vocabulary(
        user_events={"Nota": What.WRAPPED_UP}, user_fields={"Tekst": "notes"}, time_zone=ZoneInfo("UTC")
    ),
    now=NOW,
)
OFFICE = Office(callback_hours=4, opens=9, closes=17)
AMI = {
    "Event": "Cdr",
    "UserEvent": "Nota",
    "Uniqueid": "1.1",
    "UniqueID": "1.1",
    "Linkedid": "1.1",
    "TransfererLinkedid": "1.1",
    "OrigTransfererLinkedid": "1.1",
    "Result": "Success",
    "DialStatus": "ANSWER",
    "Timestamp": "1795459200.1",
    "CallerIDNum": "0470123456",
    "StartTime": "2026-11-23 18:30:00",
    "AnswerTime": "2026-11-23 18:30:00",
    "EndTime": "2026-11-23 18:30:00",
    "Tekst": PERSONAL,
    "resolved": "ja",
}
AMI_VALUES = TEXTS | st.sampled_from(
    ("999999999999", "999999999999.999999999", "1e5", "0001-01-01 00:00:00", "9999-12-31 23:59:59")
)
AMI_EVENTS = st.sampled_from(
    ("Newchannel", "NewCallerid", "QueueCallerJoin", "AgentConnect", "DialEnd", "BlindTransfer", "AttendedTransfer",
     "UserEvent", "Hangup", "Cdr", "FullyBooted", "")
)  # fmt: skip


@FEW
@example("Hangup", {"Timestamp": "999999999999"})
@example("Cdr", {"EndTime": "0001-01-01 00:00:00"})
@given(AMI_EVENTS, st.dictionaries(st.sampled_from(sorted(AMI)), AMI_VALUES, max_size=4))
def test_whatever_asterisk_says_is_read_or_not_understood(name, odd):
    told = {**AMI, **odd, "Event": name}
    packet = "\r\n".join(f"{key}: {value}" for key, value in told.items()).encode("utf-8", "surrogatepass")
    with quiet():
        for one in PacketReader().feed(packet + b"\r\n\r\n"):
            try:
                seen = observations(fields(one), HEARING)
            except NotUnderstoodError as problem:
                assert PERSONAL not in problem.what  # noqa: PT017 - being read is fine too
                continue
            assert_becomes_a_contact(seen)


@FEW
@given(
    st.lists(
        st.binary(max_size=50) | st.sampled_from((b"\r\n\r\n", b"Event: Hangup\r\n", b"x" * 300_000)),
        max_size=6,
    )
)
def test_any_bytes_of_asterisk_are_cut_into_packets(chunks):
    reader = PacketReader()

    for chunk in chunks:
        for packet in reader.feed(chunk):
            try:
                observations(fields(packet), HEARING)
            except NotUnderstoodError as problem:
                assert problem.what  # noqa: PT017 - being read is fine too


ROW = ["", "0470123456", "016272000", "inkomend", '"An" <0470>', "", "SIP/1", "", "Dial", "2026-11-23 18:30:00",
       "2026-11-23 18:31:00", "2026-11-23 18:35:00", "300", "240", "ANSWERED", "3", "1.1", "", "", "1.1"]  # fmt: skip


@FEW
@given(st.dictionaries(st.integers(0, 19), AMI_VALUES, max_size=4), st.integers(0, 20), st.binary(max_size=9))
def test_any_row_of_call_records_is_read_or_not_understood(odd, columns, more):
    row = [odd.get(number, cell).replace('"', '""') for number, cell in enumerate(ROW)][:columns]
    line = ",".join(f'"{cell}"' for cell in row).encode("utf-8", "surrogatepass")

    for written_row in (line, line + more, more + line):
        (seen,) = recorded([written_row], ZoneInfo("Europe/Brussels"))
        if isinstance(seen, Observation):
            assert_becomes_a_contact([seen])
        else:
            assert PERSONAL not in seen[1].what


def assert_becomes_a_contact(seen):
    """What was understood can be handed over: a call of it is never stuck behind its translation."""
    if seen:
        assert to_event(assemble(set(seen), Habits()), OFFICE).contact.subject
