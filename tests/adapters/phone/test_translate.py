"""A finished call as a contact: what is open, what is settled, and by when somebody must have called back."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from adapters.phone.assembler import Call, Direction, Outcome, Recording, WrapUp
from adapters.phone.hours import working_hours_later
from adapters.phone.translate import Office, is_resolved, to_event
from canonical_model.contact import Channel, Kind, Language
from canonical_model.party import ANONYMOUS, Party, PartyKind

OFFICE = Office(callback_hours=4, opens=9, closes=17, topics={"openbaar-domein": "zwerfvuil"})
BRUSSELS = ZoneInfo("Europe/Brussels")
CALL = Call(
    id="c-1",
    direction=Direction.INBOUND,
    outcome=Outcome.ANSWERED,
    began=datetime(2026, 11, 23, 9, 0, tzinfo=UTC),
    ended=datetime(2026, 11, 23, 9, 5, tzinfo=UTC),
    number="+32470123456",
    name="Zoë D'Hondt",
    dialled="016272000",
    queues=("kcc",),
    topic="openbaar-domein",
    language="fr",
    agent="Els KCC",
    answered_at=datetime(2026, 11, 23, 9, 1, tzinfo=UTC),
)


def contact(**changed):
    return to_event(replace(CALL, **changed), OFFICE).contact


def test_an_answered_call_is_settled():
    found = contact()

    assert found.channel is Channel.PHONE
    assert (found.answered, found.callback_by, found.category, found.language) == (
        True,
        None,
        "zwerfvuil",
        Language.FR,
    )
    assert found.party == Party(kind=PartyKind.PERSON, name="Zoë D'Hondt", phone="+32470123456")
    assert found.occurred_at == CALL.began
    assert found.text == (
        "Oproep naar 016272000 op 23/11/2026 om 10:00.\nHet gesprek werd beantwoord.\n"
        "Gesproken met: Els KCC, 240 s."
    )


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.ANSWERED])
def test_everything_else_is_to_be_called_back_within_working_hours(outcome):
    found = contact(outcome=outcome)

    assert (found.answered, found.callback_by) == (False, datetime(2026, 11, 23, 13, 5, tzinfo=UTC))
    assert "Terugbellen naar: +32470123456." in found.text


@pytest.mark.parametrize(
    ("changed", "resolved"),
    [
        ({}, True),
        ({"transferred_to": "3001"}, False),
        ({"certain": False}, False),
        ({"wrap_up": WrapUp(resolved=False)}, False),
        ({"wrap_up": WrapUp(resolved=True), "transferred_to": "3001"}, True),
        ({"wrap_up": WrapUp(notes="x")}, True),
        ({"outcome": Outcome.CALLBACK, "wrap_up": WrapUp(resolved=True)}, False),
    ],
)
def test_when_a_call_counts_as_answered_at_once(changed, resolved):
    assert is_resolved(replace(CALL, **changed), OFFICE) is resolved
    assert contact(**changed).answered is resolved


def test_a_city_may_want_every_call_kept_open_until_somebody_says_otherwise():
    assert not is_resolved(CALL, replace(OFFICE, answered_means_resolved=False))


def test_what_the_employee_noted_goes_before_what_the_menu_told():
    notes = WrapUp(
        subject="Zwerfvuil\n aan het station",
        notes="Zakken.",
        kind="Melding",
        category="reiniging",
        answer="Opgehaald.",
    )

    found = contact(wrap_up=notes)

    assert (found.subject, found.kind, found.category, found.answer) == (
        "Zwerfvuil aan het station",
        Kind.REPORT,
        "reiniging",
        "Opgehaald.",
    )
    assert found.text.startswith("Zakken.\n\nOproep naar")


def test_who_is_not_known_is_anonymous():
    found = contact(number="", name="", withheld=True, outcome=Outcome.ABANDONED)

    assert found.party is ANONYMOUS
    assert "Het nummer van de beller is niet bekend." in found.text


def test_everything_that_helps_to_call_back_is_told():
    found = contact(
        outcome=Outcome.VOICEMAIL,
        slot="14-16u",
        recording=Recording(name="a.wav", seconds="12"),
        topic="",
        agent="",
    )

    assert found.subject == "Ingesproken bericht"
    assert found.text.splitlines()[1:] == [
        "De beller sprak een bericht in.",
        "Terugbellen naar: +32470123456.",
        "Liefst: 14-16u.",
        "Opname (12 s): a.wav",
    ]


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-23 10:00", 4, "2026-11-23 14:00"),
        ("2026-11-23 15:30", 4, "2026-11-24 11:30"),
        ("2026-11-23 06:00", 4, "2026-11-23 13:00"),
        ("2026-11-23 23:59", 4, "2026-11-24 13:00"),
        ("2026-11-27 16:00", 4, "2026-11-30 12:00"),  # a weekend
        ("2026-12-24 16:00", 4, "2026-12-28 12:00"),  # Christmas, a Friday
        ("2026-11-23 10:00", 20, "2026-11-25 14:00"),
        ("2026-11-23 09:00", 8, "2026-11-23 17:00"),
        ("2026-10-23 16:00", 4, "2026-10-26 12:00"),  # the clock goes back in between
        ("2027-03-26 16:00", 4, "2027-03-30 12:00"),  # forward, and Easter Monday
    ],
)
def test_working_hours_skip_nights_weekends_and_holidays(start, hours, end):
    begin = datetime.fromisoformat(start).replace(tzinfo=BRUSSELS).astimezone(UTC)

    due = working_hours_later(begin, hours, opens=9, closes=17)

    assert due.astimezone(BRUSSELS).strftime("%Y-%m-%d %H:%M") == end
    assert due.tzinfo is UTC
