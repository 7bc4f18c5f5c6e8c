"""The reckoning sees what went wrong with look-ups: another text, another version, a question too many, a name that is not there."""

from dataclasses import replace

import pytest

from demo.catalogue import CityCatalogue, Offer
from demo.look_ups import Answered, CatalogueSeen, LookUps, wrong_look_ups
from demo.outside.magda_page import Question, masked
from demo.scenes import Scene, read_scenes


def offer(**changed):
    fields = {
        "id": "75270", "name": "Reispas", "answer": "Maak een afspraak.\n\n65 euro", "version": "v2",
        "source": "75270|2026-03-02T09:15:00+00:00|v2",
    }  # fmt: skip
    return Offer(**{**fields, **changed})


OFFER = offer()
COUNTER = Scene(
    name="loket", time="08:00", door="counter", subject="Reispas", search="reispas", product="75270"
)
LETTER = Scene(
    name="antwoord", time="08:01", door="handler", about="vraag", search="reispas", product="75270",
    answer="Dag",
)  # fmt: skip
KNOWN = Scene(
    name="naam", time="08:02", door="mijn_burgerprofiel", subject="Zetel", magda="well", known_as="Bram"
)
BUSY = Scene(name="druk", time="08:03", door="eloket", subject="Standplaats", magda="busy")
SCENES = (COUNTER, LETTER, KNOWN, BUSY)
NAMES = {"Zetel": "Bram", "Standplaats": ""}
ON_CASE = (f"Meteen beantwoord:\n\n{OFFER.given}",)
GIVEN = Answered(offer=OFFER, current="v2", on_case=ON_CASE)
MAILED = replace(GIVEN, mailed=("Ontvangen", OFFER.given.replace(" ", "\n")))
SEEN = CatalogueSeen(published={"75270": "v2"}, counter={"75270": "v2"}, phone={"75270": "v2"}, unchanged=1)


def other_text(other):
    """Given word for word, but not the text that the counter gave."""
    return Answered(offer=other, current="v2", on_case=(other.given,), mailed=(other.given,))


def asked(service, code, reference):
    return Question(
        at="08:00:00", service=service, sender="leuven.be", reference=reference, about=masked("84021511450"),
        code=code, outcome="",
    )  # fmt: skip


PERSON, COMPANY = asked("GeefPersoon", "", "r-1"), asked("GeefOnderneming", "99995", "r-2")
FOUND = LookUps(
    answers={"loket": GIVEN, "antwoord": MAILED},
    catalogue=SEEN,
    asked=(PERSON, COMPANY),
    audited=frozenset({"r-1"}),
)


def test_look_ups_that_went_well_leave_nothing_to_say():
    assert wrong_look_ups(SCENES, FOUND, NAMES) == []


@pytest.mark.parametrize(
    "answers",
    [
        {"loket": GIVEN},
        {"loket": replace(GIVEN, on_case=("65 euro",)), "antwoord": MAILED},
        {"loket": replace(GIVEN, on_case=(*ON_CASE, *ON_CASE)), "antwoord": MAILED},
        {"loket": replace(GIVEN, current="v3"), "antwoord": MAILED},
        {"loket": GIVEN, "antwoord": replace(MAILED, mailed=())},
        {"loket": GIVEN, "antwoord": replace(MAILED, mailed=(OFFER.answer,))},
        {"loket": GIVEN, "antwoord": replace(MAILED, offer=offer(id="320"))},
        {"loket": GIVEN, "antwoord": other_text(offer(answer="72 euro"))},
    ],
    ids=[
        "no answer", "without its source", "twice on the case", "an old version", "not mailed",
        "mailed without version and date", "another product", "the same version with another text",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_the_catalogue_s_is_told(answers):
    assert wrong_look_ups(SCENES, replace(FOUND, answers=answers), NAMES)


@pytest.mark.parametrize(
    "seen",
    [
        {"counter": {}},
        {"phone": {"75270": "v1"}},
        {"counter": {"75270": "v2", "322": "v1"}},
        {"sent_twice": ("/doc/conceptsnapshot?pageNumber=0",)},
        {"unchanged": 0},
    ],
    ids=["not read", "stale on the telephone", "withdrawn and still offered", "a page twice", "no ETag"],
)
def test_a_catalogue_that_the_hub_does_not_know_as_it_is_is_told(seen):
    assert wrong_look_ups(SCENES, replace(FOUND, catalogue=replace(SEEN, **seen)), NAMES)


@pytest.mark.parametrize(
    "other",
    [
        {"asked": (PERSON,)},
        {"asked": (PERSON, PERSON, COMPANY)},
        {"asked": (COMPANY, PERSON)},
        {"asked": (PERSON, replace(COMPANY, code=""))},
        {"audited": frozenset()},
        {"audited": frozenset({"r-1", "r-9"})},
    ],
    ids=["not asked", "twice", "another order", "not throttled", "no audit trail", "audited and not asked"],
)
def test_questions_to_magda_that_are_not_as_they_should_be_are_told(other):
    assert wrong_look_ups(SCENES, replace(FOUND, **other), NAMES)


@pytest.mark.parametrize(
    "names", [{"Zetel": "", "Standplaats": ""}, {"Zetel": "Bram", "Standplaats": "Bram"}, {}]
)
def test_a_name_that_magda_did_not_give_is_told(names):
    assert wrong_look_ups(SCENES, FOUND, names)


def test_the_catalogue_s_new_version_and_tombstone_are_what_it_offers():
    catalogue = CityCatalogue("key")
    before = catalogue.offered()

    catalogue.reprice("75270", "71 euro")
    catalogue.withdraw("322")

    after = catalogue.offered()
    assert set(before) - set(after) == {"322"}
    assert {number for number in after if after[number] != before[number]} == {"75270"}


def test_the_morning_has_every_way_to_look_up():
    scenes = read_scenes()

    assert {scene.door for scene in scenes if scene.search} == {"counter", "phone", "handler"}
    assert {scene.magda for scene in scenes if scene.magda} == {"well", "busy", "answer 13202"}
    assert [bool(scene.text) for scene in scenes if scene.door == "catalogue"] == [True, False]
