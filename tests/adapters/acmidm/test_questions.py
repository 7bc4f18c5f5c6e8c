"""The further questions of a category, on the page of a portal."""

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from adapters.acmidm.questions import answers_in, in_words, mistakes_in_answers
from adapters.acmidm.settings import Category
from adapters.acmidm.wording import read_texts
from adapters.mijn_burgerprofiel import build
from tests.adapters.acmidm.conftest import NAME
from tests.adapters.acmidm.portal import Stage, Visitor, hidden, pages
from tests.adapters.acmidm.test_pages import JPEG, REPORT

LAMP = {
    "title": "Straatlamp",
    "place": "required",
    "photo": "required",
    "fields": {
        "nummer": {
            "title": "Nummer op de paal",
            "title_en": "Number on the post",
            "kind": "integer",
            "required": True,
        },
        "sinds": {"title": "Sinds wanneer?", "kind": "date"},
        "hoogte": {"title": "Hoogte in meter", "kind": "number"},
        "gevaar": {"title": "Is er gevaar?", "kind": "boolean", "required": True},
        "wat": {"title": "Wat is er?", "kind": "choice", "options": ["brandt niet", "flikkert"]},
        "ook": {"title": "Wat nog?", "kind": "choices", "options": ["deksel los", "paal scheef"]},
        "opmerking": {"title": "Opmerking", "max_length": 20},
    },
}
CATEGORY = Category.model_validate(LAMP)
ANSWERS = {
    "answer.nummer": " 4711 ",
    "answer.sinds": "2026-11-20",
    "answer.hoogte": "7,5",
    "answer.gevaar": "ja",
    "answer.wat": "flikkert",
    "answer.ook.1": "1",
    "answer.opmerking": "",
}


@pytest_asyncio.fixture
async def lamp(stage: Stage) -> Visitor:
    """Somebody who is logged in where lamps ask more than pavements."""
    settings = {
        "pages": pages(stage.provider),
        "categories": {"voetpad": {"title": "Voetpad"}, "lamp": LAMP},
    }
    visitor = stage.visitor(stage.portal(build, NAME, settings), NAME)
    await visitor.log_in("an")
    return visitor


async def test_who_chooses_a_category_with_questions_is_asked_them_and_keeps_what_was_typed(
    stage: Stage, lamp: Visitor
):
    form = await lamp.form("/new")

    answer = await lamp.post("/new", {**form, **REPORT, "category": "lamp"}, [("lamp.jpg", JPEG)])

    assert answer.status_code == 422
    assert not stage.intake.stored
    assert "Over dit onderwerp willen we nog iets weten." in answer.text
    assert all(question["title"] in answer.text for question in LAMP["fields"].values())
    assert 'value="Losse tegel"' in answer.text
    assert 'class="wrong"' not in answer.text

    form = hidden(answer.text)
    answer = await lamp.post("/new", {**form, **REPORT, "category": "lamp", **ANSWERS}, [("lamp.jpg", JPEG)])

    assert answer.status_code == 303
    (inbound,) = stage.intake.stored
    assert inbound.event.contact.text.endswith(
        "\n\nNummer op de paal: 4711\nSinds wanneer?: 2026-11-20\nHoogte in meter: 7,5\nIs er gevaar?: ja\n"
        "Wat is er?: flikkert\nWat nog?: paal scheef"
    )
    assert inbound.event.contact.category == "lamp"


async def test_what_is_missing_is_named_by_its_question_and_the_rest_is_kept(stage: Stage, lamp: Visitor):
    form = await lamp.form("/new")
    wrong = {**REPORT, "category": "lamp", "asked": "lamp", "address": "", **ANSWERS, "answer.nummer": "zes"}

    page = (await lamp.post("/new", {**form, **wrong})).text

    assert not stage.intake.stored
    assert '<a href="#answer.nummer">Nummer op de paal</a>' in page
    for text in ("Vul een geheel getal in.", "Voeg een foto toe.", "Vul dit in."):
        assert text in page
    for kept in ('value="zes"', 'value="2026-11-20"', "<option selected>flikkert</option>"):
        assert kept in page
    assert 'name="answer.ook.1" value="1" checked' in page


async def test_the_questions_of_another_category_are_asked_anew(stage: Stage, lamp: Visitor):
    form = await lamp.form("/new")

    answer = await lamp.post("/new", {**form, **REPORT, "category": "voetpad", "asked": "lamp", **ANSWERS})

    assert answer.status_code == 303
    assert "4711" not in stage.intake.stored[0].event.contact.text


async def test_questions_are_shown_in_english_to_who_reads_english(lamp: Visitor):
    form = await lamp.form("/new")
    await lamp.post("/language", {**form, "language": "en", "next": "/new"})

    page = (await lamp.post("/new", {**form, **REPORT, "category": "lamp"})).text

    assert "Number on the post" in page
    assert "Sinds wanneer?" in page


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        ("nummer", "", "empty"),
        ("nummer", "1.5", "integer"),
        ("sinds", "20/11/2026", "date"),
        ("hoogte", "hoog", "number"),
        ("hoogte", "nan", "number"),
        ("gevaar", "misschien", "boolean"),
        ("wat", "ontploft", "choice"),
        ("opmerking", "x" * 21, "long"),
    ],
)
def test_every_kind_of_mistake_has_a_text(field: str, text: str, code: str):
    answers = answers_in({**ANSWERS, f"answer.{field}": text})

    assert mistakes_in_answers(CATEGORY, answers) == {f"answer.{field}": code}
    assert f"mistake.{code}" in read_texts("nl")


@given(st.dictionaries(st.sampled_from([*ANSWERS, "answer.ook.0", "answer.", "x"]), st.text(max_size=30)))
def test_whatever_comes_is_judged_and_put_into_words(texts: dict[str, str]):
    answers = answers_in(texts)

    assert mistakes_in_answers(CATEGORY, answers).keys() <= {f"answer.{name}" for name in CATEGORY.fields}
    assert isinstance(in_words(CATEGORY, answers), str)
