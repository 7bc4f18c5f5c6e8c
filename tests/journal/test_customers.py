"""The journal answers adapters that ask about cases, and keeps what was erased to itself."""

from datetime import timedelta

import pytest

from canonical_model.case import CaseRef
from canonical_model.contact import Channel
from canonical_model.decision import Reference
from canonical_model.events import Answer, CaseChanged
from canonical_model.party import Party, PartyKind
from canonical_model.status import CaseStatus
from journal.claims import ClaimRequest
from journal.effects import Outcome, Result
from journal.reading.effects import effects_of_case
from ports.contracts.cases import MAIL, ORIGIN, PHONE, CasesContract
from tests.journal.scene import LEASE, START, contact, contact_message, inbound

FIRST, SECOND = CaseRef("LEU-2026-000001"), CaseRef("LEU-2026-000002")
CALLER = Party(kind=PartyKind.PERSON, name="An Peeters", phone=PHONE.value)


@pytest.fixture
async def two_cases(journal, clock):
    """The older one closed with an answer; the newer one brought by an app."""
    await journal.accept(contact_message("call-1", contact(party=CALLER, channel=Channel.PHONE)))
    clock.advance(timedelta(days=1))
    answer = Answer(key="1", text="Het is hersteld.", at=START)
    closed = CaseChanged(
        case=FIRST,
        tracker_id="issue1",
        version=1,
        status=CaseStatus.CLOSED,
        group="openbaar-domein",
        answers=(answer,),
        changed_at=START,
    )
    await journal.accept(inbound("change-1", closed, source="tracker"))
    both = Party(kind=PartyKind.PERSON, name="An Peeters", phone=PHONE.value, email=MAIL.value)
    await journal.accept(contact_message("its-1", contact(party=both), source=ORIGIN))
    return journal.cases


class TestJournalCases(CasesContract):
    @pytest.fixture
    def cases(self, two_cases):
        return two_cases


async def test_an_erased_case_keeps_its_place_but_not_its_words(journal, two_cases):
    await journal.erase_case(SECOND, "an administrator", "the customer asked for it")

    assert await two_cases.view(SECOND) is None
    newest = (await two_cases.known_under([PHONE]))[0]
    assert (newest.ref, newest.subject) == (SECOND, "")


async def test_an_outcome_tells_what_the_tracker_said(journal, two_cases):
    before = await two_cases.outcome(ORIGIN, "its-1")
    assert (before.state, before.in_tracker, before.refused) == ("waiting", "", "")

    await _tracker_refuses(journal, "there is no such group")

    after = await two_cases.outcome(ORIGIN, "its-1")
    assert (after.state, after.refused) == ("parked", "there is no such group")


async def test_one_reference_without_a_case_finds_nothing(two_cases):
    assert await two_cases.known_under([Reference(system="insz", value="85073003328")]) == ()


async def _tracker_refuses(journal, why):
    ids = [
        effect.id
        for effect in (await journal.database.read(_effects_of_second))
        if effect.target == "tracker"
    ]
    claim = await journal.claim(ClaimRequest(ids=tuple(ids), owner="w", lease=LEASE))
    (effect,) = claim.effects
    refusal = Result(effect.id, effect.attempt, "w", Outcome.REJECTED, 0, error="RejectedError", what=why)
    await journal.record(refusal)


def _effects_of_second(connection):
    return effects_of_case(connection, SECOND)
