"""The Verenigingsloket: the same anatomy, with a vCode."""

from pathlib import Path

import pytest

from adapters.verenigingsloket import build
from canonical_model.contact import Channel
from canonical_model.events import ContactReceived
from canonical_model.identifiers import insz, vcode
from canonical_model.party import PartyKind
from demo.acmidm import Registered
from ports.errors import MisconfiguredError
from tests.adapters.acmidm.oslo_sender import event_in, oslo_sender
from tests.adapters.acmidm.portal import CLIENT, ORIGIN, Stage, a_case, named, pages, registered

FIXTURES = Path(__file__).parent / "fixtures"
NAME = "verenigingsloket"
ASSOCIATION = {
    "vo_doelgroepcode": "VER",
    "vo_orgcode": "V0001001",
    "vo_orgnaam": "Chiro Kessel-Lo",
    "rrn": "01490700185",
    "given_name": "Lotte",
    "family_name": "Segers",
}


async def test_an_event_becomes_a_contact_of_the_association_in_the_token(stage: Stage):
    sender = oslo_sender(stage, build, NAME, ASSOCIATION)

    assert (await sender.post(event_in(FIXTURES))).status_code == 202

    (inbound,) = stage.intake.stored
    assert isinstance(inbound.event, ContactReceived)
    party = inbound.event.contact.party
    assert inbound.event.contact.channel is Channel.VERENIGINGSLOKET
    assert (party.kind, party.name, party.identifiers) == (
        PartyKind.ASSOCIATION,
        "Chiro Kessel-Lo",
        (vcode("V0001001"),),
    )
    assert party.representative is not None
    assert (party.representative.name, party.representative.identifiers) == (
        "Lotte Segers",
        (insz("01490700185"),),
    )


async def test_without_the_token_an_association_is_not_believed(stage: Stage):
    sender = oslo_sender(stage, build, NAME, {})

    assert (await sender.post(event_in(FIXTURES))).status_code == 403
    assert stage.intake.stored == []


async def test_somebody_of_the_association_logs_in_reads_and_replies(stage: Stage):
    client = Registered(id=CLIENT, secret="s3cret", redirect_uris=(f"{ORIGIN}/in/{NAME}/callback",))
    registered(stage.provider, NAME, client)
    lotte = stage.visitor(stage.portal(build, NAME, {"pages": pages(stage.provider)}), NAME)
    stage.cases.add(a_case(), named("vcode", "V0001001"))
    stage.cases.add(a_case("LEU-2026-000009"), named("insz", "01490700185"))

    assert (await lotte.log_in("lotte")).status_code == 303
    page = (await lotte.get("/")).text
    assert "Chiro Kessel-Lo" in page
    assert "Lotte Segers" in page
    assert "LEU-2026-000009" not in page, "her own case is not the association's"
    form = await lotte.form("/cases/LEU-2026-000123")
    await lotte.post("/cases/LEU-2026-000123/reply", {**form, "message": "Links van de poort."})

    (inbound,) = stage.intake.stored
    assert isinstance(inbound.event, ContactReceived)
    assert inbound.event.contact.thread.verified_case == "LEU-2026-000123"
    assert inbound.event.contact.party.identifiers == (vcode("V0001001"),)


async def test_a_register_can_be_set_and_is_off_by_default(stage: Stage):
    stage.portal(build, NAME, {"pages": pages(stage.provider)})
    stage.portal(
        build, NAME, {"pages": pages(stage.provider), "register": {"url": "https://r.example/{number}"}}
    )

    assert [adapter.enricher is not None for adapter in stage.adapters] == [False, True]
    with pytest.raises(MisconfiguredError, match=r"register\.url"):
        stage.portal(build, NAME, {"register": {"url": "https://r.example/"}})


async def test_a_portal_without_any_way_in_says_so(stage: Stage):
    stage.portal(build, NAME, {})

    assert await stage.adapters[0].check() == ("nobody can come in: set `pages`, a door, or both",)
