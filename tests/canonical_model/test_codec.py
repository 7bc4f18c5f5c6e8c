"""Bodies as bytes and back, over the years."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from canonical_model import codec
from canonical_model.attachment import Attachment, Claim
from canonical_model.case import CanonicalCase, CaseCard, CaseRef
from canonical_model.codec import (
    SCHEMA_VERSION,
    UPCASTERS,
    UnreadableError,
    command_name,
    decode_card,
    decode_command,
    decode_event,
    encode,
    event_name,
)
from canonical_model.commands import (
    COMMANDS,
    AddContact,
    AddNote,
    CancelWork,
    ChangeCase,
    ForgetWork,
    News,
    Notify,
    OpenCase,
    OrderWork,
    PublishStatus,
    SendMail,
    TellSystem,
    WithdrawNotice,
    WithdrawStatus,
)
from canonical_model.contact import AnswerSource, Automatic, Channel, Contact, Kind, Language, Thread
from canonical_model.events import (
    EVENTS,
    Answer,
    CaseChanged,
    CaseErased,
    CaseRedispatched,
    ContactReceived,
    DeliveryRefused,
    DifferenceFound,
    MailBounced,
    TimerFired,
    WorkOrderChanged,
    WorkShown,
)
from canonical_model.identifiers import insz, kbo
from canonical_model.location import Location, Point
from canonical_model.party import Party, PartyKind
from canonical_model.public_status import PublicStatus
from canonical_model.status import CaseStatus
from canonical_model.work_order import OrderState, WorkOrder
from tests.canonical_model.schema import PUBLISHED, current

REF = CaseRef("LEU-2026-000123")
NOON = datetime(2026, 3, 2, 12, 0, 0, 123456, tzinfo=UTC)
PHOTO = Attachment(claim=Claim("ab" * 32), name="lamp é.jpg", media_type="image/jpeg", size=12)
PARTY = Party(
    kind=PartyKind.ORGANISATION,
    name="An Janssens",
    email="an@example.org",
    phone="016 00 00 00",
    identifiers=(insz("85073003328"), kbo("0403019261")),
)
PLACE = Location(
    address="Bondgenotenlaan 1",
    postcode="3000",
    area="centrum",
    point=Point(latitude=50.88, longitude=4.7, lambert_x=173000.5, lambert_y=174000.25),
)
CONTACT = Contact(
    channel=Channel.MAIL,
    subject="Lamp 💡",
    text='"stuk"\n\u2028',
    full_text="> oud",
    kind=Kind.COMPLAINT,
    category="verlichting",
    product="75270",
    answer_source=AnswerSource(product="75270", version="v2", modified=NOON),
    language=Language.FR,
    party=PARTY,
    location=PLACE,
    attachments=(PHOTO,),
    addressed_to="meldingen",
    thread=Thread(message_id="a@b", in_reply_to=("c@d",), verified_case=REF, claimed_case=REF),
    fingerprint="f",
    automatic=Automatic.BULK,
    suspicions=("honeypot",),
    occurred_at=NOON,
)
CASE = CanonicalCase(
    ref=REF,
    kind=Kind.REPORT,
    channel=Channel.WEB_FORM,
    group="groen",
    subject="Lamp",
    description="stuk",
    party_ref="p-1",
    party=PARTY,
    location=PLACE,
    due=NOON,
    attachments=(PHOTO,),
)
EVENT_VALUES = [
    ContactReceived(contact=CONTACT),
    ContactReceived(contact=Contact(channel=Channel.PHONE, subject="", text="")),
    CaseChanged(
        case=REF,
        tracker_id="7",
        version=3,
        status=CaseStatus.ANSWERED,
        group="groen",
        answers=(Answer(key="1", text="Dag An", at=NOON),),
        changed_at=NOON,
    ),
    MailBounced(message_id="a@b", permanent=True, diagnosis="550"),
    TimerFired(case=REF, name="chase", round=2),
    WorkOrderChanged(
        system="wegen",
        outside_id="77",
        case=REF,
        trip=2,
        update="u-9",
        state=OrderState.DONE,
        text="Tegel gelegd",
        at=NOON,
        evidence=(PHOTO,),
    ),
    WorkOrderChanged(system="wegen", outside_id="77", update="u-1", state=OrderState.PLANNED, at=NOON),
    WorkShown(system="wegen", outside_id="77", case=REF, trip=1, update="d-1", at=NOON, evidence=(PHOTO,)),
    DeliveryRefused(case=REF, system="dosis", delivery="d-1", problems=("Status.VlaamsCode: unknown",)),
    DifferenceFound(case=REF, system="dosis", theirs="", ours="answered", outside_id="d-1", at=NOON),
    DifferenceFound(
        case=REF, system="wegen", theirs="done", ours="planned", text="t", at=NOON, evidence=(PHOTO,)
    ),
    CaseRedispatched(case=REF, group="groen", reason="niet van ons", by="p-1", tell_customer=True),
    CaseErased(case=REF),
]
COMMAND_VALUES = [
    OpenCase(case=CASE),
    AddContact(case=REF, channel=Channel.COUNTER, subject="s", text="t", attachments=(PHOTO,), reopen=True),
    AddNote(case=REF, text="t"),
    ChangeCase(case=REF),
    ChangeCase(case=REF, status=CaseStatus.CLOSED, group="groen", due=NOON),
    SendMail(message_id="a@b", to="an@example.org", subject="s", text="t", references=("c@d",)),
    TellSystem(
        origin="kassa/parkeren",
        origin_ref="p-17",
        case=REF,
        news=News.ANSWERED,
        status=CaseStatus.ANSWERED,
        text="t",
        at=datetime(2026, 3, 2, 9, tzinfo=UTC),
    ),
    PublishStatus(
        case=REF,
        kind=Kind.REPORT,
        subject="Lamp",
        party=PARTY,
        group="groen",
        product="75270",
        status=PublicStatus.PLANNED,
        detail="morgen",
        action="",
        opened_at=NOON,
        changed_at=NOON,
        due=NOON,
    ),
    WithdrawStatus(case=REF, reason="erased"),
    Notify(
        case=REF,
        party=PARTY,
        language=Language.FR,
        subject="Lamp",
        product="75270",
        status=PublicStatus.ANSWERED,
        detail="t",
        changed_at=NOON,
        expires=NOON.date(),
    ),
    WithdrawNotice(case=REF, notice="LEU-1/notices/notify"),
    OrderWork(
        order=WorkOrder(
            case=REF,
            trip=1,
            subject="Lamp",
            description="stuk",
            category="verlichting",
            group="groen",
            location=PLACE,
            attachments=(PHOTO,),
            due=NOON,
            urgent=True,
        )
    ),
    CancelWork(case=REF, trip=1, outside_id="77", reason="dubbel"),
    ForgetWork(case=REF, trip=1, outside_id="77"),
]
CARD = CaseCard(subject="s", party=PARTY, language=Language.EN, last_message_id="a@b", references=("c@d",))


def recorded(file):
    return [line.split(b" ", 1) for line in Path(__file__).with_name(file).read_bytes().strip().split(b"\n")]


STORED = recorded("stored.txt")
"""Bodies as they lie in journals: the wire name and the JSON of each value above, and of a card with all its fields."""
STORED_IN_FULL = recorded("stored_in_full.txt")
"""The same as they were written while what stands at its default was written too."""


def decoded(name, body):
    if name in EVENTS:
        return decode_event(name, body)
    return decode_command(name, body) if name in COMMANDS else decode_card(body)


def of_then(now, then):
    """A body as it is written now, without the fields that were added since."""
    if isinstance(then, dict):
        return {name: of_then(value, then[name]) for name, value in now.items() if name in then}
    if isinstance(then, list):
        return [of_then(*pair) for pair in zip(now, then, strict=True)]
    return now


@pytest.fixture
def version_three(monkeypatch):
    """The hub two model versions later, with upcasters that are gone after the test."""
    monkeypatch.setattr(codec, "SCHEMA_VERSION", 3)
    monkeypatch.setattr(codec, "UPCASTERS", {})
    return codec.UPCASTERS


@pytest.mark.parametrize("event", EVENT_VALUES)
def test_events_come_back_as_they_were(event):
    assert decode_event(event_name(event), encode(event)) == event


@pytest.mark.parametrize("command", COMMAND_VALUES)
def test_commands_come_back_as_they_were(command):
    assert decode_command(command_name(command), encode(command)) == command


def test_a_card_comes_back_as_it_was():
    assert decode_card(encode(CARD)) == CARD


@pytest.mark.parametrize(("name", "body"), STORED)
def test_a_stored_body_is_written_the_same_again_byte_for_byte(name, body):
    again = json.loads(encode(decoded(name.decode(), body)))

    assert msgspec.json.encode(of_then(again, json.loads(body))) == body


@pytest.mark.parametrize("stored", [STORED, STORED_IN_FULL])
def test_stored_bodies_are_read_as_the_values_that_they_were(stored):
    read = [decoded(name.decode(), body) for name, body in stored]

    assert read[:-1] == [*EVENT_VALUES, *COMMAND_VALUES, CARD]
    assert read[-1].field_work.attachments == (PHOTO,)


def test_every_kind_of_body_was_tried():
    assert {type(event) for event in EVENT_VALUES} == set(EVENTS.values())
    assert {type(command) for command in COMMAND_VALUES} == set(COMMANDS.values())


def test_what_stands_at_its_default_is_not_written():
    assert (
        encode(TimerFired(case=REF, name="chase", round=0)) == b'{"case":"%b","name":"chase"}' % REF.encode()
    )


def test_wire_names_never_change():
    assert list(EVENTS) == [
        "contact_received",
        "case_changed",
        "mail_bounced",
        "timer_fired",
        "work_order_changed",
        "work_shown",
        "delivery_refused",
        "difference_found",
        "case_redispatched",
        "case_erased",
    ]
    assert list(COMMANDS) == [
        "open_case",
        "add_contact",
        "add_note",
        "change_case",
        "send_mail",
        "tell_system",
        "publish_status",
        "withdraw_status",
        "notify",
        "withdraw_notice",
        "order_work",
        "cancel_work",
        "forget_work",
    ]


@pytest.mark.parametrize("decode", [decode_event, decode_command])
def test_an_unknown_name_is_refused(decode):
    with pytest.raises(UnreadableError, match="'gossip'"):
        decode("gossip", b"{}")


def test_a_command_is_no_event():
    with pytest.raises(UnreadableError):
        decode_event("open_case", encode(COMMAND_VALUES[0]))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"case": 1, "name": "x"}',
        b"\xff",
        pytest.param(b'{"case": "\xff", "name": "x"}'),
    ],
)
def test_a_body_that_does_not_fit_is_refused(body):
    with pytest.raises(UnreadableError, match="timer_fired"):
        decode_event("timer_fired", body)


def test_a_body_of_a_newer_hub_is_refused():
    with pytest.raises(UnreadableError, match=f"version {SCHEMA_VERSION + 1}"):
        decode_event("timer_fired", encode(TimerFired(case=REF, name="chase", round=2)), SCHEMA_VERSION + 1)


def test_a_field_that_a_newer_hub_added_within_the_version_is_ignored():
    body = json.loads(encode(TimerFired(case=REF, name="chase"))) | {"colour": "red"}

    assert decode_event("timer_fired", json.dumps(body).encode()) == TimerFired(case=REF, name="chase")


def test_old_bodies_are_lifted_step_by_step(version_three):
    version_three["timer_fired", 1] = lambda body: body | {"label": body["titel"]}
    version_three["timer_fired", 2] = lambda body: {"case": body["case"], "name": body["label"].lower()}
    old = json.dumps({"case": REF, "titel": "CHASE"}).encode()
    middle = json.dumps({"case": REF, "label": "CHASE"}).encode()

    assert decode_event("timer_fired", old, 1) == TimerFired(case=REF, name="chase")
    assert decode_event("timer_fired", middle, 2) == TimerFired(case=REF, name="chase")


def test_a_step_without_an_upcaster_changed_nothing(version_three):
    version_three["timer_fired", 2] = lambda body: body | {"round": body["round"] + 10}

    lifted = decode_event("timer_fired", encode(TimerFired(case=REF, name="chase", round=2)), 1)

    assert lifted == TimerFired(case=REF, name="chase", round=12)


def test_lifting_keeps_times_and_identifiers(version_three):
    for event in EVENT_VALUES:
        assert decode_event(event_name(event), encode(event), 1) == event
    assert decode_card(encode(CARD), 2) == CARD


def test_a_body_that_does_not_fit_after_lifting_is_refused(version_three):
    version_three["timer_fired", 1] = lambda body: {"name": body["name"]}

    with pytest.raises(UnreadableError, match="timer_fired"):
        decode_event("timer_fired", encode(TimerFired(case=REF, name="chase", round=2)), 1)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", *(pytest.param(body) for body in (b"[1]", b"7"))],
)
def test_an_old_body_that_is_no_object_is_refused(version_three, body):
    version_three["timer_fired", 1] = lambda old: old | {"round": 1}

    with pytest.raises(UnreadableError, match="timer_fired"):
        decode_event("timer_fired", body, 1)


def test_no_upcaster_is_left_behind_or_useless():
    assert all(
        name in {*EVENTS, *COMMANDS, "case_card"} and version < SCHEMA_VERSION for name, version in UPCASTERS
    )


def test_the_published_schema_is_current():
    assert PUBLISHED.read_text() == current(), "run `python -m tests.canonical_model.schema`"


def test_the_schema_describes_every_body():
    schema = json.loads(current())
    named = {**schema["events"], **schema["commands"]}

    assert named.keys() == EVENTS.keys() | COMMANDS.keys()
    assert {entry["$ref"].removeprefix("#/$defs/") for entry in named.values()} <= schema["$defs"].keys()
    assert "CaseCard" in schema["$defs"]
    assert schema["version"] == SCHEMA_VERSION
