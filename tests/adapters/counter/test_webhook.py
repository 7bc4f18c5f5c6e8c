"""What the page owes its clerks: nothing lost, nothing doubled, nothing shown that must not be."""

import asyncio
import json
import uuid

import pytest

from canonical_model.contact import Channel, Kind, Language
from canonical_model.party import PartyKind
from ports.errors import TransientError
from tests.adapters.counter.conftest import FIXTURES, TOKEN
from tests.simulators.desk import CSRF

INSZ = "85.07.30-033.28"
JSON = {"accept": "application/json"}


async def test_who_is_not_logged_in_is_sent_to_the_log_in_page(client, staff):
    staff.log_out()

    answer = await client.get("/")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fin%2Fcounter%2F"


async def test_an_employee_without_a_role_may_not_register(client, staff, intake, form):
    staff.log_in("auditor")

    assert (await client.get("/")).status_code == 403
    assert (await client.post("/", data=form())).status_code == 403
    assert not intake.stored


@pytest.mark.parametrize("role", ["kcc_viewer", "kcc_dispatcher", "administrator"])
async def test_the_contact_centre_and_administrators_may_register(client, staff, intake, form, role):
    staff.log_in(role)

    assert (await client.post("/", data=form())).status_code == 303
    assert len(intake.stored) == 1


@pytest.mark.parametrize("token", ["", "another"])
async def test_a_form_without_the_sessions_token_is_shown_again_with_what_was_typed(
    client, intake, form, token
):
    answer = await client.post("/", data=form(csrf=token))

    assert answer.status_code == 403
    assert "Mevrouw wil haar rijbewijs verlengen." in answer.text
    assert f'name="csrf" value="{CSRF}"' in answer.text
    assert not intake.stored


async def test_who_was_logged_out_while_typing_keeps_the_text(client, staff, intake, form):
    staff.log_out()

    answer = await client.post("/", data=form(insz=INSZ))

    assert answer.status_code == 401
    assert "Mevrouw wil haar rijbewijs verlengen." in answer.text
    assert INSZ not in answer.text
    assert CSRF not in answer.text
    assert not intake.stored


async def test_a_registration_becomes_a_contact_with_everything_in_it(client, intake, clock, form):
    fields = form(
        kind="complaint",
        product="identiteitskaart",
        name="An van Dijck",
        email="an@voorbeeld.example",
        phone="0470 11 22 33",
        insz=INSZ,
        address="Bondgenotenlaan 1",
        postcode="3000",
        language="fr",
        answered="1",
        answer="Uitgelegd.",
    )

    await client.post("/", data=fields)

    (inbound,) = intake.stored
    contact = inbound.event.contact
    assert (inbound.source, inbound.source_ref) == ("counter/desk", fields["id"])
    assert (contact.channel, contact.kind, contact.product) == (Channel.COUNTER, Kind.COMPLAINT, "5678")
    assert (contact.subject, contact.text) == (fields["subject"], fields["text"])
    assert (contact.party.kind, contact.party.name) == (PartyKind.PERSON, "An van Dijck")
    assert [one.value for one in contact.party.identifiers] == ["85073003328"]
    assert (contact.location.address, contact.location.postcode) == ("Bondgenotenlaan 1", "3000")
    assert contact.language is Language.FR
    assert (contact.answered, contact.answer) == (True, "Uitgelegd.")
    assert contact.occurred_at == clock.now()
    assert json.loads(inbound.raw)["clerk"] == "els"


async def test_what_the_clerk_leaves_open_comes_from_the_product(client, intake, form):
    await client.post("/", data=form(product="1234", kind=""))

    contact = intake.stored[0].event.contact
    assert (contact.kind, contact.category) == (Kind.QUESTION, "burgerzaken")


async def test_a_double_click_gives_one_registration_and_the_same_receipt(client, intake, form):
    fields = form()

    answers = await asyncio.gather(*[client.post("/", data=fields, headers=JSON) for _ in range(5)])

    assert len(intake.stored) == 1
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]


async def test_the_same_form_with_other_content_is_refused_and_shown_as_a_new_one(client, intake, form):
    fields = form()
    await client.post("/", data=fields)

    answer = await client.post("/", data={**fields, "text": "Iets anders."})

    assert answer.status_code == 409
    assert "Iets anders." in answer.text
    assert fields["id"] not in answer.text
    assert len(intake.stored) == 1


async def test_a_hub_that_cannot_store_says_so_and_keeps_the_form(client, intake, form):
    intake.failure = TransientError("the disk is full")
    fields = form()

    answer = await client.post("/", data=fields)

    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert fields["id"] in answer.text
    assert "Mevrouw wil haar rijbewijs verlengen." in answer.text


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("subject", " "),
        ("text", "\r\n"),
        ("kind", "smalltalk"),
        ("product", "Zwembad"),
        ("email", "an@voorbeeld"),
        ("phone", "morgen"),
        ("insz", "85.07.30-033.29"),
        ("branch", "99"),
        ("answer", "Een antwoord zonder vinkje"),
        ("name", "x" * 301),
        ("id", "1"),
    ],
)
async def test_every_mistake_is_named_at_its_field_and_nothing_is_stored(client, intake, form, field, text):
    fields = form(**{field: text})

    page = await client.post("/", data=fields)
    api = await client.post("/", data=fields, headers=JSON)

    assert page.status_code == api.status_code == 422
    assert api.json() == {"errors": [field]}
    assert f'href="#{field}"' in page.text
    assert not intake.stored


async def test_a_national_number_is_never_shown_again(client, form):
    for wrong in (INSZ, "85.07.30-033.29"):
        answer = await client.post("/", data=form(insz=wrong, subject=""))

        assert answer.status_code == 422
        assert wrong not in answer.text


async def test_what_was_typed_is_shown_as_text_and_never_as_markup(client, form):
    answer = await client.post("/", data=form(subject="", text="</textarea><script>alert(1)</script>"))

    assert "<script>alert(1)" not in answer.text


async def test_a_registration_that_was_kept_offline_counts_from_when_it_was_made(client, intake, clock, form):
    made = clock.now().replace(hour=7)
    await client.post("/", data=form(at=made.isoformat()))
    await client.post("/", data=form(at="2099-01-01T00:00:00Z"))
    await client.post("/", data=form(at="gisteren"))

    assert [one.event.contact.occurred_at for one in intake.stored] == [made, clock.now(), clock.now()]


async def test_too_large_a_form_is_refused_before_it_is_read(client, intake, form):
    answer = await client.post("/", data=form(text="x" * 300_000))

    assert answer.status_code == 413
    assert not intake.stored


async def test_a_form_with_hundreds_of_fields_is_none_of_ours(client, intake):
    answer = await client.post("/", data={f"field{number}": "x" for number in range(200)})

    assert answer.status_code == 403
    assert not intake.stored


async def test_a_journal_that_is_away_is_told_as_such(client, cases, monkeypatch):
    async def away(source, source_ref):
        raise TransientError("the journal is away")

    monkeypatch.setattr(cases, "outcome", away)

    answer = await client.get("/", params={"done": str(uuid.uuid4())})

    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_the_page_has_a_strict_policy_and_is_not_kept(client):
    answer = await client.get("/")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


async def test_the_page_that_browsers_keep_names_nobody(client):
    answer = await client.get("/offline")

    assert answer.status_code == 200
    assert (
        "els"
        not in answer.text.replace("Wegwijzer", "").split("<datalist")[0].split("<header")[1].split("<h1")[0]
    )
    assert CSRF not in answer.text


async def test_the_script_learns_who_is_logged_in_and_nobody_else_does(client, staff):
    assert (await client.get("/session")).json() == {"name": "els", "csrf": CSRF}

    staff.log_out()

    assert (await client.get("/session")).status_code == 401
    assert (await client.get("/offline")).status_code == 401


async def test_only_the_pages_own_files_are_given_out(client):
    assert (await client.get("/sw.js")).headers["content-type"].startswith("text/javascript")
    assert (await client.get("/static/counter.css")).status_code == 200
    assert (await client.get("/static/settings.py")).status_code == 404
    assert (await client.get("/static/..%2fsettings.py")).status_code == 404


async def test_an_appointment_fills_the_form_in_without_the_national_number(client, jcc):
    answer = await client.post("/appointment", data={"csrf": CSRF, "code": "5f0c-afspraak"})

    assert 'value="An van Dijck"' in answer.text
    assert 'value="an@voorbeeld.example"' in answer.text
    assert 'value="0470 11 22 33"' in answer.text
    assert 'name="product" type="text" value="1234"' in answer.text
    assert 'name="appointment" value="5f0c-afspraak"' in answer.text
    assert "85073003328" not in answer.text
    assert jcc.languages == ["nl"]


@pytest.mark.parametrize(
    ("day", "told"),
    [("failure", "geen afspraak"), ("not found", "geen afspraak"), ("html", "niet te raadplegen")],
)
async def test_a_clerk_can_go_on_when_appointments_cannot_be_looked_up(client, jcc, day, told):
    jcc.day = day

    answer = await client.post("/appointment", data={"csrf": CSRF, "code": "5f0c-afspraak"})

    assert answer.status_code == 200
    assert told in answer.text
    assert 'id="register"' in answer.text


async def test_a_look_at_an_appointment_is_written_down_or_does_not_happen(client, looks):
    form = {"csrf": CSRF, "code": "5f0c-afspraak"}
    await client.post("/appointment", data=form)
    await client.post("/appointment", data={**form, "code": "An van Dijck"})
    assert looks.noted == [("els", "appointment 5f0c-afspraak", "counter-appointment")]

    looks.failure = TransientError("the journal is away")
    answer = await client.post("/appointment", data=form)

    assert "an@voorbeeld.example" not in answer.text
    assert "niet te raadplegen" in answer.text


async def test_an_appointment_is_looked_up_for_employees_only(client, staff):
    assert (await client.post("/appointment", data={"csrf": "x", "code": "1"})).status_code == 403
    staff.log_out()
    assert (await client.post("/appointment", data={"csrf": CSRF, "code": "1"})).status_code == 401


async def test_a_callback_needs_its_path_and_an_address_that_is_allowed(hub, client, source, checkpoints):
    import httpx

    body = (FIXTURES / "visit_end.json").read_bytes()
    elsewhere = httpx.ASGITransport(hub, client=("10.9.9.9", 1))
    async with httpx.AsyncClient(transport=elsewhere, base_url=client.base_url) as stranger:
        assert (await stranger.post(f"/queue/{TOKEN}", content=body)).status_code == 404
    assert (await client.post("/queue/another-token-of-enough-characters", content=body)).status_code == 404
    assert not checkpoints.kept

    assert (await client.post(f"/queue/{TOKEN}", content=body)).status_code == 204
    assert list(checkpoints.kept)
    await source.poll()
    assert list(checkpoints.room()["seen"]) == ["1/4711"]


async def test_a_callback_is_kept_before_it_is_answered(client, checkpoints):
    checkpoints.failure = TransientError("the journal is away")

    answer = await client.post(f"/queue/{TOKEN}", content=(FIXTURES / "visit_end.json").read_bytes())

    assert answer.status_code == 503


async def test_events_of_no_meaning_to_us_are_answered_and_forgotten(client, checkpoints):
    event = {"eventName": "USER_SESSION_START", "eventTime": "2026-11-23T10:00:00", "parameters": {}}

    assert (await client.post(f"/queue/{TOKEN}", json=event)).status_code == 204
    assert not checkpoints.kept


async def test_the_receipt_names_the_case(client, cases, form):
    from ports.cases import Outcome

    id_ = str(uuid.uuid4())
    done = Outcome(message_id="m", state="done", reason="", received_at=None)
    cases.settle("counter/desk", id_, done)

    assert "Geregistreerd." in (await client.get("/", params={"done": id_})).text
    assert "Geregistreerd." not in (await client.get("/", params={"done": "verzonnen"})).text
