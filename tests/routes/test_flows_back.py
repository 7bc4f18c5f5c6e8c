"""From the tracker back to the customer: each answer once, an honest word at the end, and chasing in between."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from canonical_model.case import CaseRef
from canonical_model.commands import AddNote, SendMail
from canonical_model.contact import Language
from canonical_model.decision import Fate, Settled
from canonical_model.events import Answer, CaseChanged, MailBounced, TimerFired
from canonical_model.message import Message, MessageId
from canonical_model.status import OPEN, CaseStatus
from tests.journal.scene import AN, START
from tests.routes.conftest import REF


def changed(status=CaseStatus.IN_PROGRESS, *texts, version=1, group="openbaar-domein"):
    answers = tuple(Answer(key=f"t{n}", text=text, at=START) for n, text in enumerate(texts))
    return CaseChanged(
        case=REF,
        tracker_id="issue7",
        version=version,
        status=status,
        group=group,
        answers=answers,
        changed_at=START,
    )


def mails(decision):
    return [intent.command for intent in decision.intents if isinstance(intent.command, SendMail)]


def notes(decision):
    return [intent.command for intent in decision.intents if isinstance(intent.command, AddNote)]


def test_an_answer_is_mailed_in_the_thread_of_the_customer(decide, by, case):
    decision = decide(changed(CaseStatus.ANSWERED, "Het is hersteld."), by("case", case))

    (letter,) = mails(decision)
    assert (letter.to, letter.case, letter.automatic) == (AN.email, REF, False)
    assert letter.text.startswith("Het is hersteld.\n")
    assert letter.subject == f"Re: Kapot voetpad [{REF}]"
    assert (letter.in_reply_to, letter.references) == ("last@x", ("last@x",))
    assert decision.case.status is CaseStatus.ANSWERED
    assert decision.cancelled_timers == ("chase",)
    assert [name.value for name in decision.references] == [letter.message_id]


def test_each_answer_has_its_own_key_and_message_id_for_ever(decide, by, case):
    first = decide(changed(CaseStatus.IN_PROGRESS, "one"), by("case", case))
    later = decide(changed(CaseStatus.ANSWERED, "one", "two", version=2), by("case", case))

    keys = [intent.discriminator for intent in (*first.intents, *later.intents)]
    assert keys == ["answer-t0", "answer-t0", "answer-t1"]
    ids = [letter.message_id for letter in (*mails(first), *mails(later))]
    assert ids[0] == ids[1] != ids[2]


def test_a_case_that_is_closed_without_answer_says_so_once(decide, by, case):
    decision = decide(changed(CaseStatus.CLOSED), by("case", case))
    (letter,) = mails(decision)
    assert "afgesloten" in letter.text

    closed = decision.case
    for version in (1, 2, 3):
        assert mails(decide(changed(CaseStatus.CLOSED, version=version), by("case", closed))) == []


def test_a_case_that_was_answered_is_closed_in_silence(decide, by, case):
    answered = replace(case, status=CaseStatus.ANSWERED, tracker_version=1)
    decision = decide(changed(CaseStatus.CLOSED, "one", version=2), by("case", answered))
    assert [letter.text[:4] for letter in mails(decision)] == ["one\n"]


def test_a_second_life_ends_with_a_word_of_its_own(decide, by, case):
    first = decide(changed(CaseStatus.CLOSED), by("case", case))
    again = replace(first.case, status=CaseStatus.IN_PROGRESS)
    second = decide(changed(CaseStatus.CLOSED, version=5), by("case", again))
    assert mails(first)[0].message_id != mails(second)[0].message_id
    assert first.intents[0].discriminator != second.intents[0].discriminator


@pytest.mark.parametrize("version", [1, 2])
def test_older_news_only_brings_its_answers(decide, by, case, version):
    known = replace(case, status=CaseStatus.CLOSED, group="groen", tracker_version=2)
    decision = decide(changed(CaseStatus.IN_PROGRESS, "late", version=version), by("case", known))

    assert decision.case == known
    assert len(mails(decision)) == 1
    assert decision.timers == ()
    assert "nothing newer" in decision.reason


@pytest.mark.parametrize(
    ("later", "status"), [(timedelta(), CaseStatus.ANSWERED), (timedelta(seconds=1), CaseStatus.IN_PROGRESS)]
)
def test_what_the_tracker_said_before_it_did_as_asked_is_no_news(decide, by, case, later, status):
    ours = replace(case, status=CaseStatus.ANSWERED, tracker_version=1)
    match = replace(by("case", ours), asked_until=START)
    news = replace(changed(CaseStatus.IN_PROGRESS, "one", version=2, group="groen"), changed_at=START + later)
    decision = decide(news, match)

    assert (decision.case.status, decision.case.group, decision.case.tracker_version) == (status, "groen", 2)
    assert len(mails(decision)) == 1
    assert "difference-tracker" in decision.finished_items


def test_a_new_case_follows_the_tracker_at_once(decide, by, case):
    ours = replace(case, status=CaseStatus.NEW)
    match = replace(by("case", ours), asked_until=START)
    assert decide(changed(CaseStatus.IN_PROGRESS), match).case.status is CaseStatus.IN_PROGRESS


@pytest.mark.parametrize("status", CaseStatus)
def test_the_index_follows_the_tracker(decide, by, case, status):
    decision = decide(changed(status, version=9, group="groen"), by("case", case))

    followed = decision.case
    assert (followed.status, followed.group, followed.tracker_id) == (status, "groen", "issue7")
    assert followed.tracker_version == 9
    assert bool(decision.cancelled_timers) is (status not in OPEN)
    assert decision.timers == ()


def test_a_case_that_handlers_open_again_is_watched_again(decide, by, case):
    closed = replace(case, status=CaseStatus.CLOSED, tracker_version=1)
    decision = decide(changed(CaseStatus.IN_PROGRESS, version=2), by("case", closed))
    assert [timer.name for timer in decision.timers] == ["chase"]


def test_an_unusual_step_is_followed_and_named(decide, by, case):
    closed = replace(case, status=CaseStatus.CLOSED, tracker_version=1)
    decision = decide(changed(CaseStatus.NEW, version=2), by("case", closed))
    assert "(an unusual step)" in decision.reason


def test_an_answer_to_somebody_without_address_is_put_before_the_handlers(decide, by, without_address):
    decision = decide(changed(CaseStatus.ANSWERED, "one", "two"), by("case", without_address))
    assert mails(decision) == []
    assert len(notes(decision)) == len({intent.discriminator for intent in decision.intents}) == 2


def test_a_case_that_is_not_ours_is_left_alone(decide):
    decision = decide(changed())
    assert (decision.fate, decision.intents) == (Fate.DROPPED, ())


@pytest.mark.parametrize(
    ("turn", "address", "text"),
    [(0, "od@leuven.test", "streefdatum"), (1, "kcc@leuven.test", "KCC"), (7, "kcc@leuven.test", "KCC")],
)
def test_a_late_case_is_chased_at_its_group_and_then_at_the_kcc(decide, by, case, turn, address, text):
    decision = decide(TimerFired(case=REF, name="chase", round=turn), by("case", case))

    (letter,) = mails(decision)
    assert letter.to == address
    assert text in letter.text
    assert REF in letter.subject
    assert "Kapot" not in letter.text + letter.subject
    assert f"Herinnering {turn + 1}" in notes(decision)[0].text
    (timer,) = decision.timers
    assert (timer.name, timer.round) == ("chase", turn + 1)
    assert timer.due - START == timedelta(days=3, hours=7)  # Thursday 17:00 in Brussels


def test_a_group_without_address_is_chased_in_the_tracker(decide, by, case):
    decision = decide(TimerFired(case=REF, name="chase"), by("case", replace(case, group="groen")))
    assert mails(decision) == []
    assert len(notes(decision)) == 1
    assert decision.timers


def test_the_reminders_of_a_second_life_are_sent_too(decide, by, case):
    first = decide(TimerFired(case=REF, name="chase"), by("case", case), name="m1")
    second = decide(TimerFired(case=REF, name="chase"), by("case", case), name="m2")
    assert {i.discriminator for i in first.intents}.isdisjoint(i.discriminator for i in second.intents)
    assert mails(first)[0].message_id != mails(second)[0].message_id


@pytest.mark.parametrize("status", [CaseStatus.ANSWERED, CaseStatus.CLOSED])
def test_an_answered_case_is_left_in_peace(decide, by, case, status):
    decision = decide(TimerFired(case=REF, name="chase"), by("case", replace(case, status=status)))
    assert (decision.fate, decision.intents, decision.timers) == (Fate.ROUTED, (), ())


def test_a_timer_of_a_case_that_is_gone_is_dropped(decide):
    assert decide(TimerFired(case=REF, name="chase")).fate is Fate.DROPPED


def test_a_mail_that_bounced_is_put_before_the_handlers(decide, by, case):
    bounce = MailBounced(message_id="x@leuven.test", permanent=True)
    decision = decide(bounce, by("mail-id", case, "x@leuven.test"))
    assert len(notes(decision)) == 1
    other = decide(bounce, by("mail-id", case, "x@leuven.test"), name="m2")
    assert decision.intents[0].discriminator != other.intents[0].discriminator


def test_a_delay_is_only_noted_and_a_strange_report_dropped(decide, by, case):
    delay = decide(MailBounced(message_id="x@leuven.test", permanent=False), by("mail-id", case))
    assert (delay.fate, delay.intents) == (Fate.ROUTED, ())
    assert decide(MailBounced(message_id="y@other.test", permanent=True)).fate is Fate.DROPPED


def settled(action="send_mail", target="mail", *, applied=False, key=f"{REF}/mail/send_mail/answer-t0"):
    return Settled(target=target, action=action, key=key, applied=applied, at=START, outside_id="issue7")


def test_the_number_of_the_tracker_is_noted(routes, case):
    decision = routes.after(settled("open_case", "tracker", applied=True), case)
    assert decision.case.tracker_id == "issue7"
    assert [(name.system, name.shown) for name in decision.references] == [("tracker", True)]


def test_a_refused_mail_is_put_before_the_handlers_once(routes, case):
    decision = routes.after(settled(), case)
    assert decision == routes.after(settled(), case)
    (note,) = notes(decision)
    assert "aan de klant werd geweigerd" in note.text


def test_a_refused_reminder_is_not_called_a_mail_to_the_customer(routes, case):
    decision = routes.after(settled(key=f"{REF}/mail/send_mail/reminder-m1"), case)
    assert "klant" not in notes(decision)[0].text


@pytest.mark.parametrize(
    "end",
    [
        settled(applied=True),
        settled("open_case", "tracker"),
        settled("add_note", "tracker"),
        settled("add_contact", "tracker", applied=True),
    ],
)
def test_other_ends_ask_for_nothing(routes, case, end):
    assert routes.after(end, case) is None


@pytest.mark.parametrize("language", Language)
def test_answers_and_closings_are_in_the_language_of_the_customer(decide, by, case, told, language):
    theirs = replace(case, card=replace(case.card, language=language))
    (letter,) = mails(decide(changed(CaseStatus.CLOSED), by("case", theirs)))
    assert letter.text == told.texts[language]["closed"].format(ref=REF, city="Stad Leuven")


def test_other_timers_and_cases_do_not_mix(routes):
    event = TimerFired(case=CaseRef("LEU-2026-000001"), name="chase")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    message = Message(id=MessageId("m"), source="timer", source_ref="1", received_at=now, body=event)
    assert [(name.system, name.value) for name in routes.references(message)] == [("case", event.case)]
