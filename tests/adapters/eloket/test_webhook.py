"""The e-loket's own system: CloudEvents with an OSLO-Melding, for a company that its token proves."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers

from adapters.acmidm.problems import SubmissionError
from adapters.acmidm.settings import Door
from adapters.acmidm.understood import Caller
from adapters.eloket import build
from adapters.eloket.translate import reader
from canonical_model.contact import Channel, Kind
from canonical_model.events import ContactReceived
from canonical_model.identifiers import insz, kbo
from canonical_model.location import Point
from canonical_model.party import PartyKind
from ports.files import ACCEPTED_TYPES, FileRules
from ports.problems import RefusedError
from tests.adapters.acmidm.oslo_sender import SCOPE, OsloSender, event_in, oslo_sender
from tests.adapters.acmidm.portal import Stage, a_case, settled

FIXTURES = Path(__file__).parent / "fixtures"
COMPANY = {
    "vo_doelgroepcode": "EA",
    "vo_orgcode": "0403019261",
    "vo_orgnaam": "Bakkerij De Korenbloem",
    "rrn": "17073003384",
    "given_name": "Willy",
    "family_name": "Claes",
}


@pytest.fixture
def eloket(stage: Stage) -> OsloSender:
    return oslo_sender(stage, build, "eloket", COMPANY)


async def test_an_event_becomes_a_contact_of_the_company_in_the_token(stage: Stage, eloket: OsloSender):
    answer = await eloket.post(event_in(FIXTURES))

    (inbound,) = stage.intake.stored
    assert answer.status_code == 202
    assert inbound.source == "eloket/meldingen/eloket-system"
    assert inbound.source_ref == "https://eloket.example/aanvragen A-2026-77"
    assert isinstance(inbound.event, ContactReceived)
    contact = inbound.event.contact
    assert (contact.channel, contact.kind, contact.category) == (Channel.ELOKET, Kind.REPORT, "voetpad")
    assert contact.subject == "Losse tegel voor de winkel"
    assert contact.text == (
        "Klanten struikelen over een losse tegel.\n\nBijlage bij de afzender: https://files.example/plan.pdf"
    )
    assert contact.party.kind is PartyKind.ORGANISATION
    assert contact.party.identifiers == (kbo("0403019261"),)
    assert contact.party.email == "info@korenbloem.example"
    assert contact.party.representative is not None
    assert contact.party.representative.identifiers == (insz("17073003384"),)
    assert contact.location.point == Point(latitude=50.8791, longitude=4.7021)
    assert [one.name for one in contact.attachments] == ["stoep.jpg"]
    assert b"/9j/" not in inbound.raw


async def test_binary_and_structured_are_the_same_event(stage: Stage, eloket: OsloSender):
    first, second = await eloket.post(event_in(FIXTURES)), await eloket.post_binary(event_in(FIXTURES))

    assert (first.status_code, second.status_code) == (202, 200)
    assert len(stage.intake.stored) == 1


async def test_the_receipt_leads_to_the_status(stage: Stage, eloket: OsloSender):
    answer = await eloket.post(event_in(FIXTURES))
    settled(stage, "eloket/meldingen/eloket-system", answer.json()["id"], a_case())

    told = await eloket.status(answer.headers["location"])

    assert told.status_code == 200
    assert told.json()["dossiernummer"] == "LEU-2026-000123"


@pytest.mark.parametrize(
    ("sender", "acting"),
    [
        ({"kboNummer": "0878065378"}, {}),
        ({"kboNummer": "0403019261"}, {"insz": "85073003328"}),
    ],
    ids=["another company", "another person"],
)
async def test_a_body_that_names_another_than_the_token_is_refused(
    stage: Stage, eloket: OsloSender, sender: dict[str, str], acting: dict[str, str]
):
    answer = await eloket.post(event_in(FIXTURES, indiener=sender, vertegenwoordiger=acting))

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:wegwijzer:problem:identity-not-proven")
    assert stage.intake.stored == []


async def test_a_citizens_token_is_not_one_of_a_company(stage: Stage):
    eloket = oslo_sender(stage, build, "eloket", {"vo_doelgroepcode": "BUR", "rrn": "85073003328"})

    assert (await eloket.post(event_in(FIXTURES))).status_code == 403


@pytest.mark.parametrize(("vouches", "status"), [(False, 403), (True, 202)])
async def test_a_number_in_the_body_alone_is_believed_only_from_who_vouches(
    stage: Stage, *, vouches: bool, status: int
):
    eloket = oslo_sender(stage, build, "eloket", {}, vouches=vouches)

    assert (await eloket.post(event_in(FIXTURES))).status_code == status


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"specversion": "0.3"}, "$.specversion"),
        ({"id": None}, "$.id"),
        ({"source": "a b"}, "$.source"),
        ({"type": "be.vlaanderen.eloket.iets.anders"}, "$.type"),
        ({"data_base64": "e30="}, "$.data_base64"),
    ],
    ids=range(5),
)
async def test_an_envelope_that_does_not_fit_is_kept_and_named(
    stage: Stage, eloket: OsloSender, changes: dict[str, Any], path: str
):
    answer = await eloket.post({**event_in(FIXTURES), **changes})

    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["errors"]] == [path]
    assert len(stage.intake.stored) == 1


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"titel": "", "heeftBody": []}, "$.data.titel"),
        ({"titel": 7}, "$.data.titel"),
        ({"productnummer": "veel"}, "$.data.productnummer"),
        ({"indiener": {"kboNummer": "0403019262"}}, "$.data.indiener.kboNummer"),
        ({"indiener": {"vCode": "V0001001"}}, "$.data.indiener"),
        ({"indiener": "Bakkerij"}, "$.data.indiener[0]"),
        (
            {"heeftBody": {"beschrijving": "x", "geometrie": {"wkt": "POINT (100 200)"}}},
            "$.data.heeftBody[0].geometrie",
        ),
        (
            {"heeftBody": {"beschrijving": "x", "bijlage": {"naam": "a", "inhoud": "?"}}},
            "$.data.heeftBody[0].bijlage[0]",
        ),
        (
            {"heeftBody": {"beschrijving": "x", "bijlage": {"naam": "a.exe", "inhoud": "TVo="}}},
            "$.data.heeftBody.bijlage[0]",
        ),
    ],
    ids=range(9),
)
async def test_a_report_that_does_not_fit_is_kept_and_named(
    stage: Stage, eloket: OsloSender, changes: dict[str, Any], path: str
):
    answer = await eloket.post(event_in(FIXTURES, **changes))

    assert answer.status_code == 422, answer.text
    assert [one["path"] for one in answer.json()["errors"]] == [path]
    assert "0403019262" not in answer.text


async def test_another_content_type_is_refused(eloket: OsloSender):
    answer = await eloket._post(b"<melding/>", "application/xml", {})

    assert answer.status_code == 415


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "titel",
    "samenvatting",
    "meldingstype",
    "heeftBody",
    "indiener",
    "vertegenwoordiger",
    "productnummer",
)
READ = reader(
    Door(
        issuer="https://a.example",
        client_id="a",
        client_secret="b" * 9,
        scope=SCOPE,
        client_authentication="client_secret_post",
    ),
    (),
)  # type: ignore[arg-type]
RULES = FileRules(max_files=3, max_bytes=1000, accepted_types=ACCEPTED_TYPES)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON))
def test_odd_reports_are_not_understood_and_nothing_else(data: dict[str, Any]):
    event = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data}
    headers = Headers({"content-type": "application/cloudevents+json"})
    try:
        understood = READ(json.dumps(event).encode(), headers, Caller(system="a", persona=None), RULES)
    except (SubmissionError, RefusedError):
        return
    assert understood.event.contact.subject or understood.event.contact.text
