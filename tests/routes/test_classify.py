"""What a contact is about, from its own words, in the languages that people write here."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_model.contact import Kind
from canonical_model.location import Location
from routes.classify import classify
from routes.configuration import Area, Dispatch, parse_dispatch
from tests.journal.scene import DISPATCH, contact

TABLE = parse_dispatch(DISPATCH)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Ik heb een klacht over de wachttijd", Kind.COMPLAINT),
        ("I want to make a complaint", Kind.COMPLAINT),
        ("Je dépose plainte contre le bruit", Kind.COMPLAINT),
        ("Ich habe eine Beschwerde", Kind.COMPLAINT),
        ("Een suggestie voor het park", Kind.SUGGESTION),
        ("Ik heb een idee: meer banken", Kind.SUGGESTION),
        ("J'ai une proposition", Kind.SUGGESTION),
        ("Ik wil iets melden", Kind.REPORT),
        ("MELDING: put in de weg", Kind.REPORT),
        ("I would like to report a hole", Kind.REPORT),
        ("Je veux signaler un trou", Kind.REPORT),
        ("Mijn klacht is ook een suggestie", Kind.COMPLAINT),
        ("Wanneer is het loket open?", Kind.QUESTION),
        ("When are you open?", Kind.QUESTION),
        ("Quand êtes-vous ouvert ?", Kind.QUESTION),
        ("Een aanklachten", Kind.QUESTION),
        ("", Kind.QUESTION),
    ],
)
def test_kinds(text, kind):
    assert classify(contact(text, subject="-"), TABLE).kind is kind


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Het voetpad is kapot", "voetpad"),
        ("De stoepranden zijn los", "voetpad"),
        ("Le trottoir est cassé", "voetpad"),
        ("The pavement is broken", "voetpad"),
        ("VOETPAD!!!", "voetpad"),
        ("(voetpad)", "voetpad"),
        ("Er ligt een boom op het voetpad, op de stoep", "voetpad"),
        ("Er staan bomen en een boom, un arbre, a tree, op het voetpad", "boom"),
        ("het fietsvoetpad", ""),
        ("Wanneer is het zwembad open?", ""),
    ],
)
def test_categories(text, category):
    assert classify(contact(text, subject="-"), TABLE).category == category


def test_the_subject_line_counts_too():
    assert classify(contact("Zie foto", subject="Stoep stuk"), TABLE).category == "voetpad"


def test_a_category_gives_the_kind_when_no_word_does():
    assert classify(contact("De stoep ligt los", subject="-"), TABLE).kind is Kind.REPORT
    assert classify(contact("Een klacht: de stoep ligt los", subject="-"), TABLE).kind is Kind.COMPLAINT


def test_what_the_sender_chose_is_never_overruled():
    chosen = contact(
        "Een klacht over een boom in Heverlee",
        kind=Kind.SUGGESTION,
        category="voetpad",
        location=Location(area="Kessel-Lo"),
    )
    subject = classify(chosen, TABLE)
    assert (subject.kind, subject.category, subject.area) == (Kind.SUGGESTION, "voetpad", "kessel-lo")


@pytest.mark.parametrize(
    ("location", "text", "area"),
    [
        (Location(area="Heverlee"), "", "heverlee"),
        (Location(postcode="3001"), "", "heverlee"),
        (Location(address="Naamsesteenweg 1, 3001 Heverlee"), "", "heverlee"),
        (Location(), "in HEVERLEE staat een boom", "heverlee"),
        (Location(postcode="3000"), "", ""),
        (Location(area=" \n"), "", ""),
    ],
)
def test_areas(location, text, area):
    assert classify(contact(text, subject="-", location=location), TABLE).area == area


def test_what_a_sender_chose_can_be_no_longer_than_a_name():
    odd = contact(category="a\0b\n" + "x" * 500, location=Location(area="Y" * 500))
    subject = classify(odd, TABLE)
    assert subject.category == "ab" + "x" * 98
    assert subject.area == "y" * 100


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("Aan 't Zoet Water ligt afval", "oud-heverlee"),
        ("(het zoete-water)", "oud-heverlee"),
        ("het zoet", ""),
        (
            "naast Boskant, aan het zoete water",
            "bos",
        ),  # the first in the table, wherever it stands in the text
    ],
)
def test_words_are_found_whatever_signs_stand_around_them(text, area):
    table = parse_dispatch(
        'default = "a"\n[[group]]\nname = "a"\nlabel = "A"\n'
        '[[area]]\nname = "bos"\nwords = ["boskant"]\n'
        """[[area]]\nname = "oud-heverlee"\nwords = ["'t zoet water", "het zoete water"]\n"""
    )
    assert classify(contact(text, subject="-"), table).area == area


AREAS = st.lists(
    st.builds(
        Area,
        name=st.uuids().map(str),
        words=st.lists(st.text("ab é-", min_size=1).filter(lambda word: word.strip(" -")), max_size=3).map(
            tuple
        ),
        postcodes=st.lists(st.sampled_from(["3000", "3001", "3010"]), max_size=2).map(tuple),
    ),
    max_size=4,
)


@given(
    areas=AREAS,
    text=st.text("ab é-\n"),
    address=st.text("ab é1"),
    postcode=st.sampled_from(["", "3000", "3010"]),
)
def test_the_first_area_of_the_table_that_is_named_wins(areas, text, address, postcode):
    def words(written: str) -> str:
        return " " + " ".join(re.findall(r"\w+", written))

    def named(written: str) -> str:
        return next(
            (
                area.name
                for area in areas
                if any(words(one) in words(written) for one in (*area.postcodes, *area.words))
            ),
            "",
        )

    found = classify(
        contact(text, subject="-", location=Location(address=address, postcode=postcode)),
        Dispatch(default="kcc", group=(), area=tuple(areas)),
    )
    assert found.area == (named(f"{address} {postcode}") or named(text))
