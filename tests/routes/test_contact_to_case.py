"""A contact opens a case, joins one, or is set aside with a reason."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from canonical_model.case import CaseCard
from canonical_model.commands import AddContact, AddNote, ChangeCase, OpenCase, SendMail
from canonical_model.contact import AnswerSource, Automatic, Channel, Kind, Language, Thread
from canonical_model.decision import Fate, Reference
from canonical_model.events import ContactReceived
from canonical_model.identifiers import insz, kbo
from canonical_model.party import ANONYMOUS, Party, PartyKind
from canonical_model.status import CaseStatus
from routes.contact_to_case import references
from tests.journal.scene import AN, START, attached, contact
from tests.routes.conftest import NEXT, REF


def received(text="Het voetpad is kapot.", **fields):
    return ContactReceived(contact=contact(text, **fields))


def commands(decision):
    return [intent.command for intent in decision.intents]


def test_a_new_contact_opens_a_case_and_is_acknowledged(decide):
    decision = decide(received())

    opened, letter = commands(decision)
    assert decision.fate is Fate.ROUTED
    assert (decision.case.ref, decision.case.group, decision.rule) == (NEXT, "openbaar-domein", "voetpaden")
    assert isinstance(opened, OpenCase)
    assert isinstance(letter, SendMail)
    assert (letter.to, letter.case, letter.automatic) == (AN.email, NEXT, True)
    assert [timer.name for timer in decision.timers] == ["chase"]
    assert decision.case.due == decision.timers[0].due == opened.case.due


def test_the_tracker_gets_what_the_contact_said(decide):
    photo = attached(b"x").attachment
    event = received(attachments=(photo,), product="1234", kind=Kind.COMPLAINT, language=Language.FR)
    opened = commands(decide(event))[0].case

    assert (opened.subject, opened.description) == ("Kapot voetpad", "Het voetpad is kapot.")
    assert (opened.kind, opened.product, opened.language) == (Kind.COMPLAINT, "1234", Language.FR)
    assert opened.attachments == (photo,)
    assert opened.party == AN


def test_a_contact_without_a_text_of_its_own_brings_all_that_came(decide):
    assert commands(decide(received("", full_text="> quoted")))[0].case.description == "> quoted"


@pytest.mark.parametrize(
    ("automatic", "reason"),
    [(Automatic.AUTO_REPLY, "would start a loop"), (Automatic.OWN_MAIL, "our own mail")],
)
def test_machines_are_not_answered(decide, by, case, automatic, reason):
    for matches in ((), (by("mail-id", case),)):
        decision = decide(received(automatic=automatic), *matches)
        assert (decision.fate, decision.intents) == (Fate.DROPPED, ())
        assert reason in decision.reason


@pytest.mark.parametrize("signs", [{"suspicions": ("links",)}, {"automatic": Automatic.BULK}])
def test_what_looks_like_spam_waits_for_the_kcc(decide, signs):
    decision = decide(received(**signs))
    assert (decision.fate, decision.intents, decision.case) == (Fate.QUARANTINED, (), None)


@pytest.mark.parametrize("signs", [{"suspicions": ("links",)}, {"automatic": Automatic.BULK}])
def test_what_looks_like_spam_but_answers_a_mail_of_ours_is_let_in(decide, by, case, signs):
    decision = decide(received(**signs), by("mail-id", case))
    assert decision.fate is Fate.ROUTED
    assert decision.case.ref == REF


def test_a_copy_of_what_came_before_is_dropped_and_hangs_on_its_case(decide, by, case):
    decision = decide(received(fingerprint="f"), by("fingerprint", case, "f"))
    assert (decision.fate, decision.case, decision.intents) == (Fate.DROPPED, case, ())
    assert REF in decision.reason


@pytest.mark.parametrize(
    ("written", "came", "fate"),
    [
        (0, 0, Fate.DROPPED),
        (0, 90, Fate.DROPPED),  # a colleague drags it back
        (6, 6, Fate.DROPPED),  # sent again from an outbox
        (400, 1, Fate.DROPPED),  # the sender's clock is wrong
        (30, 30, Fate.ROUTED),  # a device that gives every alarm the same id and words
    ],
)
def test_the_same_under_the_same_id_is_a_copy_unless_it_was_written_long_after(
    decide, by, case, written, came, fate
):
    contact_ = received(fingerprint="f", occurred_at=START + timedelta(days=written))
    match = replace(by("fingerprint", case, "f"), noted_at=START)
    decision = decide(contact_, match, now=START + timedelta(days=came))

    assert decision.fate is fate
    assert (decision.case.ref == REF) is (fate is Fate.DROPPED)


@pytest.mark.parametrize(
    ("system", "thread", "joins"),
    [
        ("mail-id", Thread(in_reply_to=("a@x",)), True),
        ("case", Thread(verified_case=REF), True),
        ("case", Thread(claimed_case=REF), False),
        ("email", Thread(), False),
        ("phone", Thread(), False),
    ],
)
def test_what_proves_that_a_contact_belongs_to_a_case(decide, by, case, system, thread, joins):
    stranger = Party(kind=PartyKind.PERSON, email="buur@voorbeeld.be")
    decision = decide(received(party=stranger, thread=thread), by(system, case))

    assert (decision.case.ref == REF) is joins
    assert isinstance(commands(decision)[0], AddContact if joins else OpenCase)


@pytest.mark.parametrize(
    ("email", "joins"), [(AN.email, True), ("AN.Peeters@Voorbeeld.BE", True), ("x@y.be", False), ("", False)]
)
def test_a_number_in_the_subject_counts_from_the_customer_only(decide, by, case, email, joins):
    event = received(party=replace(AN, email=email), thread=Thread(claimed_case=REF))
    decision = decide(event, by("case", case))

    assert (decision.case.ref == REF) is joins
    if not joins:
        assert f"it mentions {REF}" in decision.reason
        assert any(isinstance(one, AddNote) and REF in one.text for one in commands(decision))


def test_nobody_without_an_address_is_the_customer_of_a_case_without_one(decide, by, without_address):
    event = received(party=ANONYMOUS, thread=Thread(claimed_case=REF))
    assert decide(event, by("case", without_address)).case.ref == NEXT


def test_a_joining_contact_brings_its_text_and_files(decide, by, case):
    photo = attached(b"x").attachment
    event = received("En nog iets.", attachments=(photo,))
    (added,) = commands(decide(event, by("mail-id", case)))

    assert (added.case, added.text, added.attachments, added.reopen) == (REF, "En nog iets.", (photo,), False)


@pytest.mark.parametrize("status", CaseStatus)
def test_a_reply_opens_what_was_answered_or_waited_for_it(decide, by, case, status):
    decision = decide(received(), by("mail-id", replace(case, status=status)))
    opens = status in (CaseStatus.ANSWERED, CaseStatus.CLOSED, CaseStatus.WAITING_FOR_CUSTOMER)

    assert commands(decision)[0].reopen is opens
    assert decision.case.status is (CaseStatus.IN_PROGRESS if opens else status)
    assert bool(decision.timers) is opens


def test_two_contacts_that_join_are_two_actions(decide, by, case):
    one, other = (decide(received(), by("mail-id", case), name=name).intents[0] for name in ("m1", "m2"))
    assert one.discriminator != other.discriminator


@pytest.mark.parametrize(
    ("fields", "recent", "acknowledged"),
    [
        ({}, 0, True),
        ({}, 4, True),
        ({}, 5, False),
        ({"party": ANONYMOUS}, 0, False),
        ({"party": Party(phone="+32470123456")}, 0, False),
        ({"channel": Channel.WEB_FORM}, 0, True),
    ],
)
def test_who_is_acknowledged_and_how_often_a_day(decide, fields, recent, acknowledged):
    decision = decide(received(**fields), recent=recent)

    assert any(isinstance(one, SendMail) for one in commands(decision)) is acknowledged
    assert ("no acknowledgement" in decision.reason) is not acknowledged


@pytest.mark.parametrize("language", Language)
def test_an_acknowledgement_is_in_the_language_of_the_customer(decide, told, language):
    letter = commands(decide(received(language=language)))[1]

    assert letter.language is language
    assert letter.text == told.texts[language]["acknowledgement"].format(ref=NEXT, city="Stad Leuven")


def test_a_reply_to_the_acknowledgement_will_find_the_case(decide):
    decision = decide(received(fingerprint="f", thread=Thread(message_id="a@x")))
    letter = commands(decision)[1]

    names = {(name.system, name.value) for name in decision.references if name.exclusive}
    assert names == {("mail-id", "a@x"), ("fingerprint", "f"), ("mail-id", letter.message_id)}
    assert letter.in_reply_to == "a@x"


def test_who_a_customer_is_hangs_on_the_case_without_being_shown(decide):
    party = replace(AN, identifiers=(insz("85073003328"), kbo("0400378485")))
    decision = decide(received(party=party))

    loose = {name.system: name for name in decision.references if not name.exclusive}
    assert set(loose) == {"email", "phone", "insz", "kbo"}
    assert not any(name.shown for name in decision.references)


def test_references_are_asked_best_proof_first():
    thread = Thread(in_reply_to=("old@x", "new@x"), verified_case="LEU-2026-000001", claimed_case=REF)
    names = references(contact(fingerprint="f", thread=thread))

    assert [(name.system, name.value) for name in names] == [
        ("fingerprint", "f"),
        ("mail-id", "new@x"),
        ("mail-id", "old@x"),
        ("case", "LEU-2026-000001"),
        ("case", REF),
        ("email", AN.email),
        ("phone", AN.phone),
    ]
    assert names[-1] == Reference(system="phone", value=AN.phone, exclusive=False)


def test_a_phone_number_names_its_customer_however_it_was_written():
    asked = [references(contact(party=Party(phone=text))) for text in ("0470/12 34 56", "+32 470 12 34 56")]

    assert asked == [(Reference(system="phone", value=AN.phone, exclusive=False),)] * 2


def test_the_same_customer_has_the_same_pseudonym_and_nobody_can_tell_who(decide):
    def pseudonym(party):
        return commands(decide(received(party=party)))[0].case.party_ref

    assert pseudonym(AN) == pseudonym(replace(AN, email=AN.email.upper(), phone="", name=""))
    assert pseudonym(AN) != pseudonym(replace(AN, email="bart@voorbeeld.be"))
    assert AN.email not in pseudonym(AN)
    assert pseudonym(ANONYMOUS) == f"anon-{NEXT}"


@pytest.mark.parametrize(
    ("subject", "kept"),
    [
        ("Kapot voetpad", "Kapot voetpad"),
        ("Re: FW: Antw: Kapot voetpad", "Kapot voetpad"),
        ("RE : TR: Trottoir", "Trottoir"),
        ("Retour", "Retour"),
        ("", "-"),
        ("Re:", "-"),
    ],
)
def test_the_card_keeps_the_subject_without_prefixes(decide, subject, kept):
    assert decide(received(subject=subject)).case.card.subject == kept


def test_the_card_follows_the_thread_and_keeps_who_asked_first(decide, by, case):
    partner = Party(kind=PartyKind.PERSON, email="partner@voorbeeld.be")
    thread = Thread(message_id="new@x", in_reply_to=("last@x", "other@x"))
    event = received(subject="Iets anders", party=partner, thread=thread, language=Language.FR)
    card = decide(event, by("mail-id", case)).case.card

    assert (card.subject, card.party, card.language) == ("Kapot voetpad", AN, Language.NL)
    assert (card.last_message_id, card.references) == ("new@x", ("last@x", "other@x", "new@x"))


def test_a_long_thread_keeps_its_last_twenty(decide, by, case):
    long = replace(case, card=replace(case.card, references=tuple(f"{n}@x" for n in range(20))))
    card = decide(received(thread=Thread(message_id="new@x")), by("mail-id", long)).case.card
    assert len(card.references) == 20
    assert card.references[-1] == "new@x"


def test_an_address_that_comes_later_is_taken_over(decide, by, without_address):
    later = decide(received(), by("case", without_address, REF))
    assert later.case.ref == NEXT  # not proven: nobody's address is taken over on a mere claim
    proven = decide(received(thread=Thread(verified_case=REF)), by("case", without_address))
    assert proven.case.card.party == AN
    assert CaseCard().party == ANONYMOUS


def test_what_was_answered_at_once_is_registered_and_closed_in_one_go(decide):
    decision = decide(received(answered=True, answer="Dat kan tot 17 uur.", channel=Channel.PHONE))

    opened, note, close = commands(decision)
    assert isinstance(opened, OpenCase)
    assert isinstance(note, AddNote)
    assert "Dat kan tot 17 uur." in note.text
    assert (close.case, close.status) == (NEXT, CaseStatus.CLOSED)
    assert (decision.case.status, decision.case.answered_at_once) == (CaseStatus.CLOSED, True)
    assert (decision.case.due, decision.timers) == (None, ())


def test_an_answer_that_nobody_wrote_down_is_no_note(decide):
    opened, close = commands(decide(received(answered=True)))

    assert isinstance(opened, OpenCase)
    assert isinstance(close, ChangeCase)


def test_an_answer_from_the_catalogue_tells_which_text_it_was(decide):
    source = AnswerSource(product="1446", version="v2", modified=datetime(2026, 3, 2, 9, 15, tzinfo=UTC))
    decision = decide(received(answered=True, answer="Kost 65 euro.", product="1446", answer_source=source))

    _, note, _ = commands(decision)
    assert note.text.endswith(
        "Kost 65 euro.\n\nBron: productencatalogus, product 1446, versie v2 van 02/03/2026 10:15."
    )


def test_what_was_answered_at_once_joins_its_case_with_the_answer(decide, by, case):
    source = AnswerSource(product="1446", version="v2", modified=datetime(2026, 3, 2, 9, 15, tzinfo=UTC))
    event = received(
        text="Nog iets.",
        answered=True,
        answer="Kost 65 euro.",
        answer_source=source,
        thread=Thread(verified_case=REF),
    )

    (added,) = commands(decide(event, by("case", case)))

    assert added.text == (
        "Nog iets.\n\nMeteen beantwoord:\n\nKost 65 euro.\n\n"
        "Bron: productencatalogus, product 1446, versie v2 van 02/03/2026 10:15."
    )


def test_a_call_that_was_answered_at_once_does_not_open_its_case_again(decide, by, case):
    closed = replace(case, status=CaseStatus.CLOSED)
    event = received(answered=True, thread=Thread(verified_case=REF))

    decision = decide(event, by("case", closed))

    assert (decision.case.status, commands(decision)[0].reopen) == (CaseStatus.CLOSED, False)


def test_who_must_be_called_back_is_the_contact_centre_s_by_then(decide):
    by_noon = START + timedelta(hours=3)
    decision = decide(received(callback_by=by_noon))

    assert (decision.case.group, decision.rule) == ("kcc", "callback")
    assert decision.case.due == decision.timers[0].due == by_noon


@pytest.mark.parametrize("status", [CaseStatus.NEW, CaseStatus.CLOSED])
def test_who_asks_to_be_called_back_about_a_case_is_waited_for_by_then(decide, by, case, status):
    by_noon = START + timedelta(hours=3)
    event = received(callback_by=by_noon, thread=Thread(verified_case=REF))

    decision = decide(event, by("case", replace(case, status=status)))

    assert [timer.due for timer in decision.timers] == [by_noon]


def test_a_case_remembers_which_message_of_which_system_opened_it(decide):
    assert (decide(received()).case.origin, decide(received()).case.origin_ref) == ("web", "1")
