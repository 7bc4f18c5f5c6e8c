"""Own cases, a new contact, a reply: what a customer can do, and what nobody else can."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from adapters.acmidm.draft import source_ref
from adapters.acmidm.persona import Capacity, Persona
from adapters.acmidm.transaction import TRANSACTION_STATUS, Phase
from adapters.acmidm.wording import read_texts
from adapters.mijn_burgerprofiel import build
from canonical_model.contact import Channel, Kind, Language
from canonical_model.events import ContactReceived
from canonical_model.identifiers import insz
from canonical_model.party import Party, PartyKind
from canonical_model.status import CaseStatus
from ports.errors import TransientError
from tests.adapters.acmidm.conftest import INSZ, NAME
from tests.adapters.acmidm.portal import ORIGIN, Stage, Visitor, a_case, named, pages, settled

REPORT = {
    "kind": "report",
    "category": "voetpad",
    "subject": "Losse  tegel",
    "message": "De tegel voor nr. 12 ligt los.\r\nIemand kan vallen.",
    "address": "Diestsesteenweg 12",
    "postcode": "3010",
    "email": "an@example.be",
    "phone": "016 12 34 56",
}
JPEG = b"\xff\xd8\xff\xe0" + b"een foto"
PERSONA = Persona(
    capacity=Capacity.CITIZEN,
    party=Party(kind=PartyKind.PERSON, name="An Peeters", identifiers=(insz(INSZ),)),
)


async def sent(visitor: Visitor, path: str = "/new", **changes: str) -> tuple[Mapping[str, str], int]:
    form = await visitor.form(path)
    answer = await visitor.post(path, {**form, **REPORT, **changes}, [("stoep.jpg", JPEG)])
    return form, answer.status_code


async def test_a_report_is_handed_over_with_who_the_token_says_it_is(stage: Stage, an: Visitor):
    await an.log_in("an")
    form = await an.form("/new")

    answer = await an.post("/new", {**form, **REPORT}, [("C:\\fotos\\stoep.jpg", JPEG)])

    (inbound,) = stage.intake.stored
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/in/{NAME}/sent/{form['id']}"
    assert (inbound.source, inbound.source_ref) == (f"{NAME}/pages", source_ref(PERSONA, form["id"]))
    assert isinstance(inbound.event, ContactReceived)
    contact = inbound.event.contact
    assert (contact.channel, contact.kind, contact.category) == (
        Channel.MIJN_BURGERPROFIEL,
        Kind.REPORT,
        "voetpad",
    )
    assert (contact.subject, contact.product) == ("Losse tegel", "1446")
    assert contact.text == "De tegel voor nr. 12 ligt los.\nIemand kan vallen."
    assert contact.party == Party(
        kind=PartyKind.PERSON,
        name="An Peeters",
        email="an@example.be",
        phone="016 12 34 56",
        identifiers=(insz(INSZ),),
    )
    assert [(one.name, one.media_type) for one in contact.attachments] == [("stoep.jpg", "image/jpeg")]
    assert contact.location.address == "Diestsesteenweg 12"
    assert INSZ not in inbound.source_ref


async def test_a_party_in_the_form_is_not_looked_at(stage: Stage, an: Visitor):
    await an.log_in("an")
    form = await an.form("/new")
    forged = {"insz": "17073003384", "party.identifiers": "17073003384", "kbo": "0403019261", "name": "Willy"}

    await an.post("/new", {**form, **REPORT, **forged})

    (inbound,) = stage.intake.stored
    assert isinstance(inbound.event, ContactReceived)
    assert inbound.event.contact.party.identifiers == (insz(INSZ),)
    assert inbound.event.contact.party.name == "An Peeters"


async def test_a_double_click_is_one_submission(stage: Stage, an: Visitor):
    await an.log_in("an")
    form = await an.form("/new")

    answers = [await an.post("/new", {**form, **REPORT}, [("stoep.jpg", JPEG)]) for _ in range(2)]

    assert [one.headers["location"] for one in answers] == [f"/in/{NAME}/sent/{form['id']}"] * 2
    assert len(stage.intake.stored) == 1


async def test_the_same_form_with_another_text_is_asked_about_and_not_lost(stage: Stage, an: Visitor):
    await an.log_in("an")
    form = await an.form("/new")
    await an.post("/new", {**form, **REPORT})

    changed = await an.post("/new", {**form, **REPORT, "message": "Toch iets anders."})

    assert changed.status_code == 409
    assert "al verstuurd" in changed.text
    assert "Toch iets anders." in changed.text
    assert form["id"] not in changed.text
    assert len(stage.intake.stored) == 1


async def test_the_receipt_names_the_case(stage: Stage, an: Visitor):
    await an.log_in("an")
    form, _ = await sent(an)
    settled(stage, f"{NAME}/pages", source_ref(PERSONA, form["id"]), a_case())

    page = await an.get(f"/sent/{form['id']}")

    assert "goed ontvangen" in page.text
    assert "LEU-2026-000123" in page.text


async def test_what_is_forgotten_is_asked_for_and_the_rest_stays(stage: Stage, an: Visitor):
    await an.log_in("an")
    form = await an.form("/new")

    answer = await an.post("/new", {**form, **REPORT, "subject": " ", "email": "geen adres", "kind": "x"})

    assert answer.status_code == 422
    assert "Vul dit in." in answer.text
    assert "Dit is geen e-mailadres." in answer.text
    assert 'aria-describedby="subject-wrong' in answer.text
    assert "Iemand kan vallen." in answer.text
    assert form["id"] in answer.text
    assert stage.intake.stored == []


@pytest.mark.parametrize(
    ("name", "content"), [("virus.exe", b"MZ"), ("pagina.html", b"<html>"), ("groot.jpg", JPEG * 3_000_000)]
)
async def test_files_that_we_do_not_take_are_refused_with_the_reason(
    stage: Stage, an: Visitor, name: str, content: bytes
):
    await an.log_in("an")
    form = await an.form("/new")

    answer = await an.post("/new", {**form, **REPORT}, [(name, content)])

    assert answer.status_code in (413, 422)
    assert "te groot" in answer.text
    assert stage.intake.stored == []


async def test_while_nothing_can_be_stored_the_page_says_so(stage: Stage, an: Visitor):
    await an.log_in("an")
    form = await an.form("/new")
    stage.intake.failure = TransientError("the disk is full", retry_after=7)

    answer = await an.post("/new", {**form, **REPORT})

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert "Even geduld" in answer.text


async def test_own_cases_stand_by_whose_turn_it_is(stage: Stage, an: Visitor):
    for number, status in enumerate(CaseStatus, start=1):
        stage.cases.add(a_case(f"LEU-2026-00000{number}", status=status), named("insz", INSZ))
    stage.cases.add(a_case("LEU-2026-000009", subject="Van Willy"), named("insz", "17073003384"))
    await an.log_in("an")

    page = (await an.get("/")).text

    assert "Van Willy" not in page
    waiting, open_, ended = (page.index(f'id="{part}"') for part in ("waiting", "open", "ended"))
    assert waiting < page.index("LEU-2026-000003") < open_ < page.index("LEU-2026-000002") < ended
    assert all(page.index(ref) > ended for ref in ("LEU-2026-000005", "LEU-2026-000006"))
    assert "<b>nr. 12</b>" not in page


async def test_a_case_shows_its_story_and_asks_for_a_reply(stage: Stage, an: Visitor):
    stage.cases.add(a_case(), named("insz", INSZ))
    await an.log_in("an")

    page = (await an.get("/cases/LEU-2026-000123")).text

    assert page.index("Wacht op uw antwoord") < page.index("Aan welke kant ligt de tegel?")
    assert page.index("Aan welke kant") < page.rindex("Ontvangen")
    assert "heeft iets van u nodig" in page
    assert "Behandeling" in page
    assert "17 december 2026" in page
    assert "<script>" not in page
    assert "wegen-oost" not in page, "which group it is with is the city's own affair"


async def test_a_reply_joins_its_case(stage: Stage, an: Visitor):
    stage.cases.add(a_case(), named("insz", INSZ))
    await an.log_in("an")
    form = await an.form("/cases/LEU-2026-000123")

    answer = await an.post(
        "/cases/LEU-2026-000123/reply", {**form, "message": "Aan de kant van de bakker."}, [("a.jpg", JPEG)]
    )

    (inbound,) = stage.intake.stored
    assert answer.status_code == 303
    assert isinstance(inbound.event, ContactReceived)
    contact = inbound.event.contact
    assert contact.thread.verified_case == "LEU-2026-000123"
    assert contact.text == "Aan de kant van de bakker."
    assert contact.party.identifiers == (insz(INSZ),)
    assert len(contact.attachments) == 1


@pytest.mark.parametrize("ref", ["LEU-2026-000009", "LEU-2026-999999", "LEU-2026-1", "..%2fnew"])
async def test_somebody_elses_case_does_not_exist(stage: Stage, an: Visitor, ref: str):
    stage.cases.add(a_case(), named("insz", INSZ))
    stage.cases.add(a_case("LEU-2026-000009"), named("insz", "17073003384"))
    await an.log_in("an")
    form = await an.form("/cases/LEU-2026-000123")

    looked = await an.get(f"/cases/{ref}")
    replied = await an.post(f"/cases/{ref}/reply", {**form, "message": "Laat eens zien."})

    assert {looked.status_code, replied.status_code} <= {404}
    assert "Losse stoeptegel" not in looked.text + replied.text
    assert stage.intake.stored == []


async def test_somebody_elses_receipt_does_not_exist(stage: Stage, an: Visitor):
    await an.log_in("an")
    settled(stage, f"{NAME}/pages", "another-form-of-somebody-0123456789abcdef", a_case())

    assert (await an.get("/sent/another-form-of-somebody")).status_code == 404


@pytest.mark.parametrize("path", ["/new", "/cases/LEU-2026-000123", "/sent/x"])
async def test_without_log_in_there_is_nothing_to_see(stage: Stage, an: Visitor, path: str):
    stage.cases.add(a_case(), named("insz", INSZ))

    answer = await an.get(path)

    assert answer.status_code == 401
    assert "Meld u aan" in answer.text
    assert "stoeptegel" not in answer.text


POSTS = ["/new", "/logout", "/cases/LEU-2026-000123/reply", "/language"]


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://contact.leuven.test.evil.example", "Sec-Fetch-Site": "same-site"},
    ],
)
async def test_forms_of_other_sites_are_refused(
    stage: Stage, an: Visitor, path: str, headers: dict[str, str]
):
    stage.cases.add(a_case(), named("insz", INSZ))
    await an.log_in("an")
    form = await an.form("/new")

    answer = await an.post(path, {**form, **REPORT, "language": "en"}, **headers)

    assert answer.status_code == 403
    assert stage.intake.stored == []
    assert "Uw dossiers" in (await an.get("/")).text


@pytest.mark.parametrize("path", ["/new", "/logout", "/cases/LEU-2026-000123/reply"])
@pytest.mark.parametrize("csrf", ["", "a guess"])
async def test_forms_without_the_sessions_token_are_refused(stage: Stage, an: Visitor, path: str, csrf: str):
    stage.cases.add(a_case(), named("insz", INSZ))
    await an.log_in("an")
    form = await an.form("/new")

    answer = await an.post(path, {**form, **REPORT, "csrf": csrf})

    assert answer.status_code == 403
    assert stage.intake.stored == []


async def test_every_answer_is_guarded(stage: Stage, an: Visitor):
    await an.log_in("an")
    for path in ("/", "/new", "/login", "/callback", "/logged-out", "/cases/LEU-2026-000123", "/sent/x"):
        headers = (await an.get(path)).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' ")
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["strict-transport-security"].startswith("max-age=")


async def test_pages_come_in_english_when_asked(an: Visitor):
    await an.log_in("an")
    answer = await an.post("/language", {"language": "en", "next": "/new"})

    assert answer.headers["location"] == f"/in/{NAME}/new"
    page = (await an.get("/new")).text
    assert '<html lang="en">' in page
    assert "New question or report" in page
    assert "Pavement" in page


async def test_the_language_of_the_pages_is_the_language_to_answer_in(stage: Stage, an: Visitor):
    await an.log_in("an")
    await an.post("/language", {"language": "en", "next": "/new"})
    await sent(an)

    (inbound,) = stage.intake.stored
    assert isinstance(inbound.event, ContactReceived)
    assert inbound.event.contact.language is Language.EN


async def test_a_company_and_the_person_who_acts_for_it(stage: Stage):
    """Which persona gives which party is in test_persona.py; here: the pages show both."""
    from adapters.eloket import build as build_eloket

    stage.provider.clients["6776"] = stage.provider.clients["6776"].__class__(
        id="6776", secret="s3cret", redirect_uris=(f"{ORIGIN}/in/eloket/callback",)
    )
    app = stage.portal(build_eloket, "eloket", {"pages": pages(stage.provider)})
    willy = stage.visitor(app, "eloket")
    stage.cases.add(a_case(), named("kbo", "0403019261"))

    assert (await willy.log_in("willy")).status_code == 303
    page = (await willy.get("/")).text
    assert all(
        text in page for text in ("Bakkerij De Korenbloem", "0403019261", "Willy Claes", "LEU-2026-000123")
    )
    assert 'value="willy@korenbloem.example"' in (await willy.get("/new")).text


def test_both_catalogues_have_the_same_texts_with_the_same_blanks():
    dutch, english = read_texts("nl"), read_texts("en")

    assert dutch.keys() == english.keys()
    assert {key for key in dutch if dutch[key].count("{") != english[key].count("{")} == set()


def test_every_status_has_a_phase_and_a_text():
    texts = read_texts("nl")

    assert TRANSACTION_STATUS.keys() == set(CaseStatus)
    assert all(f"status.{one.code}" in texts for one in TRANSACTION_STATUS.values())
    assert all(f"phase.{phase}" in texts for phase in Phase)
    assert [one for one in TRANSACTION_STATUS if TRANSACTION_STATUS[one].action_needed] == [
        CaseStatus.WAITING_FOR_CUSTOMER
    ]


@pytest.mark.parametrize("path", ["/new", "/cases/LEU-2026-000123/reply"])
async def test_who_was_logged_out_while_typing_gets_the_text_back(stage: Stage, an: Visitor, path: str):
    stage.cases.add(a_case(), named("insz", INSZ))
    await an.log_in("an")
    form = await an.form("/new")
    stage.clock.advance(timedelta(minutes=21))

    answer = await an.post(path, {**form, **REPORT})

    assert answer.status_code == 401
    assert "Iemand kan vallen." in answer.text
    assert "nog niet verstuurd" in answer.text
    assert stage.intake.stored == []


async def test_two_portals_do_not_share_a_session(stage: Stage, an: Visitor):
    await an.log_in("an")
    other = stage.portal(build, "elders", {"pages": pages(stage.provider)})
    visitor = stage.visitor(other, "elders")
    visitor.client.cookies.update(
        {name.replace(NAME, "elders"): value for name, value in an.client.cookies.items()}
    )

    assert (await visitor.get("/new")).status_code == 401


async def test_the_session_ends_when_it_is_not_used_and_at_the_latest_after_its_longest(
    stage: Stage, an: Visitor
):
    await an.log_in("an")
    for _ in range(8 * 4 - 1):
        stage.clock.advance(timedelta(minutes=15))
        assert (await an.get("/new")).status_code == 200
    stage.clock.advance(timedelta(minutes=15))
    assert (await an.get("/new")).status_code == 401

    await an.log_in("an")
    stage.clock.advance(timedelta(minutes=21))
    assert (await an.get("/new")).status_code == 401
