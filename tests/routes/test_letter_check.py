"""Texts that people write: what is refused, what is doubted, and what they would look like."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_model.contact import Language
from routes.letter_check import (
    DOUBTS,
    FAULTS,
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    Draft,
    check_letter,
    draft_of,
    fills_in,
    wrong_texts,
)
from routes.letter_examples import example_letter, example_values
from routes.letter_kinds import LETTERS, Reader
from routes.own_texts import OwnText, overlaid, with_texts
from tests.journal.scene import configuration

TOLD = configuration()
GOOD = Draft(subject="Ontvangen [{ref}]", text="Beste\n\nWe kregen uw bericht.\n\n{city}\n")


def codes(draft: Draft, name: str = "acknowledgement", language: Language = Language.NL):
    return [(finding.code, finding.part, finding.words) for finding in check_letter(name, language, draft)]


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", LETTERS)
def test_nothing_is_wrong_with_a_shipped_text(name, language):
    assert check_letter(name, language, draft_of(TOLD.texts, language, name)) == ()


@pytest.mark.parametrize("language", Language)
def test_every_shipped_text_belongs_to_a_letter(language):
    assert {key.removesuffix("_subject") for key in TOLD.texts[language]} == set(LETTERS)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"subject": ""}, ("empty", "subject", "")),
        ({"text": " \n"}, ("empty", "text", "")),
        ({"subject": "{ref}" + "x" * LONGEST_SUBJECT}, ("too_long", "subject", str(LONGEST_SUBJECT))),
        ({"text": "woord " * LONGEST_TEXT}, ("too_long", "text", str(LONGEST_TEXT))),
        ({"subject": "a\nBcc: b {ref}"}, ("one_line", "subject", "")),
        ({"text": "a\x00b"}, ("odd_signs", "text", "")),
        ({"text": "a\rb"}, ("odd_signs", "text", "")),
        ({"text": "Dag {naam}"}, ("unknown_blank", "text", "naam")),
        ({"text": "Dag {answer}"}, ("unknown_blank", "text", "answer")),
        ({"text": "Dag {}"}, ("unknown_blank", "text", "")),
        ({"text": "Dag {0}"}, ("unknown_blank", "text", "0")),
        ({"text": "Dag {ref.x}"}, ("unknown_blank", "text", "ref.x")),
        ({"text": "Dag {"}, ("broken_blank", "text", "")),
        ({"text": "Dag }"}, ("broken_blank", "text", "")),
        ({"text": "Dag {ref:>99999999}"}, ("broken_blank", "text", "")),
        ({"text": "Dag {ref!r}"}, ("broken_blank", "text", "")),
        ({"subject": "Ontvangen"}, ("missing_number", "subject", "")),
        ({"text": "Het is <b>goed</b>."}, ("markup", "text", "<b>, </b>")),
        ({"text": "www." + "x" * 90}, ("long_line", "text", "")),
        ({"subject": "Opgelost [{ref}]"}, ("says_mended", "subject", "opgelost")),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(change, found):
    assert found in codes(replace(GOOD, **change))


@pytest.mark.parametrize(
    "words",
    [
        *("Uw probleem is opgelost.", "OPGELOST", "de opgeloste melding", "op\u00adgelost", "op\u200bgelost"),
        *("De tegel is hersteld.", "Het is in orde\ngebracht", "gerepareerd", "verholpen", "gefixt"),
        *(
            "C'est résolu.",
            "RÉSOLUE",
            "resolu",
            "re\u0301solu",
            "La lampe est réparée.",
            "réglé",
            "remis en état",
        ),
        *("It was solved.", "Fixed!", "resolved", "repaired", "sorted out"),
        *("gelöst", "GELÖST", "gelo\u0308st", "behoben", "repariert", "erledigt", "instandgesetzt"),
    ],
)
@pytest.mark.parametrize("language", Language)
def test_no_letter_without_evidence_says_that_something_was_mended(words, language):
    for name, kind in LETTERS.items():
        draft = draft_of(TOLD.texts, language, name)
        said = check_letter(name, language, replace(draft, text=f"{draft.text}\n{words}"))
        assert [finding.fault for finding in said] == ([] if kind.evidenced else [True])


def test_only_done_is_sent_with_evidence_and_it_must_show_it():
    assert [kind.name for kind in LETTERS.values() if kind.evidenced] == ["done"]
    assert LETTERS["done"].needed == ("evidence",)
    draft = Draft(subject="Uitgevoerd [{ref}]", text="Opgelost!")
    assert codes(draft, "done") == [("missing_blank", "text", "evidence")]


@pytest.mark.parametrize(
    ("language", "words", "told"),
    [
        (Language.NL, "Binnen 3 werkdagen krijgt u antwoord.", "binnen 3 werkdagen"),
        (Language.NL, "We komen morgen, dat beloven we.", "morgen, beloven"),
        (Language.NL, "We lossen het op.", "lossen"),
        (
            Language.FR,
            "Dans les 5 jours, c\u2019est garanti. À aujourd\u2019hui.",
            "dans les 5 jours, garanti, aujourd'hui",
        ),
        (Language.EN, "Within two weeks, as soon as possible.", "within two weeks, as soon as possible"),
        (Language.DE, "Innerhalb von drei Tagen, spätestens heute.", "innerhalb von drei tagen, heute"),
    ],
)
def test_a_promise_is_doubted_and_not_refused(language, words, told):
    (finding,) = check_letter("acknowledgement", language, replace(GOOD, text=words))
    assert (finding.code, finding.words, finding.fault) == ("promise", told, False)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (Language.NL, "Goedemorgen. Binnenkort? Bezeker. Kom naar binnen."),
        (Language.DE, "Guten Morgen. Die Ausführung ist offen."),
        (Language.EN, "The reason is sooner or later known. Prefix and fixture."),
        (Language.FR, "Madame, dans la rue."),
    ],
)
def test_ordinary_words_are_left_alone(language, words):
    assert check_letter("acknowledgement", language, replace(GOOD, text=words)) == ()


def test_letters_to_colleagues_can_not_show_the_customers_words():
    for kind in LETTERS.values():
        if kind.reader is Reader.COLLEAGUES:
            assert not {"subject", "answer", "detail", "question"} & set(kind.blanks)


def test_every_finding_is_a_fault_or_a_doubt():
    assert not set(FAULTS) & set(DOUBTS)


@given(
    subject=st.text(), text=st.text(), language=st.sampled_from(Language), name=st.sampled_from(list(LETTERS))
)
def test_whatever_people_type_is_judged_and_what_is_not_refused_makes_a_letter(subject, text, language, name):
    draft = Draft(subject=subject, text=text)
    findings = check_letter(name, language, draft)
    assert {finding.code for finding in findings} <= {*FAULTS, *DOUBTS}
    if fills_in(name, draft):
        told = replace(
            TOLD, texts=with_texts(TOLD.texts, [OwnText(language=language, name=name, draft=draft)])
        )
        assert example_letter(name, language, told).subject.isprintable()
    else:
        assert any(finding.fault for finding in findings)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("name", LETTERS)
def test_an_example_has_all_blanks_filled_in_with_the_values_that_are_told(name, language):
    letter, values = example_letter(name, language, TOLD), example_values(language, TOLD)
    assert "{" not in letter.subject + letter.text
    for blank in LETTERS[name].needed:
        assert values[blank] in letter.text
    if LETTERS[name].reader is Reader.CUSTOMER:
        assert letter.language is language
    assert set(LETTERS[name].blanks) <= values.keys()
    assert "\n\n\n" not in example_letter(name, language, TOLD, bare=True).text


def test_own_texts_lie_over_the_files_under_a_version_of_their_own():
    own = OwnText(language=Language.FR, name="closed", draft=Draft(subject="C [{ref}]", text="Fermé {city}"))
    told = overlaid(TOLD, [own])

    assert example_letter("closed", Language.FR, told).text == "Fermé Stad Leuven"
    assert example_letter("closed", Language.NL, told) == example_letter("closed", Language.NL, TOLD)
    assert told.version not in (TOLD.version, overlaid(TOLD, [replace(own, language=Language.DE)]).version)
    assert len(told.version) <= 16
    assert overlaid(TOLD, []) is TOLD


@pytest.mark.parametrize(
    "own",
    [
        OwnText(language=Language.NL, name="gone", draft=GOOD),
        OwnText(language=Language.NL, name="closed", draft=replace(GOOD, text="{was_once}")),
        OwnText(language=Language.NL, name="closed", draft=replace(GOOD, text="opgelost")),
    ],
)
def test_an_own_text_that_can_not_be_used_any_more_gives_way_to_the_file(own):
    assert overlaid(TOLD, [own]) is TOLD


def test_the_faults_of_files_are_told_with_language_and_letter():
    texts = with_texts(
        TOLD.texts,
        [OwnText(language=Language.FR, name="closed", draft=replace(GOOD, text="C'est résolu."))],
    )
    assert wrong_texts(texts) == ("fr: closed: text says mended: résolu",)
