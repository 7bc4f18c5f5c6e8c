"""What a service complains about, without what the customer told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.digitaal_vlaanderen.problems import LONGEST, masked, problems_in, texts_in

DOCUMENT = {
    "code": "VALIDATIE",
    "message": "Validatie mislukt",
    "description": "Het bericht voldoet niet",
    "errors": [
        {
            "code": "AGENT_ONGELDIG",
            "message": "Ongeldig",
            "description": "85.07.30-033.28 van An Peeters is geen geldig nummer",
            "field": "Agenten[0].Identificatie",
        },
        {"code": "VERPLICHT", "message": "Naam is verplicht", "description": None, "field": "Naam"},
    ],
}


def test_each_error_is_told_with_its_field():
    told = problems_in(json.dumps(DOCUMENT).encode(), ["An Peeters"])

    assert told == (
        "Agenten[0].Identificatie: … van … is geen geldig nummer (AGENT_ONGELDIG)",
        "Naam: Naam is verplicht (VERPLICHT)",
    )


def test_a_document_without_errors_still_says_something():
    document = {"code": "409", "message": "Conflict", "description": "", "errors": None}

    assert problems_in(json.dumps(document).encode()) == ("Conflict (409)",)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'"text"', b"{}", b'{"errors": 3}', b"\xff"])
def test_what_is_no_error_document_says_nothing(content):
    assert problems_in(content) == ()


def test_a_field_that_is_no_field_is_left_out():
    document = {"errors": [{"field": "An Peeters 85073003328", "code": "85073003328", "message": "fout"}]}

    assert problems_in(json.dumps(document).encode()) == ("fout",)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Agent 85073003328 is niet gekend", "Agent … is niet gekend"),
        ("KBO 0403.019.261 bestaat niet", "KBO … bestaat niet"),
        ("bel 016 27 20 00 of mail an@example.be", "bel … of mail …"),
        ("de naam 'An Peeters' is te lang", "de naam … is te lang"),
        ('de waarde "Losse tegel" mag niet', "de waarde … mag niet"),
        ("regel 12 van 300", "regel 12 van 300"),
        ("vereniging V0001001", "vereniging V…"),
    ],
)
def test_numbers_addresses_and_quotations_are_hidden(text, shown):
    assert masked(text) == shown


@given(st.text(max_size=300), st.lists(st.text(min_size=3, max_size=20), max_size=3))
def test_what_we_sent_never_comes_back(text, sent):
    told = masked(f"{text} {' '.join(sent)} {text}", sent)

    assert len(told) <= LONGEST
    assert not [value for value in sent if value in told and value.strip("…. ") and value not in text]


@given(st.binary(max_size=300))
def test_whatever_comes_it_does_not_raise(content):
    assert isinstance(problems_in(content), tuple)


def test_all_texts_of_a_body_are_found():
    body = {"a": "x", "b": [{"c": "y"}, "z", 3, None], "d": {"e": {"f": "w"}}}

    assert sorted(texts_in(body)) == ["w", "x", "y", "z"]
