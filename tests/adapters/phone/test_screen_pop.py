"""Who is calling: open cases only, masked, every look written down before it is shown."""

from datetime import UTC, datetime

import pytest

from canonical_model.case import CaseRef
from canonical_model.contact import Channel, Kind, Language
from canonical_model.decision import Reference
from canonical_model.status import CaseStatus
from ports.cases import CaseSummary, CaseView
from ports.errors import TransientError
from tests.adapters.phone.conftest import POP_TOKEN, TOKEN

NUMBER = "+32470123456"
SECRET_SUBJECT = "Echtscheiding van An Peeters"


def summary(number, status=CaseStatus.NEW):
    return CaseSummary(
        ref=CaseRef(f"LEU-2026-{number:06d}"),
        kind=Kind.REPORT,
        channel=Channel.WEB_FORM,
        group="reiniging",
        status=status,
        category="zwerfvuil",
        area="",
        origin="website/form",
        origin_ref=str(number),
        opened_at=datetime(2026, 11, number, 9, tzinfo=UTC),
        changed_at=datetime(2026, 11, number, 9, tzinfo=UTC),
        due=datetime(2026, 12, number, 16, tzinfo=UTC),
        subject=SECRET_SUBJECT,
    )


@pytest.fixture
def known(cases):
    def add(*numbers, status=CaseStatus.NEW):
        for number in numbers:
            names = [Reference(system="phone", value=NUMBER, exclusive=False)]
            cases.add(CaseView(summary=summary(number, status), language=Language.NL), names)

    add(1, 2)
    add(3, status=CaseStatus.CLOSED)
    return add


@pytest.fixture
def pop(client):
    async def ask(number, token=POP_TOKEN):
        return await client.post(
            "http://hub.test/screen-pop",
            json={"number": number},
            headers={"Authorization": f"Bearer {token}"},
        )

    return ask


async def test_the_open_cases_of_a_caller_newest_first_and_masked(known, pop):
    answer = await pop("0470/12.34.56")

    assert answer.status_code == 200
    assert [case["ref"] for case in answer.json()["cases"]] == ["LEU-2026-000002", "LEU-2026-000001"]
    assert answer.json()["cases"][0] == {
        "ref": "LEU-2026-000002",
        "page": "/cases/LEU-2026-000002",
        "kind": "report",
        "category": "zwerfvuil",
        "status": "new",
        "group": "reiniging",
        "channel": "web_form",
        "opened_at": "2026-11-02T09:00:00Z",
        "due": "2026-12-02T16:00:00Z",
    }
    assert not [word for word in (SECRET_SUBJECT, "470123456") if word in answer.text]
    assert answer.headers["cache-control"] == "no-store"


async def test_every_look_is_a_line_for_each_case(known, pop, looks):
    await pop(NUMBER)

    assert sorted(looks.noted) == [
        ("phone/softphone", "LEU-2026-000001", "screen-pop"),
        ("phone/softphone", "LEU-2026-000002", "screen-pop"),
    ]


async def test_a_look_that_found_nothing_is_written_down_too_without_the_number(pop, looks):
    assert (await pop("016 27 20 99")).json()["cases"] == []
    assert looks.noted == [("phone/softphone", "+32 *** 99: -", "screen-pop")]


async def test_what_cannot_be_written_down_is_not_shown(known, pop, looks):
    looks.failure = TransientError("the journal is away")

    answer = await pop(NUMBER)

    assert answer.status_code == 503
    assert "LEU-2026" not in answer.text


async def test_more_cases_than_somebody_can_read_are_cut_and_said_so(known, pop):
    known(*range(4, 16))

    answer = await pop(NUMBER)

    assert (len(answer.json()["cases"]), answer.json()["more"]) == (10, True)


@pytest.mark.parametrize("token", ["", TOKEN, "wrong"])
async def test_only_the_employees_software_may_ask(token, known, pop, looks):
    answer = await pop(NUMBER, token)

    assert answer.status_code == 401
    assert not looks.noted


@pytest.mark.parametrize(("number", "status"), [("2001", 422), ("anonymous", 422), ("", 422)])
async def test_what_is_no_number_is_said(number, status, pop):
    assert (await pop(number)).status_code == status


async def test_what_is_no_json_is_said(client):
    headers = {"Authorization": f"Bearer {POP_TOKEN}"}

    assert (await client.post("/screen-pop", content=b"{", headers=headers)).status_code == 400


async def test_the_page_sends_a_stranger_to_log_in_and_back(client, looks):
    answer = await client.get("/caller", params={"number": NUMBER})

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=/caller%3Fnumber%3D")
    assert not looks.noted


async def test_the_page_is_for_the_contact_centre_only(client, staff, known, looks):
    staff.log_in("auditor")

    answer = await client.get("/caller", params={"number": NUMBER})

    assert answer.status_code == 403
    assert "contactcentrum" in answer.text
    assert "LEU-2026" not in answer.text
    assert not looks.noted


@pytest.mark.parametrize(
    ("language", "words"), [("nl", ["Wie belt er?", "Melding"]), ("en", ["Who is calling?", "Report"])]
)
async def test_the_page_shows_the_cases_in_the_employees_language(
    language, words, client, staff, known, looks
):
    staff.log_in("kcc_viewer", language=language)

    answer = await client.get("/caller", params={"number": "0470 12 34 56"})

    assert answer.status_code == 200
    assert all(word in answer.text for word in [*words, f'<html lang="{language}">', "LEU-2026-000002"])
    assert SECRET_SUBJECT not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert {actor for actor, _, _ in looks.noted} == {"els"}


async def test_the_page_without_a_number_asks_for_one_and_notes_nothing(client, staff, looks):
    staff.log_in("kcc_viewer")

    answer = await client.get("/caller")

    assert answer.status_code == 200
    assert 'name="number"' in answer.text
    assert not looks.noted


async def test_the_page_says_that_an_extension_is_no_number(client, staff, looks):
    staff.log_in("kcc_viewer")

    answer = await client.get("/caller", params={"number": "<script>2001"})

    assert "geen openbaar telefoonnummer" in answer.text
    assert "<script>2001" not in answer.text
    assert not looks.noted
