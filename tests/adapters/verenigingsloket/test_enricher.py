"""Names from the Verenigingsregister: asked politely, and never in the way."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from adapters.acmidm.register import NameEnricher
from adapters.acmidm.settings import Register
from adapters.verenigingsloket.translate import CUSTOMER
from canonical_model.contact import Channel, Contact
from canonical_model.identifiers import kbo, vcode
from canonical_model.party import Party, PartyKind
from ports.clock import ManualClock
from ports.contracts.enricher import EnricherContract
from ports.errors import MisconfiguredError, TransientError
from tests.adapters.acmidm.portal import NOW
from tests.adapters.acmidm.register import RegisterSimulator

BODY = (Path(__file__).parent / "fixtures" / "vereniging.json").read_bytes()
CHIRO = Party(kind=PartyKind.ASSOCIATION, identifiers=(vcode("V0001001"),))


def contact(party: Party) -> Contact:
    return Contact(channel=Channel.PHONE, subject="Zaal", text="Is de zaal vrij?", party=party)


@pytest.fixture
def register() -> RegisterSimulator:
    return RegisterSimulator({"V0001001": BODY})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def enricher(register: RegisterSimulator, clock: ManualClock) -> NameEnricher:
    settings = Register(
        url="https://publiek.verenigingen.example/v1/verenigingen/{number}",
        api_key="sleutel",  # type: ignore[arg-type]  # as it comes from hub.toml
        reason="reden-1",
    )
    return NameEnricher(
        "verenigingsloket/register", CUSTOMER, settings, clock, transport=httpx.MockTransport(register)
    )


class TestContract(EnricherContract):
    """As every enricher."""

    @pytest.fixture
    def enricher(self, register: RegisterSimulator, clock: ManualClock) -> NameEnricher:
        settings = Register(
            url="https://publiek.verenigingen.example/v1/verenigingen/{number}",
            api_key="sleutel",  # type: ignore[arg-type]
            reason="reden-1",
        )
        return NameEnricher("v", CUSTOMER, settings, clock, transport=httpx.MockTransport(register))

    @pytest.fixture
    def poor(self) -> Contact:
        return contact(CHIRO)


async def test_a_number_gets_its_registered_name(enricher: NameEnricher):
    assert (await enricher.enrich(contact(CHIRO))).party.name == "Chiro Kessel-Lo"


async def test_what_the_customer_said_is_never_overruled(enricher: NameEnricher, register: RegisterSimulator):
    named = contact(Party(kind=PartyKind.ASSOCIATION, name="Onze chiro", identifiers=CHIRO.identifiers))

    assert await enricher.enrich(named) == named
    assert register.asked == []


async def test_another_kind_of_number_is_not_asked_about(enricher: NameEnricher, register: RegisterSimulator):
    company = contact(Party(kind=PartyKind.ORGANISATION, identifiers=(kbo("0403019261"),)))

    assert await enricher.enrich(company) == company
    assert register.asked == []


async def test_an_answer_is_used_for_a_day_and_then_asked_whether_it_changed(
    enricher: NameEnricher, register: RegisterSimulator, clock: ManualClock
):
    for hours in (0, 23):
        clock.advance(timedelta(hours=hours))
        await enricher.enrich(contact(CHIRO))
    assert len(register.asked) == 1

    clock.advance(timedelta(hours=2))
    await enricher.enrich(contact(CHIRO))
    assert register.asked[1]["if-none-match"].startswith("W/")
    assert register.asked[0]["x-correlation-id"] != register.asked[1]["x-correlation-id"]

    register.entries["V0001001"] = BODY.replace(b"Chiro Kessel-Lo", b"Chiro Blauwput")
    clock.advance(timedelta(hours=25))
    assert (await enricher.enrich(contact(CHIRO))).party.name == "Chiro Blauwput"


async def test_who_is_not_in_the_register_stays_without_a_name_and_is_not_asked_again(
    enricher: NameEnricher, register: RegisterSimulator
):
    unknown = contact(Party(kind=PartyKind.ASSOCIATION, identifiers=(vcode("V0001002"),)))

    assert await enricher.enrich(unknown) == unknown
    assert await enricher.enrich(unknown) == unknown
    assert len(register.asked) == 1


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_on_a_bad_day_an_old_answer_is_better_than_none(
    enricher: NameEnricher, register: RegisterSimulator, clock: ManualClock, status: int
):
    await enricher.enrich(contact(CHIRO))
    clock.advance(timedelta(days=2))
    register.bad_day = status

    assert (await enricher.enrich(contact(CHIRO))).party.name == "Chiro Kessel-Lo"


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_on_a_bad_day_without_an_old_answer_the_contact_goes_on_without(
    enricher: NameEnricher, register: RegisterSimulator, status: int
):
    register.bad_day = status

    with pytest.raises(TransientError):
        await enricher.enrich(contact(CHIRO))


async def test_a_wrong_key_is_for_an_administrator(enricher: NameEnricher, register: RegisterSimulator):
    register.key = "een andere"

    with pytest.raises(MisconfiguredError, match="401"):
        await enricher.enrich(contact(CHIRO))


@pytest.mark.parametrize("body", [b"nee", b"[]", b'{"vereniging": []}', b'{"vereniging": {"naam": 7}}'])
async def test_an_odd_answer_gives_no_name(enricher: NameEnricher, register: RegisterSimulator, body: bytes):
    register.entries["V0001001"] = body

    try:
        found = (await enricher.enrich(contact(CHIRO))).party.name
    except TransientError:
        found = ""

    assert found == ""
