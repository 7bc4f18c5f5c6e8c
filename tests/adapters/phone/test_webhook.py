"""The CTI webhook: who may call, what is durable before the answer, and what becomes of bad days."""

import base64
import re
from datetime import timedelta
from itertools import permutations

import httpx
import pytest

from adapters.phone import build
from canonical_model.contact import Language
from canonical_model.decision import Reference
from ports.cases import CaseView, Outcome
from ports.errors import RejectedError, TransientError
from tests.adapters.phone.conftest import SEAL, SECRET, TOKEN, another_life
from tests.adapters.phone.test_screen_pop import summary
from tests.simulators.cti import Exchange

NUMBER = "0470 12 34 56"
ADDRESS = "http://hub.test/cti/cloud"


@pytest.fixture
def exchange(client, clock):
    return Exchange(client=client, address=ADDRESS, secret=SECRET, at=clock.now())


@pytest.fixture
def with_token(client):
    return Exchange(client=client, address=ADDRESS, token=TOKEN)


@pytest.fixture
def source(cti):
    return cti.sources[0]


@pytest.fixture
def settled(clock, source):
    """Lets the patience after a call's end pass, and polls."""

    async def poll():
        clock.advance(timedelta(seconds=3))
        return await source.poll()

    return poll


@pytest.fixture
def contacts(intake):
    return lambda: [inbound.event.contact for inbound in intake.understood]


async def test_an_answered_call_is_registered_and_closed_in_one_go(exchange, settled, contacts):
    await exchange.answered_call("c-1", NUMBER)

    assert await settled() == 1
    (contact,) = contacts()
    assert (contact.answered, contact.callback_by, contact.party.phone) == (True, None, "+32470123456")


async def test_a_missed_call_is_to_be_called_back(exchange, settled, contacts):
    await exchange.missed_call("c-1", NUMBER)

    assert await settled() == 1
    (contact,) = contacts()
    assert (contact.answered, contact.subject) == (False, "Gemiste oproep")
    assert contact.callback_by is not None
    assert "Terugbellen naar: +32470123456." in contact.text


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_any_order_gives_the_same_call(order, exchange, settled, contacts):
    events = [
        ("newCall", {"from": NUMBER, "to": "+3216272000"}),
        ("answer", {"user": ["els"], "from": NUMBER}),
        ("hangup", {"cause": "normalClearing", "from": NUMBER}),
    ]
    for number in order:
        event, fields = events[number]
        assert (await exchange.post(event, "c-1", **fields)).status_code == 200

    assert await settled() == 1
    assert [contact.answered for contact in contacts()] == [True]


async def test_a_hangup_alone_tells_that_somebody_answered(exchange, settled, contacts):
    await exchange.post("hangup", "c-1", cause="normalClearing", **{"from": NUMBER})

    assert await settled() == 1
    assert contacts()[0].answered


async def test_what_is_posted_twice_is_one_contact(exchange, settled, intake):
    await exchange.answered_call("c-1", NUMBER)
    await exchange.answered_call("c-1", NUMBER)
    await settled()
    await exchange.answered_call("c-1", NUMBER)

    assert await settled() == 0
    assert len(intake.accepted) == 1


async def test_a_form_says_the_same_as_json(with_token, settled, contacts):
    for event, fields in (
        ("newCall", {"from": NUMBER, "to": "016272000", "user[]": "els"}),
        ("answer", {"user": "els"}),
        ("hangup", {"cause": "normalClearing"}),
    ):
        answer = await with_token.post(event, "c-1", as_form=True, **fields)
        assert (answer.status_code, answer.json()) == (200, {})

    assert await settled() == 1
    assert contacts()[0].answered
    assert "Gesproken met: els" in contacts()[0].text


async def test_the_employees_notes_make_the_contact(client, cti, clock, contacts):
    exchange = Exchange(
        client=client, address="http://hub.test/cti/other", token="the-token-of-the-other-one"
    )
    await exchange.answered_call("c-1", NUMBER)
    clock.advance(timedelta(seconds=60))
    assert await cti.sources[1].poll() == 0  # this exchange sends notes: they are waited for
    await exchange.post(
        "wrapUp",
        "c-1",
        subject="Zwerfvuil aan het station",
        notes="Mevrouw meldt zwerfvuil.",
        kind="melding",
        category="zwerfvuil",
        resolved=False,
    )
    clock.advance(timedelta(seconds=3))

    assert await cti.sources[1].poll() == 1
    (contact,) = contacts()
    assert (contact.subject, contact.kind, contact.category, contact.answered) == (
        "Zwerfvuil aan het station",
        "report",
        "zwerfvuil",
        False,
    )
    assert contact.text.startswith("Mevrouw meldt zwerfvuil.")


async def test_notes_that_never_come_do_not_hold_a_call_up_for_ever(client, cti, clock, contacts):
    exchange = Exchange(
        client=client, address="http://hub.test/cti/other", token="the-token-of-the-other-one"
    )
    await exchange.answered_call("c-1", NUMBER)
    clock.advance(timedelta(seconds=301))

    assert await cti.sources[1].poll() == 1
    assert contacts()[0].answered


async def test_notes_may_ask_to_call_back(exchange, settled, contacts):
    await exchange.answered_call("c-1", NUMBER, notes="Zoekt het op.", callback=True, slot="na 14 u")

    assert await settled() == 1
    (contact,) = contacts()
    assert (contact.answered, contact.callback_by is not None) == (False, True)
    assert "Liefst: na 14 u." in contact.text


async def test_notes_that_come_too_late_join_the_case_of_their_call(exchange, settled, cases, clock, intake):
    await exchange.answered_call("c-1", NUMBER)
    await settled()
    cases.settle("phone/cloud", "c-1", outcome_of(summary(1), clock))
    for _ in range(2):
        await exchange.post("wrapUp", "c-1", notes="Belt morgen terug.", callback=True, **{"from": NUMBER})
        clock.advance(timedelta(seconds=1))

    assert await settled() == 2  # the notes, and the request to call back
    _, *later = intake.understood
    assert {inbound.event.contact.thread.verified_case for inbound in later} == {"LEU-2026-000001"}
    assert any(inbound.event.contact.callback_by for inbound in later)
    await exchange.post("wrapUp", "c-1", notes="Belt morgen terug.", callback=True, **{"from": NUMBER})
    assert await settled() == 0


@pytest.mark.parametrize(
    ("owner", "proven", "claimed"),
    [("+32470123456", "LEU-2026-000001", ""), ("+3216000000", "", "LEU-2026-000001")],
)
async def test_the_case_that_the_employee_names_must_carry_the_callers_number(
    owner, proven, claimed, exchange, settled, cases, contacts
):
    names = [Reference(system="phone", value=owner, exclusive=False)]
    cases.add(CaseView(summary=summary(1), language=Language.NL), names)
    await exchange.answered_call("c-1", NUMBER, case="leu-2026-000001", resolved=True)

    assert await settled() == 1
    thread = contacts()[0].thread
    assert (thread.verified_case, thread.claimed_case) == (proven, claimed)


async def test_times_without_offset_are_read_in_brussels_also_when_the_clock_changes(
    with_token, settled, contacts
):
    for day in ("2026-03-28T12:00:00", "2026-03-29T12:00:00", "2026-10-25T02:30:00"):
        await with_token.post("call", "", startedAt=day, endedAt=day, **{"from": NUMBER})

    assert await settled() == 3
    assert [contact.occurred_at.isoformat() for contact in contacts()] == [
        "2026-03-28T11:00:00+00:00",
        "2026-03-29T10:00:00+00:00",
        "2026-10-25T00:30:00+00:00",
    ]


async def test_a_request_to_call_back_another_number(exchange, settled, contacts):
    await exchange.post("newCall", "c-1", **{"from": "anonymous", "to": "016272001"})
    await exchange.post("callbackRequest", "c-1", number="016 27 20 99")
    await exchange.post("hangup", "c-1", cause="cancel")

    assert await settled() == 1
    assert contacts()[0].subject == "Vraag om terug te bellen"


async def test_a_spoken_message_is_kept_until_its_call_is_handed_over(exchange, settled, intake, checkpoints):
    sound = b"RIFF\0\0\0\0WAVEfmt " + b"\1" * 100
    await exchange.post("newCall", "c-1", **{"from": NUMBER})
    await exchange.post(
        "voicemail",
        "c-1",
        recording=base64.b64encode(sound).decode(),
        recordingName="bericht.wav",
        duration=12,
    )
    await exchange.post("hangup", "c-1", cause="cancel")

    assert await settled() == 1
    (inbound,) = intake.understood
    assert [(file.attachment.name, file.content) for file in inbound.files] == [("bericht.wav", sound)]
    assert not [name for name in checkpoints.kept if name.startswith(("recording/", "letters/"))]


async def test_an_anonymous_caller_stays_anonymous(exchange, settled, contacts):
    await exchange.missed_call("c-1", "anonymous")

    assert await settled() == 1
    (contact,) = contacts()
    assert (contact.party.phone, contact.party.kind) == ("", "anonymous")
    assert "niet bekend" in contact.text


async def test_what_the_city_calls_itself_is_no_contact(exchange, settled, intake):
    await exchange.post("newCall", "c-1", direction="out", **{"from": "016272000", "to": NUMBER})
    await exchange.post("hangup", "c-1", direction="out", cause="normalClearing")

    assert await settled() == 0
    assert not intake.accepted


async def test_a_call_that_is_never_hung_up_ends_in_silence(exchange, clock, source, contacts):
    await exchange.post("newCall", "c-1", **{"from": NUMBER})
    clock.advance(timedelta(hours=3))
    assert await source.poll() == 0
    clock.advance(timedelta(hours=2))

    assert await source.poll() == 1
    assert "niet gezien" in contacts()[0].text
    assert contacts()[0].callback_by is not None


async def test_two_calls_of_one_number_in_one_minute_told_afterwards_without_id(with_token, settled, intake):
    """As the call journal of 3CX tells them."""
    for second in ("05", "40", "05"):
        await with_token.post(
            "call",
            "",
            startedAt=f"2026-11-23T18:35:{second}Z",
            endedAt=f"2026-11-23T18:35:{second}Z",
            **{"from": NUMBER, "to": "016272000"},
        )

    assert await settled() == 2


@pytest.mark.parametrize("id_", ["[0470123456][2026-11-23 18:35]", "+32470123456-7", "x" * 200])
async def test_an_id_that_is_made_of_the_callers_number_is_not_shown(
    id_, exchange, settled, intake, checkpoints
):
    await exchange.answered_call(id_, NUMBER)
    await settled()
    await exchange.answered_call(id_, NUMBER)

    assert await settled() == 0
    (inbound,) = intake.understood
    assert re.fullmatch("told-[0-9a-f]{32}", inbound.source_ref)
    assert not [name for name in checkpoints.kept if "470123456" in name]


async def test_a_call_told_afterwards_that_was_answered(with_token, settled, contacts):
    await with_token.post(
        "call",
        "",
        startedAt="2026-11-23T23:58:05",  # Brussels, over midnight
        answeredAt="2026-11-23T23:58:15",
        endedAt="2026-11-24T00:03:15",
        user="els",
        **{"from": NUMBER},
    )

    assert await settled() == 1
    (contact,) = contacts()
    assert (contact.answered, contact.occurred_at.isoformat()) == (True, "2026-11-23T22:58:05+00:00")
    assert "els, 300 s" in contact.text


async def test_it_is_durable_before_it_is_answered(exchange, checkpoints, source):
    checkpoints.failure = TransientError("the disk is full")

    answer = await exchange.post("newCall", "c-1", **{"from": NUMBER})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    checkpoints.failure = None
    assert (await exchange.post("newCall", "c-1", **{"from": NUMBER})).status_code == 200
    assert checkpoints.kept


async def test_a_killed_hub_goes_on_with_the_call(cti, client, clock, tools, exchange, intake):
    await exchange.post("newCall", "c-1", **{"from": NUMBER})
    await exchange.post("answer", "c-1", user="els")

    async with another_life(tools) as (second, door):
        await Exchange(client=door, address=ADDRESS, secret=SECRET, at=clock.now()).post(
            "hangup", "c-1", cause="normalClearing"
        )
        clock.advance(timedelta(seconds=3))
        assert await second.sources[0].poll() == 1
    (inbound,) = intake.understood
    assert inbound.event.contact.party.phone == "+32470123456"
    assert "els" in inbound.event.contact.text


async def test_a_call_that_the_journal_knew_already_is_not_handed_over_again(
    exchange, settled, cases, clock, source, monkeypatch
):
    known(cases, clock, hours=-1)
    refuse_known(source, monkeypatch)
    await exchange.answered_call("c-1", NUMBER)

    assert await settled() == 0


async def test_an_id_that_is_used_again_months_later_is_another_call(
    exchange, settled, cases, clock, source, monkeypatch
):
    known(cases, clock, hours=-2000)
    taken = refuse_known(source, monkeypatch)
    await exchange.answered_call("c-1", NUMBER)

    assert await settled() == 1
    assert taken == ["c-1@2026-11-23T18:40:00"]


def outcome_of(case, clock):
    return Outcome(message_id="1", state="done", reason="", received_at=clock.now(), case=case)


def known(cases, clock, hours):
    received = clock.now() + timedelta(hours=hours)
    outcome = Outcome(message_id="1", state="done", reason="", received_at=received)
    cases.settle("phone/cloud", "c-1", outcome)


def refuse_known(source, monkeypatch):
    """The journal's answer to another content under a known id."""
    taken = []

    async def accept(inbound):
        if inbound.source_ref == "c-1":
            raise RejectedError("this id was used before for another content")
        taken.append(inbound.source_ref)
        return type("R", (), {"duplicate": False})()

    tools = source._room._tools
    monkeypatch.setattr(source._room, "_tools", type(tools)(**{**_fields(tools), "accept": accept}))
    return taken


def _fields(tools):
    return {name: getattr(tools, name) for name in tools.__slots__}


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"event": ""}, "$.event"),
        ({"callId": "x" * 301}, "$.callId"),
        ({"occurredAt": "gisteren"}, "$.occurredAt"),
        ({"queue": {"a": 1}}, "$.queue"),
        ({"recording": "%%%"}, "$.recording"),
    ],
)
async def test_what_cannot_be_read_is_kept_and_the_field_is_named(fields, named, exchange, settled, intake):
    sent = {"event": "newCall", "call_id": "c-1", **fields}
    sent["call_id"] = sent.pop("callId", sent["call_id"])

    answer = await exchange.post(sent.pop("event"), sent.pop("call_id"), **sent)

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(named)
    assert await settled() == 1
    assert len(intake.problems) == 1


async def test_an_event_that_nobody_needs_is_acknowledged(exchange, settled, intake):
    answer = await exchange.post("dtmf", "c-1", digit="3")

    assert (answer.status_code, answer.json()) == (200, {})
    assert await settled() == 0
    assert not intake.accepted


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\xfe", b"[" * 5000, b'{"event"'])
async def test_no_body_breaks_the_door(body, client, intake):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    assert (await client.post(ADDRESS, content=body, headers=headers)).status_code == 422


async def test_nobody_else_may_tell_of_calls(client, clock, checkpoints):
    strangers = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic %%%"},
        {"Authorization": "Bearer the-token-of-the-other-one"},
        {"X-Wegwijzer-Token": ""},
    ]
    for headers in strangers:
        answer = await client.post(ADDRESS, json={"event": "newCall", "callId": "c"}, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    answer = await client.post("http://hub.test/cti/unknown", json={}, headers=strangers[-1])
    assert answer.status_code == 401
    assert not checkpoints.kept


async def test_a_token_may_come_as_a_password(client):
    """Many exchanges can only be given an address with user and password in it."""
    basic = base64.b64encode(f"pbx:{TOKEN}".encode()).decode()

    answer = await client.post(
        ADDRESS, json={"event": "newCall", "callId": "c"}, headers={"Authorization": f"Basic {basic}"}
    )

    assert answer.status_code == 200


async def test_a_signature_must_be_fresh_and_fit_the_body(client, clock, exchange):
    body = '{"event":"newCall","callId":"c"}'
    signed = exchange.signed(body)
    old = {**signed, "webhook-timestamp": str(int(clock.now().timestamp()) - 301)}
    cases = (
        (body.encode(), signed, 200),
        (b" " + body.encode(), signed, 401),
        (body.encode(), old, 401),
        (body.encode(), {**signed, "webhook-id": "other"}, 401),
        (body.encode(), {**signed, "webhook-timestamp": "nu"}, 401),
        (b"\xff", signed, 401),
    )
    for content, headers, status in cases:
        assert (await client.post(ADDRESS, content=content, headers=headers)).status_code == status


async def test_two_secrets_fit_while_one_is_replaced(tools, clock):
    other = "whsec_" + base64.b64encode(b"another key of thirty-two bytes!!").decode()
    adapter = build({"seal": SEAL, "systems": {"cloud": {"secrets": [SECRET, other]}}}, tools)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(adapter.webhook)) as client:
        for secret in (SECRET, other):
            sender = Exchange(client=client, address=ADDRESS, secret=secret, at=clock.now())
            assert (await sender.post("newCall", "c-1")).status_code == 200


async def test_a_seal_that_was_replaced_holds_the_exchange_up_and_loses_nothing(tools, exchange, client):
    await exchange.post("newCall", "c-1", **{"from": NUMBER})
    systems = {"cloud": {"tokens": [TOKEN]}}
    adapter = build({"seal": "another seal of enough characters", "systems": systems}, tools)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(adapter.webhook)) as door:
        answer = await Exchange(client=door, address=ADDRESS, token=TOKEN).post("hangup", "c-1")

    assert answer.status_code == 503


async def test_the_door_and_the_source_may_be_in_two_processes(tools, cti, exchange, clock, intake):
    async with another_life(tools) as (listening, _):
        (source,) = listening.sources
        assert await source.poll() == 0
        await exchange.post("newCall", "c-1", **{"from": NUMBER})
        await source.wait(10)
        await source.poll()
        await exchange.post("answer", "c-1", agent="els")
        await exchange.post("hangup", "c-1")
        assert await source.poll() == 0
        clock.advance(timedelta(seconds=3))
        assert await source.poll() == 1

    assert intake.understood[0].event.contact.answered
    assert not [name for name in tools.checkpoints.kept if name.startswith("letters/")]


async def test_a_listener_that_was_asleep_overwrites_nothing_of_the_one_that_took_over(
    tools, cti, exchange, clock, intake
):
    async with another_life(tools) as (asleep, _), another_life(tools) as (awake, _):
        await exchange.post("newCall", "c-1", **{"from": NUMBER})
        assert await asleep.sources[0].poll() == 0
        await exchange.post("newCall", "c-2", **{"from": "016 27 20 99"})
        assert await awake.sources[0].poll() == 0
        await exchange.post("hangup", "c-2", cause="cancel")
        with pytest.raises(TransientError, match="another process"):
            await asleep.sources[0].poll()
        clock.advance(timedelta(seconds=3))
        assert await asleep.sources[0].poll() == 1
        assert [one.source_ref for one in intake.understood] == ["c-2"]

        await exchange.post("hangup", "c-1", cause="cancel")
        with pytest.raises(TransientError, match="another process"):
            await awake.sources[0].poll()
        clock.advance(timedelta(seconds=3))
        assert await awake.sources[0].poll() == 1

    assert [one.source_ref for one in intake.understood] == ["c-2", "c-1"]


async def test_a_body_that_is_too_large_is_refused(client):
    answer = await client.post(
        ADDRESS, content=b"x" * 8_000_001, headers={"Authorization": f"Bearer {TOKEN}"}
    )

    assert answer.status_code == 413
