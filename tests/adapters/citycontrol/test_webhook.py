"""What CityControl tells is stored first and confirmed then; what we do not have is refused, and may come again."""

import base64
import re

import httpx
import pytest

from adapters.citycontrol.ledger import Ledger
from adapters.citycontrol.translate import document_id
from canonical_model.work_order import OrderState
from demo.outside.citycontrol import (
    DOCUMENT_ACTION,
    OUR_PASSWORD,
    OUR_USERNAME,
    STATUS_ACTION,
    Case,
    document_message,
    status_message,
)
from ports.contracts.crew import AFTER
from ports.errors import NotSupportedError, NotUnderstoodError, TransientError

AUTH = (OUR_USERNAME, OUR_PASSWORD)


@pytest.fixture
async def door(door_with):
    async with door_with() as client:
        yield client


def a_status(**changes):
    case = Case("LEU-2026-000123.01", "t", "", "", "", status="Gepland", status_at="20260302080000")
    for name, value in changes.items():
        setattr(case, name, value)
    return status_message(case)


async def post(door, body, *, action=f'"{STATUS_ACTION}"', auth=AUTH, **headers):
    if action is not None:
        headers["SOAPAction"] = action
    return await door.post("/soap", content=body, auth=auth, headers=headers)


def code(answer):
    """The one berichtcode of an answer."""
    (found,) = re.findall(r"berichtcode>(\w+)<", answer.text)
    return found


def a_photo(content, document="CTC-D1", order="LEU-2026-000123.01"):
    case = Case(order, "t", "", "", "")
    case.documents[document] = ("image/jpeg", content)
    return document_message(case, document)


@pytest.mark.parametrize("action", [DOCUMENT_ACTION, DOCUMENT_ACTION.replace("Voeg", "voeg")])
async def test_a_photo_of_the_work_is_stored_once_and_confirmed(door, intake, action):
    for _ in range(2):
        answer = await post(door, a_photo(AFTER), action=action)
        assert (answer.status_code, code(answer)) == (200, "Bv03")

    (stored,) = intake.stored
    (file,) = stored.files
    assert (file.content, file.attachment.name, file.attachment.media_type) == (AFTER, "na.jpg", "image/jpeg")
    assert (stored.event.case, stored.event.trip) == ("LEU-2026-000123", 1)


async def test_a_photo_that_we_sent_ourselves_is_no_news(door, intake):
    answer = await post(door, a_photo(AFTER, document_id("LEU-2026-000123.01", 2)), action=DOCUMENT_ACTION)

    assert (answer.status_code, code(answer)) == (200, "Bv03")
    assert intake.stored == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (a_photo(b"MZ\x90 a program"), "MZ"),
        (a_photo(b""), "inhoud"),
        (
            a_photo(AFTER).replace(b"<inhoud", b"<inhoud>%%</inhoud><x").replace(b"</inhoud>\n", b"</x>\n"),
            "base64",
        ),
        (a_photo(AFTER).replace(b"isRelevantVoor", b"isVan"), "isRelevantVoor"),
    ],
    ids=["program", "empty", "no base64", "of no case"],
)
async def test_a_photo_that_cannot_be_taken_is_kept_for_people_and_refused(door, intake, body, why):
    answer = await post(door, body, action=DOCUMENT_ACTION)

    assert (answer.status_code, code(answer)) == (500, "Fo03")
    (stored,) = intake.stored
    assert isinstance(stored.problem, NotUnderstoodError)
    assert why in stored.problem.what or why == "MZ"


async def test_a_status_is_stored_and_confirmed(door, intake, fixture_bytes):
    body = fixture_bytes("actualiseerZaakstatus_Lk01.xml")

    answer = await post(door, body)

    assert (answer.status_code, code(answer)) == (200, "Bv03")
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    assert "<StUF:referentienummer>LEU-2026-000123.01<" in answer.text
    assert "<StUF:tijdstipBericht>20260302103000<" in answer.text
    (stored,) = intake.stored
    assert (stored.source, stored.raw, stored.event.state) == ("wegen", body, OrderState.DONE)
    assert stored.source_ref == f"LEU-2026-000123.01/{stored.event.update}"


@pytest.mark.parametrize("action", [STATUS_ACTION, f'"{STATUS_ACTION}"', f" '{STATUS_ACTION}' "])
async def test_the_action_may_have_quotes_or_not(door, action):
    assert code(await post(door, a_status(), action=action)) == "Bv03"


async def test_the_same_again_is_confirmed_again_and_stored_once(door, intake):
    case = Case("LEU-2026-000123.01", "t", "", "", "", status="Gepland", status_at="20260302080000")
    first, other_envelope = status_message(case, reference="1"), status_message(case, reference="2")

    answers = [code(await post(door, body)) for body in (first, first, other_envelope)]

    assert answers == ["Bv03"] * 3
    assert len(intake.stored) == 1


async def test_what_comes_out_of_order_keeps_its_own_time(door, intake):
    await post(door, a_status(status="Afgehandeld", result="Uitgevoerd", status_at="20260302090000"))
    await post(door, a_status(status="Gepland", status_at="20260302080000"))

    done, planned = (stored.event for stored in intake.stored)
    assert (done.state, planned.state) == (OrderState.DONE, OrderState.PLANNED)
    assert planned.at < done.at


@pytest.mark.parametrize(
    "identification", ["LEU-2026-999999.07", "LEU-2025-000001.01", "SIA-123.01", "zomaar"]
)
async def test_a_case_that_is_not_out_is_stored_and_confirmed_too(door, intake, identification):
    answer = await post(door, a_status(identification=identification))

    assert code(answer) == "Bv03"
    assert intake.stored[0].event.outside_id == identification


async def test_the_trip_that_is_mentioned_is_remembered(door, tools):
    await post(door, a_status(identification="LEU-2026-000123.07"))
    await post(door, a_status(identification="LEU-2026-000123.02"))

    assert await tools.checkpoints.load("heard/LEU-2026-000123") == "7"


async def test_what_could_not_be_stored_is_refused_and_comes_in_later(door, intake):
    intake.failure = TransientError("the disk is full")
    refused = await post(door, a_status())
    intake.failure = None
    accepted = await post(door, a_status())

    assert (refused.status_code, code(refused), code(accepted)) == (500, "Fo03", "Bv03")
    assert "<StUF:plek>server<" in refused.text
    assert len(intake.stored) == 1


async def test_a_trip_that_could_not_be_remembered_is_refused_too(door, tools, intake, monkeypatch):
    async def full(_self, _case, _trip):
        raise TransientError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "heard_of", full)
        refused = await post(door, a_status())
    accepted = await post(door, a_status())

    assert (code(refused), code(accepted)) == ("Fo03", "Bv03")
    assert len(intake.stored) == 1


@pytest.mark.parametrize(
    ("body", "action", "problem"),
    [
        (b"geen XML", STATUS_ACTION, NotUnderstoodError),
        (b"", STATUS_ACTION, NotUnderstoodError),
        (b"<a/>", STATUS_ACTION, NotUnderstoodError),
        (a_status()[:-100], STATUS_ACTION, NotUnderstoodError),
        (a_status(status="Wacht op Jan Peeters"), STATUS_ACTION, NotUnderstoodError),
        (a_status(status_at="gisteren"), STATUS_ACTION, NotUnderstoodError),
        (a_status(), None, NotUnderstoodError),
        (a_status(), '"http://elders/iets"', NotSupportedError),
        (
            b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>',
            STATUS_ACTION,
            NotUnderstoodError,
        ),
    ],
    ids=range(9),
)
async def test_what_is_not_understood_is_kept_and_refused(door, intake, body, action, problem):
    first, second = await post(door, body, action=action), await post(door, body, action=action)

    assert (first.status_code, code(first), code(second)) == (500, "Fo03", "Fo03")
    assert "<StUF:plek>client<" in first.text
    assert "Peeters" not in first.text
    (stored,) = intake.stored
    assert isinstance(stored.problem, problem)
    assert stored.event is None


async def test_a_word_that_is_explained_later_gets_in_at_the_next_try(door_with, door, intake):
    await post(door, a_status(status="Wacht op materiaal"))
    async with door_with(statuses={"wacht op materiaal": "planned"}) as mended:
        answer = await post(mended, a_status(status="Wacht op materiaal"))

    assert code(answer) == "Bv03"
    assert intake.stored[-1].event.state is OrderState.PLANNED


async def test_a_text_of_more_than_ten_megabytes_is_read(door, intake):
    answer = await post(door, a_status(remark="x" * 11_000_000))

    assert code(answer) == "Bv03"
    assert len(intake.stored[0].event.text) == 10_000


async def test_too_much_is_refused_without_being_read(door, intake):
    answer = await post(door, b"x" * 15_000_001)

    assert (answer.status_code, code(answer), intake.stored) == (413, "Fo03", [])


@pytest.mark.parametrize(
    "auth",
    [None, (OUR_USERNAME, "iets-anders"), ("iemand", OUR_PASSWORD), (OUR_USERNAME, ""), ("", "")],
    ids=range(5),
)
async def test_who_cannot_prove_who_it_is_gets_nothing(door, intake, auth):
    answer = await post(door, a_status(), auth=auth)

    assert (answer.status_code, answer.text) == (401, "")
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert intake.stored == []


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ???", "Bearer abc", "Basic " + base64.b64encode(b"\xff\xfe").decode()]
)
async def test_an_odd_proof_is_none(door, header):
    assert (await post(door, a_status(), auth=None, Authorization=header)).status_code == 401


async def test_two_passwords_are_accepted_while_one_is_replaced(door_with):
    passwords = [OUR_PASSWORD, "het-nieuwe-wachtwoord"]
    async with door_with(caller={"username": OUR_USERNAME, "passwords": passwords}) as door:
        statuses = [
            (await post(door, a_status(), auth=(OUR_USERNAME, password))).status_code
            for password in passwords
        ]

    assert statuses == [200, 200]


CERTIFICATE = {"certificate_header": "X-Client-Fingerprint", "certificates": ["ab:cd", "12:34"]}


@pytest.mark.parametrize(
    ("told", "status"), [("ab:cd", 200), ("12:34", 200), ("ff:ff", 401), ("", 401), (None, 401)]
)
async def test_a_certificate_is_told_by_the_proxy_that_looked_at_it(door_with, told, status):
    headers = {} if told is None else {"X-Client-Fingerprint": told}
    async with door_with(caller=CERTIFICATE) as door:
        answer = await post(door, a_status(), auth=None, **headers)

    assert answer.status_code == status


async def test_a_certificate_that_is_told_twice_is_none(door_with):
    headers = [
        ("X-Client-Fingerprint", "ff:ff"),
        ("X-Client-Fingerprint", "ab:cd"),
        ("SOAPAction", STATUS_ACTION),
    ]
    async with door_with(caller=CERTIFICATE) as door:
        answer = await door.post("/soap", content=a_status(), headers=httpx.Headers(headers))

    assert answer.status_code == 401


async def test_where_both_are_asked_both_must_be_right(door_with):
    both = {**CERTIFICATE, "username": OUR_USERNAME, "passwords": [OUR_PASSWORD]}
    async with door_with(caller=both) as door:
        password_only = await post(door, a_status())
        certificate_only = await post(door, a_status(), auth=None, **{"X-Client-Fingerprint": "ab:cd"})
        complete = await post(door, a_status(), **{"X-Client-Fingerprint": "ab:cd"})

    assert [answer.status_code for answer in (password_only, certificate_only, complete)] == [401, 401, 200]


async def test_the_door_takes_posts_only(door):
    assert (await door.get("/soap", auth=AUTH)).status_code == 405
