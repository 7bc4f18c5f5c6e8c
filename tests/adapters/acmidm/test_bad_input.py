"""Whatever comes in at the doors of the portals: a clear answer, kept when its sender is known, and nobody else is disturbed."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters import eloket, verenigingsloket
from tests.adapters.acmidm.conftest import NAME
from tests.adapters.acmidm.oslo_sender import OsloSender, oslo_sender
from tests.adapters.acmidm.portal import ORIGIN, Stage, Visitor
from tests.adapters.acmidm.test_pages import REPORT
from tests.adapters.bad_input import FEW, GARBAGE, PERSONAL, TEXTS, changed, is_clear, quiet, written
from tests.adapters.eloket.test_webhook import COMPANY
from tests.adapters.mijn_burgerprofiel.test_webhook import HUB, SCOPE, Sender, sender_at
from tests.adapters.verenigingsloket.test_webhook import ASSOCIATION

ADAPTERS = Path(__file__).parents[1]
MELDING = json.loads((ADAPTERS / "mijn_burgerprofiel/fixtures/melding.json").read_bytes())
AANVRAAG = json.loads((ADAPTERS / "eloket/fixtures/aanvraag.json").read_bytes())
_NUMBERS = count(1)


@st.composite
def inside(draw: st.DrawFn, good: dict[str, Any], *names: str) -> dict[str, Any]:
    """The document with something odd in it, or in one of these members of it."""
    document = draw(changed(good))
    name = draw(st.sampled_from(names))
    if document.get(name) == good[name]:
        document[name] = draw(changed(good[name]))
    return document


MELDINGEN = st.builds(written, inside(MELDING, "locatie", "velden", "contact")) | GARBAGE
AANVRAGEN = st.builds(written, inside(AANVRAAG, "data")) | GARBAGE
TYPES = st.sampled_from(
    (
        "application/json",
        "application/cloudevents+json",
        "application/ld+json",
        "text/xml",
        "",
        "application/json; charset=x",
    )
)
PROOFS = st.sampled_from(
    ("", "Bearer", "Bearer é", "Bearer a.b.c", "Bearer " + "x" * 20_000, "Basic é", PERSONAL)
)


@FEW
@example(written({**MELDING, "tijdstip": "9999-12-31T23:59:59-10:00"}), "application/json")
@example(written({**MELDING, "tijdstip": "0001-01-01T00:00:00"}), "application/json")
@given(MELDINGEN, TYPES)
async def test_whatever_mijn_burgerprofiel_posts_is_taken_or_named_and_kept(
    stage: Stage, body: bytes, kind: str
):
    sender = sender_at(stage, stage.provider.access_token("mbp", SCOPE, HUB))

    with quiet():
        answer = await sender.post(body, **{"Content-Type": kind})
        good = await sender.post({**MELDING, "id": f"good-{next(_NUMBERS)}"})

    assert good.status_code == 202
    is_told(answer, stage, body)


@FEW
@given(PROOFS, MELDINGEN)
async def test_a_system_without_a_token_is_refused_and_not_kept(stage: Stage, proof: str, body: bytes):
    sender: Sender = sender_at(stage, "")
    before = len(stage.intake.stored)

    with quiet():
        answer = await sender.post(body, Authorization=proof.encode("latin-1"))  # type: ignore[arg-type]

    assert answer.status_code == 401
    assert is_clear(answer)
    assert len(stage.intake.stored) == before


@pytest.fixture(params=["eloket", "verenigingsloket"])
def system(request: pytest.FixtureRequest, stage: Stage) -> OsloSender:
    if request.param == "eloket":
        return oslo_sender(stage, eloket.build, "eloket", COMPANY)
    return oslo_sender(stage, verenigingsloket.build, "verenigingsloket", ASSOCIATION)


@FEW
@given(
    AANVRAGEN,
    TYPES,
    st.dictionaries(
        st.sampled_from(("ce-id", "ce-source", "ce-type", "ce-specversion")),
        st.sampled_from(("", "1.0", "%FF", "%00", "é", "x" * 5000)),
    ),
)
async def test_whatever_a_loket_posts_is_taken_or_named_and_kept(
    stage: Stage, system: OsloSender, body: bytes, kind: str, attributes: dict[str, str]
):
    headers: dict[str, Any] = {name: value.encode("latin-1") for name, value in attributes.items()}

    with quiet():
        answer = await system._post(body, kind, headers)

    is_told(answer, stage, body)


@FEW
@given(
    st.dictionaries(st.sampled_from((*REPORT, "id", "asked", "answer.voetpad", "csrf")), TEXTS, max_size=4)
)
async def test_a_page_with_odd_fields_is_taken_or_says_what_to_mend(
    stage: Stage, an: Visitor, odd: dict[str, str]
):
    if not an.client.cookies:
        await an.log_in("an")
    form = await an.form("/new")
    fields = {**form, **REPORT, **odd}
    parts: list[tuple[str, Any]] = [
        (name, (None, text.encode("utf-8", "surrogatepass"))) for name, text in fields.items()
    ]
    before = len(stage.intake.stored)

    with quiet():
        answer = await an.client.post(f"/in/{NAME}/new", files=parts, headers={"Origin": ORIGIN})

    assert answer.status_code in (303, 400, 403, 409, 413, 422), answer.text[:300]
    assert answer.status_code == 303 or "<h1" in answer.text
    assert len(stage.intake.stored) - before in ((1,) if answer.status_code == 303 else (0,))


@FEW
@given(
    GARBAGE | st.sampled_from((b"--x\r\n", b"--x\r\n\r\n\r\n--x--", b"csrf=%ff&" * 400)),
    st.sampled_from(
        (
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "application/x-www-form-urlencoded",
            "text/plain",
            "",
        )
    ),
    st.sampled_from(("/new", "/language", "/logout", "/cases/LEU-2026-000123/reply")),
)
async def test_what_is_no_form_of_ours_is_refused_on_a_page(
    stage: Stage, an: Visitor, body: bytes, kind: str, path: str
):
    if not an.client.cookies:
        await an.log_in("an")

    with quiet():
        answer = await an.client.post(
            f"/in/{NAME}{path}", content=body, headers={"Origin": ORIGIN, "Content-Type": kind}
        )

    assert 400 <= answer.status_code < 500
    assert "<h1" in answer.text
    assert stage.intake.stored == []


def is_told(answer: Any, stage: Stage, body: bytes) -> None:
    """Taken; or refused with what and where, and then people find it as it came."""
    assert is_clear(answer)
    kept = [one for one in stage.intake.stored if one.raw == body]
    if answer.status_code in (200, 202, 403, 409):
        return
    document = answer.json()
    assert answer.status_code in (400, 413, 415, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["errors"] == [] or document["errors"][0]["path"]
    assert document["title"]
    assert [one.problem for one in kept] != []
