"""Texts and mails: complete in every language, and nothing that a customer writes breaks them."""

from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import routes
from canonical_model.case import CaseCard, CaseRecord, CaseRef
from canonical_model.commands import AddNote, Notify, SendMail
from canonical_model.contact import Channel, Kind, Language
from canonical_model.decision import Intent, Settled
from canonical_model.public_status import PublicStatus
from canonical_model.status import CaseStatus
from ports.notices import NOT_WANTED
from routes.configuration import GIVEN, DispatchError, parse_texts, version_of
from routes.letters import (
    PROGRESS,
    acknowledgement,
    answer,
    closed_without_answer,
    done,
    filled_in,
    message_id,
    moved,
    progress,
    reminder,
    sent,
    waiting_for_customer,
)
from routes.router import CityRoutes
from routes.status_to_customer import unnoticed
from tests.journal.scene import AN, START, configuration

TOLD = configuration()
SHIPPED = {path.stem: path.read_text() for path in (Path(routes.__file__).parent / "texts").glob("*.toml")}
CASE = CaseRecord(
    ref=CaseRef("LEU-2026-000007"),
    kind=Kind.QUESTION,
    channel=Channel.MAIL,
    group="kcc",
    status=CaseStatus.NEW,
    opened_at=START,
)


NOTICE = Notify(case=CASE.ref, party=AN, subject="s", status=PublicStatus.PLANNED, changed_at=START)


def letters(subject: str, text: str = "", language: Language = Language.NL):
    case = replace(CASE, card=CaseCard(subject=subject, party=AN, language=language))
    return [
        intent.command
        for intent in (
            acknowledgement(case, TOLD),
            answer(case, "t1", text, TOLD),
            closed_without_answer(case, TOLD),
            reminder(case, "kcc@leuven.test", "reminder", "m1", TOLD),
            reminder(case, "kcc@leuven.test", "escalation", "m2", TOLD),
        )
    ]


def status_letters(text: str, language: Language = Language.NL, subject: str = "s", group: str = "kcc"):
    """What a customer may hear between the acknowledgement and the answer."""
    case = replace(CASE, group=group, card=CaseCard(subject=subject, party=AN, language=language))
    return [
        intent.command
        for intent in (
            progress(case, PublicStatus.IN_PROGRESS, "p1", TOLD, text),
            progress(case, PublicStatus.PLANNED, "p2", TOLD, text),
            waiting_for_customer(case, text, "w1", TOLD),
            done(case, text, "d1", TOLD),
            moved(case, "v1", TOLD, text),
        )
    ]


@pytest.mark.parametrize("language", Language)
def test_every_language_has_every_text_with_the_same_names_filled_in(language):
    def names(text):
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    dutch = TOLD.texts[Language.NL]
    assert TOLD.texts[language].keys() == dutch.keys()
    for name, text in TOLD.texts[language].items():
        assert text.strip()
        assert names(text) == names(dutch[name]), name
        assert names(text) <= set(GIVEN)


@pytest.mark.parametrize("language", Language)
def test_no_language_is_a_copy_of_another(language):
    for other in set(Language) - {language}:
        assert TOLD.texts[language]["acknowledgement"] != TOLD.texts[other]["acknowledgement"]


@pytest.mark.parametrize(
    "subject",
    [
        "{ref}",
        "{",
        "}",
        "{0}",
        "{subject.__class__}",
        "%s %(ref)s",
        "line\nBcc: everybody@leuven.test",
        "line\r\n\r\nbody",
        "tab\tand\x00nul\x1b\x7f",
        "\u2028\u2029\x85\x0b\x0c",
        "",
    ],
)
def test_no_subject_breaks_a_letter(subject):
    for letter in letters(subject, text=subject):
        assert letter.subject.isprintable()
        assert len(letter.subject.splitlines()) == 1
        assert "LEU-2026-000007" in letter.subject


@given(subject=st.text(), text=st.text(), language=st.sampled_from(Language))
def test_whatever_people_write_a_subject_is_one_line_and_an_answer_is_kept(subject, text, language):
    for letter in letters(subject, text, language):
        assert letter.subject.isprintable()
    assert letters(subject, text, language)[1].text.startswith(text)


def test_message_ids_are_the_same_for_ever_and_never_shared():
    first, again = letters("s"), letters("s")
    assert [one.message_id for one in first] == [one.message_id for one in again]
    assert len({one.message_id for one in first}) == 5
    assert message_id(CASE, "answer-t1", TOLD) == first[1].message_id
    assert first[0].message_id.startswith("leu-2026-000007.")
    assert first[0].message_id.endswith("@leuven.test")


def test_only_what_machines_send_is_marked_as_such():
    assert [letter.automatic for letter in letters("s")] == [True, False, False, True, True]


def test_letters_to_groups_are_answered_by_nobody_and_show_nothing_of_the_customer():
    for letter in letters("Geheim onderwerp")[3:]:
        assert letter.case == ""
        assert "Geheim" not in letter.subject + letter.text
        assert AN.name not in letter.text


def test_only_mails_are_replied_to():
    with pytest.raises(TypeError):
        sent(Intent(target="tracker", command=AddNote(case=CASE.ref, text="-")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: {**files, "it": files["nl"]}, "texts it"),
        (lambda files: {name: text for name, text in files.items() if name != "fr"}, "texts fr: missing"),
        (lambda files: {**files, "nl": files["nl"] + '\nextra = "x"'}, "missing extra"),
        (lambda files: {**files, "en": "answer = 3"}, "texts en"),
    ],
)
def test_texts_that_do_not_fit_are_refused_with_the_place(change, message):
    with pytest.raises(DispatchError) as caught:
        parse_texts(change(SHIPPED))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["{name}", "{", "}", "{0}", "{}", "{ref.x}", "{ref[x]}", "{ref:d}"])
def test_a_text_that_can_not_be_filled_in_is_refused(text):
    with pytest.raises(DispatchError, match="texts de: extra does not fill in"):
        parse_texts({**SHIPPED, "de": f'{SHIPPED["de"]}\nextra = "{text}"'})


def test_a_version_names_exactly_these_texts():
    assert version_of("a", "b") == version_of("a", "b")
    assert len({version_of("a", "b"), version_of("ab"), version_of("a", "c"), version_of("b", "a")}) == 4


@pytest.mark.parametrize("language", Language)
def test_a_status_letter_is_in_the_customers_language_to_the_customer_and_says_what_is_known(language):
    for letter in status_letters("Geel {ref} licht", language):
        assert (letter.to, letter.language, letter.case) == (AN.email, language, CASE.ref)
        assert "Geel {ref} licht" in letter.text
        assert CASE.ref in letter.subject


def test_what_is_not_known_leaves_no_hole():
    case = replace(CASE, card=CaseCard(subject="s", party=AN))
    for intent in (
        progress(case, PublicStatus.IN_PROGRESS, "p1", TOLD, " \n"),
        progress(case, PublicStatus.PLANNED, "p2", TOLD),
        moved(case, "v1", TOLD),
    ):
        assert "\n\n\n" not in intent.command.text
        assert intent.command.text.count("\n\n") == 3


def test_a_customer_reads_what_people_call_the_group():
    assert "Het ligt nu bij: Openbaar domein." in status_letters("-", group="openbaar-domein")[-1].text
    assert "Het ligt nu bij: weg-uit-de-tabel." in status_letters("-", group="weg-uit-de-tabel")[-1].text


def test_a_bounce_is_heard_of_where_the_customer_must_know():
    assert [letter.automatic for letter in status_letters("-")] == [True, True, False, False, True]


@pytest.mark.parametrize("nothing", ["", " ", "\n\t"])
def test_done_without_evidence_and_a_question_without_words_are_never_sent(nothing):
    with pytest.raises(ValueError, match="evidence"):
        done(CASE, nothing, "d", TOLD)
    with pytest.raises(ValueError, match="question"):
        waiting_for_customer(CASE, nothing, "w", TOLD)


@pytest.mark.parametrize("status", sorted(set(PublicStatus) - PROGRESS.keys()))
def test_progress_tells_no_status_that_it_has_no_text_for(status):
    with pytest.raises(ValueError, match=status):
        progress(CASE, status, "p", TOLD)


@given(subject=st.text(), text=st.text().filter(str.strip), language=st.sampled_from(Language))
def test_whatever_a_handler_writes_is_in_the_letter_as_it_is(subject, text, language):
    for letter in status_letters(text, language, subject):
        assert text.strip() in letter.text
        assert letter.subject.isprintable()


def test_only_paragraphs_of_empty_blanks_are_left_out():
    assert filled_in("a\n\n{x}\n\n{y} z\n\n\n\nb\n", {"x": "", "y": ""}) == "a\n\n z\n\n\n\nb\n"


def test_what_a_folder_lacks_comes_from_the_shipped_texts():
    shipped = parse_texts(SHIPPED)
    own = parse_texts({"fr": 'closed = "Fermé"', "nl": 'closed = "Dicht"'}, shipped)

    assert own[Language.FR] == {**shipped[Language.FR], "closed": "Fermé"}
    assert own[Language.DE] == shipped[Language.DE]
    assert shipped[Language.FR]["closed"] != "Fermé"


@pytest.mark.parametrize(
    ("status", "email", "told"),
    [
        (PublicStatus.PLANNED, AN.email, None),
        (PublicStatus.EXECUTED, AN.email, SendMail),
        (PublicStatus.WAITING_FOR_CUSTOMER, AN.email, SendMail),
        (PublicStatus.CLOSED, AN.email, SendMail),
        (PublicStatus.ANSWERED, "", AddNote),
    ],
)
def test_who_wants_no_notices_misses_news_but_no_answer_and_no_question(status, email, told):
    case = replace(CASE, card=CaseCard(subject="s", party=replace(AN, email=email)))
    settled = Settled(
        target="notificaties",
        action="notify",
        key=f"{CASE.ref}/notificaties/notify/{status}-s1",
        applied=True,
        at=START,
        outside_id=NOT_WANTED,
        refused=replace(NOTICE, status=status, detail="Tegels gelegd"),
    )

    decision = CityRoutes(TOLD).after(settled, case)

    assert [type(intent.command) for intent in decision.intents] == ([told] if told else [])
    assert [standing.outside_id for standing in decision.standings] == [NOT_WANTED]
    sent = CityRoutes(TOLD).after(replace(settled, outside_id="b-1", refused=None), case)
    assert sent.intents == ()


@pytest.mark.parametrize(
    ("status", "email", "detail", "told"),
    [
        (PublicStatus.PLANNED, AN.email, "", SendMail),
        (PublicStatus.CLOSED, AN.email, "", SendMail),
        (PublicStatus.EXECUTED, AN.email, "Tegels gelegd", SendMail),
        (PublicStatus.WAITING_FOR_CUSTOMER, AN.email, "Welk nummer?", SendMail),
        (PublicStatus.WAITING_FOR_CUSTOMER, AN.email, "", AddNote),
        (PublicStatus.EXECUTED, "", "Tegels gelegd", AddNote),
    ],
)
def test_instead_of_a_notice_goes_a_mail_or_the_handlers_hear_why_not(status, email, detail, told):
    case = replace(CASE, card=CaseCard(subject="s", party=replace(AN, email=email)))
    settled = Settled(
        target="notificaties",
        action="notify",
        key=f"{CASE.ref}/notificaties/{status}-s1",
        applied=False,
        at=START,
        refused=replace(NOTICE, status=status, detail=detail),
    )

    decision = unnoticed(settled, case, TOLD)
    (intent,) = decision.intents

    assert isinstance(intent.command, told)
    assert [item.name for item in decision.work_items] == ["unnoticed"] * (told is AddNote)
    if isinstance(intent.command, SendMail):
        assert intent.command.opt_out
    if told is AddNote:
        (item,) = decision.work_items
        assert ("geen mailadres" if email == "" else "de vraag van de dienst") in item.what
        assert ("geen mailadres" in intent.command.text) is (email == "")
