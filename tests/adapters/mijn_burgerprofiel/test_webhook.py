"""Mijn Burgerprofiel's "Melding doen": who may post, what is taken, and what the sender hears."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import pytest_asyncio
from joserfc import jwt
from joserfc.jwk import RSAKey

from adapters.mijn_burgerprofiel import build
from canonical_model.contact import Channel, Kind
from canonical_model.events import ContactReceived
from canonical_model.identifiers import insz
from canonical_model.party import ANONYMOUS, Party, PartyKind
from demo.acmidm import Registered
from ports.errors import TransientError
from tests.adapters.acmidm.portal import Stage, a_case, settled

FIXTURES = Path(__file__).parent / "fixtures"
SCOPE = "dv_mbp_incidents"
HUB = "https://contact.leuven.be/in/mijn_burgerprofiel"
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "other"})


def settings(stage: Stage, **door: Any) -> dict[str, Any]:
    checked = {"checked_by": "jwks", "audience": HUB} if door.get("checked_by", "jwks") == "jwks" else {}
    return {
        "reports": {"issuer": stage.provider.issuer, "scope": SCOPE, **checked, **door},
        "categories": {
            "voetpad": {
                "title": "Voetpad",
                "product": "1446",
                "place": "required",
                "fields": {
                    "gevaarlijk": {"title": "Is het gevaarlijk?", "kind": "boolean", "required": True},
                    "ondergrond": {"title": "Ondergrond", "kind": "choice", "options": ["tegels", "asfalt"]},
                    "hinder_voor": {
                        "title": "Hinder voor",
                        "kind": "choices",
                        "options": ["voetgangers", "rolstoelen"],
                    },
                    "aantal": {"title": "Hoeveel tegels", "kind": "integer"},
                    "sinds": {"title": "Sinds", "kind": "date"},
                },
            },
            "straatverlichting": {"title": "Straatverlichting"},
            "wildplassen": {"title": "Wildplassen", "photo": "required"},
        },
    }


@dataclass
class Sender:
    """The building block, with a token."""

    client: httpx.AsyncClient
    token: str

    async def post(self, body: bytes | dict[str, Any], **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self.client.post(
            "/in/mijn_burgerprofiel/meldingen", content=content, headers=self._with(headers)
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(f"/in/mijn_burgerprofiel{path}", headers=self._with(headers))

    def _with(self, headers: dict[str, str]) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **headers}


def sender_at(stage: Stage, token: str, **door: Any) -> Sender:
    app = stage.portal(build, "mijn_burgerprofiel", settings(stage, **door))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://contact.leuven.be")
    stage.visitors.append(client)
    return Sender(client, token)


@pytest_asyncio.fixture
async def mbp(stage: Stage) -> AsyncIterator[Sender]:
    yield sender_at(stage, stage.provider.access_token("mbp", SCOPE, HUB))


def report(name: str = "melding.json", **changes: Any) -> dict[str, Any]:
    return {**json.loads((FIXTURES / name).read_bytes()), **changes}


async def test_a_report_becomes_a_contact(stage: Stage, mbp: Sender):
    answer = await mbp.post((FIXTURES / "melding.json").read_bytes())

    (inbound,) = stage.intake.stored
    assert answer.status_code == 202
    assert answer.json() == {"id": "mbp-2026-000417", "receipt": f"{1:032x}", "duplicate": False}
    assert answer.headers["location"] == "/in/mijn_burgerprofiel/meldingen/mbp-2026-000417"
    assert (inbound.source, inbound.source_ref) == ("mijn_burgerprofiel/meldingen/mbp", "mbp-2026-000417")
    assert isinstance(inbound.event, ContactReceived)
    contact = inbound.event.contact
    assert (contact.channel, contact.kind, contact.category, contact.product) == (
        Channel.MIJN_BURGERPROFIEL,
        Kind.REPORT,
        "voetpad",
        "1446",
    )
    assert contact.text.splitlines() == [
        "De tegel voor nummer 12 ligt los.",
        "",
        "Is het gevaarlijk?: ja",
        "Ondergrond: tegels",
        "Hinder voor: voetgangers, rolstoelen",
        "Hoeveel tegels: 2",
        "Sinds: 2026-11-20",
    ]
    assert contact.occurred_at == datetime(2026, 11, 26, 8, 12, tzinfo=UTC)
    assert (contact.location.postcode, contact.location.point and contact.location.point.longitude) == (
        "3010",
        4.7215,
    )
    assert [(one.name, one.media_type) for one in contact.attachments] == [("stoep.jpg", "image/jpeg")]
    assert contact.party == Party(kind=PartyKind.PERSON, name="An Peeters", email="an@example.be")
    assert b"/9j/" not in inbound.raw, "the photo is kept once, apart"


async def test_a_report_without_a_name_is_welcome(stage: Stage, mbp: Sender):
    assert (await mbp.post(report("melding-anoniem.json"))).status_code == 202

    (inbound,) = stage.intake.stored
    assert isinstance(inbound.event, ContactReceived)
    assert inbound.event.contact.party == ANONYMOUS
    assert inbound.event.contact.subject == "Straatverlichting"


async def test_the_citizen_that_the_token_tells_of_is_the_customer(stage: Stage, mbp: Sender):
    claims = {"vo_doelgroepcode": "BUR", "rrn": "85073003328", "given_name": "An", "family_name": "Peeters"}
    mbp.token = stage.provider.access_token("mbp", SCOPE, HUB, **claims)

    await mbp.post(report(melder={"insz": "85.07.30-033.28"}))

    (inbound,) = stage.intake.stored
    assert isinstance(inbound.event, ContactReceived)
    assert inbound.event.contact.party.identifiers == (insz("85073003328"),)


@pytest.mark.parametrize("claims", [{}, {"vo_doelgroepcode": "BUR", "rrn": "17073003384"}])
async def test_a_national_number_that_the_token_does_not_prove_is_refused(
    stage: Stage, mbp: Sender, claims: dict[str, str]
):
    mbp.token = stage.provider.access_token("mbp", SCOPE, HUB, **claims)

    answer = await mbp.post(report(melder={"insz": "85073003328"}))

    assert (answer.status_code, answer.json()["type"]) == (403, "urn:wegwijzer:problem:identity-not-proven")
    assert "85073003328" not in answer.text
    assert stage.intake.stored == []


async def test_a_sender_that_vouches_for_its_visitors_is_believed(stage: Stage):
    mbp = sender_at(stage, stage.provider.access_token("mbp", SCOPE, HUB), vouches=True)

    await mbp.post(report(melder={"insz": "85073003328"}))

    (inbound,) = stage.intake.stored
    assert isinstance(inbound.event, ContactReceived)
    assert inbound.event.contact.party.identifiers == (insz("85073003328"),)


@pytest.mark.parametrize(("allowed", "status"), [(False, 422), (True, 202)])
async def test_magdas_test_numbers_pass_only_when_set(stage: Stage, *, allowed: bool, status: int):
    token = stage.provider.access_token("mbp", SCOPE, HUB)
    mbp = sender_at(stage, token, vouches=True, allow_test_numbers=allowed)

    assert (await mbp.post(report(melder={"insz": "87671799614"}))).status_code == status


async def test_the_same_report_again_gives_the_same_receipt(stage: Stage, mbp: Sender):
    first, second = await mbp.post(report()), await mbp.post(json.dumps(report(), indent=3).encode())

    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["receipt"] == second.json()["receipt"]
    assert len(stage.intake.stored) == 1


async def test_another_report_under_the_same_id_is_refused(stage: Stage, mbp: Sender):
    await mbp.post(report())

    answer = await mbp.post(report(omschrijving="Iets anders"))

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:wegwijzer:problem:conflict")


MISTAKES = [
    ({"categorie": "onbekend"}, "$.categorie"),
    ({"omschrijving": ""}, "$.omschrijving"),
    ({"omschrijving": None}, "$.omschrijving"),
    ({"id": "met spatie"}, "$.id"),
    ({"locatie": None}, "$.locatie"),
    ({"locatie": {"latitude": 50.0}}, "$.locatie"),
    ({"locatie": {"latitude": 91, "longitude": 4}}, "$.locatie.latitude"),
    ({"velden": {}}, "$.velden.gevaarlijk"),
    ({"velden": {"gevaarlijk": True, "ondergrond": "zand"}}, "$.velden.ondergrond"),
    ({"velden": {"gevaarlijk": True, "geheim": "x"}}, "$.velden"),
    ({"categorie": "straatverlichting", "velden": {"x": 1}}, "$.velden"),
    ({"categorie": "wildplassen", "velden": None, "fotos": []}, "$.fotos"),
    ({"insz": "85073003328"}, "$"),
    ({"fotos": [{"naam": "a", "inhoud": "geen base64!"}]}, "$.fotos[0].inhoud"),
    ({"fotos": [{"naam": "a.exe", "inhoud": "TVo="}]}, "$.fotos[0]"),
    ({"omschrijving": "nul \0"}, "$"),
]


@pytest.mark.parametrize(("changes", "path"), MISTAKES, ids=[str(one) for one in range(len(MISTAKES))])
async def test_what_does_not_fit_is_kept_and_the_place_is_named(
    stage: Stage, mbp: Sender, changes: dict[str, Any], path: str
):
    answer = await mbp.post(report(**changes))

    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.keys() == {"type", "title", "status", "detail", "instance", "errors", "id"}
    assert [one["path"] for one in problem["errors"]] == [path]
    assert problem["instance"] == "/in/mijn_burgerprofiel/meldingen"
    assert "85073003328" not in answer.text
    assert "zand" not in answer.text
    (kept,) = stage.intake.stored
    assert kept.problem is not None
    assert kept.raw


@pytest.mark.parametrize(
    "body", [b"", b"nee", b"[]", b'{"id": 1, "id": 2}', b"\xff", b"[" * 5000, b'{"a": NaN}']
)
async def test_what_is_no_json_object_is_refused_and_kept(stage: Stage, mbp: Sender, body: bytes):
    answer = await mbp.post(body)

    assert answer.status_code == 400
    assert answer.json()["type"] == "urn:wegwijzer:problem:malformed"
    assert len(stage.intake.stored) == 1


TOKENS = {
    "none": lambda acm, claims: "",
    "wrong audience": lambda acm, claims: acm.signed({**claims, "aud": "another"}, typ="at+jwt"),
    "wrong issuer": lambda acm, claims: acm.signed({**claims, "iss": "https://evil.example"}, typ="at+jwt"),
    "over": lambda acm, claims: acm.signed({**claims, "exp": claims["iat"] - 60}, typ="at+jwt"),
    "not yet": lambda acm, claims: acm.signed({**claims, "nbf": claims["iat"] + 600}, typ="at+jwt"),
    "an ID token": lambda acm, claims: acm.signed({**claims, "nonce": "n"}),
    "a token of another type": lambda acm, claims: acm.signed(claims, typ="logout+jwt"),
    "another key": lambda acm, claims: jwt.encode(
        {"alg": "RS256", "kid": str(acm.key.kid)}, claims, OTHER_KEY
    ),
    "too long": lambda acm, claims: "x" * 20_000,
    "nonsense": lambda acm, claims: "a.b.c",
}


@pytest.mark.parametrize("kind", TOKENS)
async def test_a_token_that_proves_nothing_opens_nothing(stage: Stage, mbp: Sender, kind: str):
    genuine = jwt.decode(mbp.token, stage.provider.key).claims
    mbp.token = TOKENS[kind](stage.provider, genuine)

    for answer in (await mbp.post(report()), await mbp.get("/meldingen/x"), await mbp.get("/categorieen")):
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:wegwijzer:problem:no-token"
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert stage.intake.stored == []


async def test_a_token_without_the_scope_is_refused(stage: Stage, mbp: Sender):
    mbp.token = stage.provider.access_token("mbp", "dv_mbp_incidents_read openid", HUB)

    answer = await mbp.post(report())

    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_another_system_is_refused_when_the_senders_are_named(stage: Stage):
    mbp = sender_at(stage, stage.provider.access_token("another", SCOPE, HUB), senders=["mbp"])

    assert (await mbp.post(report())).status_code == 403


@pytest.mark.parametrize("way", ["good", "over", "unknown", "for another"])
async def test_tokens_can_be_asked_about(stage: Stage, way: str):
    stage.provider.clients["hub"] = Registered(id="hub", secret="geheim")
    token = stage.provider.access_token("mbp", SCOPE, HUB)
    asked = {"checked_by": "introspection", "client_id": "hub", "client_secret": "geheim"}
    audience = "another" if way == "for another" else ""
    mbp = sender_at(
        stage,
        "opaque" if way == "unknown" else token,
        client_authentication="client_secret_post",
        audience=audience,
        **asked,
    )
    if way == "over":
        stage.clock.advance(timedelta(hours=2))

    assert (await mbp.post(report())).status_code == (202 if way == "good" else 401)
    assert "/op/v1/introspect" in stage.provider.asked


async def test_while_the_provider_is_away_the_sender_comes_back(stage: Stage):
    mbp = sender_at(stage, stage.provider.access_token("mbp", SCOPE, HUB), issuer="http://127.0.0.1:9/op")

    answer = await mbp.post(report())

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_while_nothing_can_be_stored_the_sender_comes_back(stage: Stage, mbp: Sender):
    stage.intake.failure = TransientError("the disk is full", retry_after=7)

    answer = await mbp.post(report())

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")


async def test_the_status_is_told_in_the_words_of_the_flemish_model(stage: Stage, mbp: Sender):
    settled(stage, "mijn_burgerprofiel/meldingen/mbp", "mbp-2026-000417", a_case())

    told = (await mbp.get("/meldingen/mbp-2026-000417")).json()

    assert told["dossiernummer"] == "LEU-2026-000123"
    assert told["status"] == {
        "statuswaarde": "https://data.vlaanderen.be/id/concept/MeldingStatuswaarde/496",
        "statusVlaamsCode": "DossierOnvolledig",
        "statusVlaamsFase": "Behandeling",
        "actieNodig": True,
    }


async def test_another_system_does_not_see_it(stage: Stage, mbp: Sender):
    settled(stage, "mijn_burgerprofiel/meldingen/mbp", "mbp-2026-000417", a_case())
    mbp.token = stage.provider.access_token("another", SCOPE, HUB)

    assert (await mbp.get("/meldingen/mbp-2026-000417")).status_code == 404


async def test_each_category_has_a_schema_that_says_what_is_taken(mbp: Sender):
    listed = (await mbp.get("/categorieen")).json()
    schema = (await mbp.get("/categorieen/voetpad")).json()

    assert [one["naam"] for one in listed] == ["voetpad", "straatverlichting", "wildplassen"]
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert list(validator.iter_errors(report())) == []
    for changes in (
        {"velden": {}},
        {"velden": {"gevaarlijk": True, "ondergrond": "zand"}},
        {"locatie": None},
    ):
        assert list(validator.iter_errors(report(**changes))), changes
    assert (await mbp.get("/categorieen/onbekend")).status_code == 404


async def test_a_report_that_is_too_large_is_not_read(stage: Stage):
    token = stage.provider.access_token("mbp", SCOPE, HUB)
    app = stage.portal(build, "mijn_burgerprofiel", {**settings(stage), "limits": {"max_body_bytes": 1000}})
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://contact.leuven.be")
    stage.visitors.append(client)

    answer = await Sender(client, token).post(report(omschrijving="x" * 2000))

    assert answer.status_code == 413
    assert stage.intake.stored == []
