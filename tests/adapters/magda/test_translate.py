"""MAGDA's envelopes: as they really look, odd ones, and anything at all."""

from contextlib import suppress
from datetime import UTC, date, datetime
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.magda.settings import Companies, Persons
from adapters.magda.translate import (
    Asker,
    Trouble,
    company_name_in,
    company_question,
    person_in,
    person_question,
    reply_of,
)
from adapters.magda.troubles import error_of, is_busy, is_unknown
from canonical_model.identifiers import insz
from ports.errors import MisconfiguredError, NotUnderstoodError, RejectedError, TransientError

ASKER = Asker(
    sender="leuven.be/hub", capacity="", reference="r-1", at=datetime(2026, 3, 2, 9, 15, 0, 7_000, tzinfo=UTC)
)
NUMBER = insz("87671799614", allow_test_numbers=True)
COMPANY = Companies(url="https://magda.example/GeefOndernemingDienst-02.00/soap/WebService")
TODAY = date(2026, 3, 2)
ENVELOPE = b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%b</s:Body></s:Envelope>'


def tree_of(text):
    return fromstring(text)  # noqa: S314 - of this test


def tags(envelope):
    return [one.tag for one in tree_of(envelope).iter()]


def test_only_the_root_of_a_question_is_in_the_services_namespace():
    found = tags(person_question(Persons(), ASKER, NUMBER.value, "RR"))

    assert found[:4] == [
        "{http://schemas.xmlsoap.org/soap/envelope/}Envelope",
        "{http://schemas.xmlsoap.org/soap/envelope/}Header",
        "{http://schemas.xmlsoap.org/soap/envelope/}Body",
        "{http://magda.vlaanderen.be/persoon/soap/geefpersoon/v02_02}GeefPersoon",
    ]
    assert not [tag for tag in found[4:] if "{" in tag]
    assert found[4:] == [
        "Verzoek", "Context", "Naam", "Versie", "Bericht", "Type", "Tijdstip", "Datum", "Tijd", "Afzender",
        "Identificatie", "Referte", "Vragen", "Vraag", "Referte", "Inhoud", "Criteria", "INSZ", "Bron", "Taal",
    ]  # fmt: skip


def test_a_question_tells_brussels_time_and_our_reference():
    root = tree_of(company_question(COMPANY, ASKER, "0403019261"))
    texts = {one.tag: one.text for one in root.iter() if one.text}

    assert (texts["Datum"], texts["Tijd"], texts["Referte"]) == ("2026-03-02", "10:15:00.007", "r-1")
    assert (texts["Naam"], texts["Ondernemingsnummer"]) == ("GeefOnderneming", "0403019261")
    assert "Hoedanigheid" not in texts


def test_a_person_as_magda_answers(fixture_bytes):
    reply = reply_of(fixture_bytes("persoon-antwoord.xml"))

    found = person_in(reply.content, NUMBER, replaced=False, allow_test_numbers=True)

    assert (reply.reference, reply.troubles) == ("d7176ee5-0eda-430c-a9b8-abc32d3a23da", ())
    assert (found.name, found.identifier) == ("Test Van den Voorbeeld", NUMBER)
    assert "Voorbeeld" not in repr(found)
    assert "87671799614" not in repr(reply)


def test_a_refusal_tells_its_code_and_not_its_words(fixture_bytes):
    reply = reply_of(fixture_bytes("onderneming-uitzondering.xml"))

    assert reply.troubles == (Trouble(code="40006", origin="MAGDA"),)
    error = error_of(reply.troubles)
    assert isinstance(error, MisconfiguredError)
    assert "0403019261" not in error.what


def test_a_fault_without_a_reply(fixture_bytes):
    reply = reply_of(fixture_bytes("te-veel-bevragingen.xml"))

    assert is_busy(reply.troubles)
    assert error_of(reply.troubles).retry_after == 1


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("20002", RejectedError), ("30032", MisconfiguredError), ("40000", MisconfiguredError),
        ("40006", MisconfiguredError), ("60003", TransientError), ("60006", TransientError), ("60013", TransientError),
        ("99984", TransientError), ("99986", TransientError), ("99994", TransientError), ("99995", TransientError),
        ("99996", TransientError), ("99997", TransientError), ("13202", RejectedError), ("40003", RejectedError),
        ("60005", RejectedError), ("", TransientError),
    ],
)  # fmt: skip
def test_every_code_says_what_happens_next(code, error):
    assert type(error_of([Trouble(code=code)])) is error


def test_a_fault_that_blames_us_is_ours_to_mend():
    blamed = (
        ENVELOPE % b"<s:Fault><faultcode>s:Client</faultcode><faultstring>signature</faultstring></s:Fault>"
    )

    assert isinstance(error_of(reply_of(blamed).troubles), MisconfiguredError)


def test_the_worst_of_several_counts_and_warnings_do_not():
    passing, mine, ours = Trouble(code="60003"), Trouble(code="20002"), Trouble(code="40000")

    assert isinstance(error_of([passing, mine]), RejectedError)
    assert isinstance(error_of([passing, ours, mine]), MisconfiguredError)
    assert error_of([Trouble(code="30004", is_error=False)]) is None
    assert is_unknown([Trouble(code="30003"), Trouble(code="30004", is_error=False)])
    assert not is_unknown([Trouble(code="30003"), passing])
    assert not is_unknown([])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("<MaatschappelijkeNamen>{fr}{nl}</MaatschappelijkeNamen>", "Naam nl"),
        ("<MaatschappelijkeNamen>{fr}</MaatschappelijkeNamen>", "Naam fr"),
        ("<MaatschappelijkeNamen>{old}{fr}</MaatschappelijkeNamen>", "Naam fr"),
        ("<MaatschappelijkeNamen>{to_come}</MaatschappelijkeNamen>", ""),
        ("<CommercieleNamen>{shop}</CommercieleNamen>", "Winkel"),
        ("", ""),
    ],
)
def test_the_name_that_holds_today_in_dutch_when_there_is_one(names, expected):
    one = "<MaatschappelijkeNaam{dates}><Naam>Naam {tongue}</Naam><Taalcode>{tongue}</Taalcode></MaatschappelijkeNaam>"
    parts = {
        "nl": one.format(tongue="nl", dates=""),
        "fr": one.format(tongue="fr", dates=' DatumBegin="2001-01-01"'),
        "old": one.format(tongue="nl", dates=' DatumEinde="2020-01-01"'),
        "to_come": one.format(tongue="nl", dates=' DatumBegin="2100-01-01"'),
        "shop": "<CommercieleNaam><Naam>Winkel</Naam></CommercieleNaam>",
    }
    text = names.format(**parts)
    content = tree_of(
        f"<Inhoud><Onderneming><Ondernemingsnummer>0403019261</Ondernemingsnummer><Namen>{text}</Namen></Onderneming></Inhoud>"
    )

    assert company_name_in(content, "0403019261", TODAY) == expected


@pytest.mark.parametrize(
    "content",
    [
        "<Inhoud/>",
        "<Inhoud><Onderneming/></Inhoud>",
        "<Inhoud><Onderneming><Ondernemingsnummer>0207521503</Ondernemingsnummer></Onderneming></Inhoud>",
        "<Inhoud><Persoon/></Inhoud>",
        "<Inhoud><Persoon><INSZ>41670299284</INSZ></Persoon></Inhoud>",
    ],
)
def test_an_answer_about_somebody_else_is_not_understood(content):
    tree = tree_of(content)

    with pytest.raises(NotUnderstoodError):
        company_name_in(tree, "0403019261", TODAY)
    with pytest.raises(NotUnderstoodError) as refused:
        person_in(tree, NUMBER, replaced=False, allow_test_numbers=True)
    assert "41670299284" not in refused.value.what


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html/>",
        b"\xff\xfe<",
        ENVELOPE % b"",
        ENVELOPE % b"<a/>",
        ENVELOPE % b"<a><Repliek/></a>",
        ENVELOPE % b"<a><Repliek><Antwoorden><Antwoord/><Antwoord/></Antwoorden></Repliek></a>",
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + ENVELOPE % b"<a>&a;</a>",
        b'<!doctype x SYSTEM "file:///etc/passwd">' + ENVELOPE % b"<a/>",
        (ENVELOPE % b"<a/>").decode().encode("utf-16"),
        b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><a/></s:Body></s:Envelope>',
    ],
)
def test_what_is_no_answer_of_magda_is_not_understood(content):
    with pytest.raises(NotUnderstoodError):
        reply_of(content)


@given(st.binary())
def test_any_bytes_are_judged_without_another_error(content):
    for bytes_ in (content, ENVELOPE % content):
        with suppress(NotUnderstoodError):
            reply_of(bytes_)


_TAGS = st.sampled_from(
    ["Repliek", "Antwoorden", "Antwoord", "Inhoud", "Persoon", "INSZ", "Onderneming", "Uitzonderingen", "Uitzondering",
     "Identificatie", "Oorsprong", "Type", "Namen", "Naam"]
)  # fmt: skip
_WORDS = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="<&>"), max_size=12
)
_XML = st.recursive(
    _WORDS,
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", _TAGS, st.lists(inner, max_size=3)
    ),
)


@given(_XML)
def test_any_answer_is_judged_without_another_error(inside):
    content = (
        ENVELOPE
        % f"<a><Repliek><Antwoorden><Antwoord>{inside}<Inhoud>{inside}</Inhoud></Antwoord></Antwoorden></Repliek></a>".encode()
    )
    with suppress(NotUnderstoodError):
        reply = reply_of(content)
        error_of(reply.troubles)
        if reply.content is not None:
            with suppress(NotUnderstoodError):
                company_name_in(reply.content, "0403019261", TODAY)
            person_in(reply.content, NUMBER, replaced=True, allow_test_numbers=True)
