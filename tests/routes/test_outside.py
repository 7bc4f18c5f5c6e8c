"""Cases and the world outside: field teams, the status board, notices, differences, silence and moves."""

import dataclasses
import re
from datetime import timedelta

import pytest
from msgspec.structs import replace

from canonical_model.attachment import Attachment, Claim
from canonical_model.codec import command_name
from canonical_model.commands import (
    AddNote,
    CancelWork,
    ChangeCase,
    ForgetWork,
    Notify,
    OrderWork,
    PublishStatus,
    SendMail,
    TellSystem,
    WithdrawNotice,
    WithdrawStatus,
)
from canonical_model.contact import Kind, Language, Thread
from canonical_model.decision import AGAIN, Fate, Known, Match, Reference, Sent, Settled
from canonical_model.events import (
    Answer,
    CaseChanged,
    CaseErased,
    CaseRedispatched,
    ContactReceived,
    DeliveryRefused,
    DifferenceFound,
    TimerFired,
    WorkOrderChanged,
    WorkShown,
)
from canonical_model.identifiers import insz
from canonical_model.location import Location
from canonical_model.message import Message, MessageId
from canonical_model.party import Party
from canonical_model.status import CaseStatus
from canonical_model.work_order import OrderState
from journal.asking import NOT_YET
from journal.intake import effect_key
from journal.standings import renewed
from routes.chase import CHASE
from routes.router import CityRoutes
from tests.journal.scene import AN, DISPATCH, START, configuration, contact
from tests.routes.conftest import NEXT

CITIZEN = replace(AN, identifiers=(insz("85073003328"),))
WITHOUT_MAIL = Party(name="An", identifiers=(insz("85073003328"),))
PHOTO = Attachment(claim=Claim("ab" * 32), name="gat.jpg", media_type="image/jpeg", size=9)
PROOF = Attachment(claim=Claim("cd" * 32), name="hersteld.jpg", media_type="image/jpeg", size=9)
TABLE = (
    DISPATCH.replace('name = "voetpaden"', 'name = "voetpaden"\ncrew = "wegen"')
    + """
[[expect]]
what = "een afspraak van de ploeg"
within = 2
order = ["ordered"]
[[expect]]
what = "een eerste stap"
within = 3
status = ["new"]
[[expect]]
what = "een antwoord van de klant"
within = 10
status = ["waiting_for_customer"]
"""
)


@pytest.fixture
def routes():
    told = configuration(TABLE)
    return CityRoutes(
        dataclasses.replace(
            told,
            board="dosis",
            notices="notificaties",
            crews=frozenset({"wegen"}),
            informed=frozenset({"app"}),
        )
    )


class Life:
    """One case as the journal would keep it: each decision is the ground of the next."""

    def __init__(self, routes, **fields):
        self.routes = routes
        self.case, self.standings, self.items, self.timers = None, {}, {}, {}
        self.asked = None
        self.sent = ()
        self.shown = frozenset()
        self.now = START
        self.count = 0
        fields.setdefault("location", Location(address="Diestsesteenweg 1", area="kessel-lo"))
        self.opened = self.takes(
            ContactReceived(
                contact=contact(party=fields.pop("party", CITIZEN), attachments=(PHOTO,), **fields)
            ),
            source="app",
        )

    def takes(self, event, source="outside"):
        self.count += 1
        matches = ()
        if self.case:
            reference = Reference(system="case", value=self.case.ref)
            standings = tuple(self.standings.values())
            matches = (
                Match(
                    reference=reference,
                    case=self.case,
                    standings=standings,
                    asked_until=self.asked,
                    sent=self.sent,
                ),
            )
        message = Message(
            id=MessageId(f"m{self.count}"), source=source, source_ref="1", received_at=self.now, body=event
        )
        shown = self.shown.intersection(self.routes.references(message))
        matches += tuple(replace(matches[0], reference=one) for one in shown)
        known = Known(matches=matches, next_ref=NEXT, now=self.now)
        return self._noted(self.routes.decide(message, known))

    def settles(self, target, action, discriminator="", *, applied=True, outside_id="", reason=""):
        key = f"{self.case.ref}/{target}/{action}/{discriminator}"
        decision = self.routes.after(
            Settled(
                target=target,
                action=action,
                key=key,
                applied=applied,
                at=self.now,
                outside_id=outside_id,
                reason=reason,
            ),
            self.case,
        )
        return self._noted(decision)

    def _noted(self, decision):
        self.case = decision.case or self.case
        self.shown |= {one for one in decision.references if one.system == "photos-of-work"}
        if commands(decision, ChangeCase):
            self.asked = NOT_YET
        for standing in decision.standings:
            old = self.standings.get(standing.system, standing)
            self.standings[standing.system] = renewed(old, standing)
        self.items |= {item.name: item.what for item in decision.work_items}
        for name in decision.finished_items:
            self.items.pop(name, None)
        self.timers |= {timer.name: timer for timer in decision.timers}
        for name in decision.cancelled_timers:
            self.timers.pop(name, None)
        self.now += timedelta(minutes=10)
        return decision

    def crew(self, state, text="", evidence=(), *, trip=1, at=None, outside_id="W-1"):
        return self.takes(
            WorkOrderChanged(
                system="wegen",
                outside_id=outside_id,
                case=self.case.ref,
                trip=trip,
                update=f"u{self.count}",
                state=state,
                text=text,
                at=at or self.now,
                evidence=evidence,
            )
        )

    def tracker(self, status, *texts, group=None, did_what_was_asked=True):
        if self.asked and did_what_was_asked:
            self.asked = self.now - timedelta(seconds=1)
        answers = tuple(Answer(key=f"t{n}", text=text, at=self.now) for n, text in enumerate(texts))
        return self.takes(
            CaseChanged(
                case=self.case.ref,
                tracker_id="7",
                version=self.case.tracker_version + 1,
                status=status,
                group=group or self.case.group,
                answers=answers,
                changed_at=self.now,
            )
        )


@pytest.fixture
def life(routes):
    """A broken pavement, reported by a citizen who logged in and has a mail address."""
    return Life(routes)


def commands(decision, kind):
    return [intent.command for intent in decision.intents if isinstance(intent.command, kind)]


# Field work


def test_a_report_goes_to_the_field_team_of_its_rule_with_place_photos_and_description(life):
    (order,) = commands(life.opened, OrderWork)
    assert (order.order.case, order.order.trip, order.order.category) == (NEXT, 1, "voetpad")
    assert order.order.location.address == "Diestsesteenweg 1"
    assert order.order.attachments == (PHOTO,)
    assert order.order.description == "Het voetpad is kapot."
    assert ChangeCase(case=NEXT, status=CaseStatus.WAITING_FOR_FIELD_TEAM) in commands(
        life.opened, ChangeCase
    )
    assert life.standings["wegen"].state == OrderState.ORDERED


def test_a_question_goes_to_no_field_team(routes):
    asked = Life(
        routes, kind=Kind.QUESTION, category="paspoort", text="Wat kost een paspoort?", subject="Paspoort"
    )
    assert commands(asked.opened, OrderWork) == []


def test_what_was_answered_at_once_goes_to_no_field_team(routes):
    done = Life(routes, answered=True, answer="De ploeg weet het al.")
    assert commands(done.opened, OrderWork) == []


def test_planned_work_is_told_by_a_notice_and_shown_on_the_board(life):
    life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)
    decision = life.crew(OrderState.PLANNED, "Dinsdag")

    assert [one.status for one in commands(decision, Notify)] == ["planned"]
    assert [one.status for one in commands(decision, PublishStatus)] == ["planned"]
    assert commands(decision, SendMail) == []
    assert life.standings["wegen"].state == "planned"
    assert life.standings["customer"].state == "planned"


def test_finished_work_with_a_photo_answers_the_citizen_and_the_handlers(life):
    life.crew(OrderState.PLANNED)
    decision = life.crew(OrderState.DONE, "Tegels gelegd", (PROOF,))

    assert [one.status for one in commands(decision, PublishStatus)] == ["executed"]
    assert [one.detail for one in commands(decision, Notify)] == ["Tegels gelegd"]
    (note,) = commands(decision, AddNote)
    assert note.attachments == (PROOF,)
    assert "Tegels gelegd" in note.text
    assert life.case.status is CaseStatus.ANSWERED
    assert [one.status for one in commands(decision, TellSystem)] == [CaseStatus.ANSWERED]
    assert "chase" not in life.timers
    assert life.items == {}


def test_who_has_no_national_number_is_told_by_mail(routes):
    life = Life(routes, party=AN)
    decision = life.crew(OrderState.DONE, "Tegels gelegd")

    (letter,) = commands(decision, SendMail)
    assert letter.to == AN.email
    assert "Tegels gelegd" in letter.text
    assert commands(decision, Notify) == commands(decision, PublishStatus) == []
    assert Reference(system="mail-id", value=letter.message_id) in decision.references


@pytest.mark.parametrize(
    ("language", "words", "shown"),
    [
        (Language.NL, "Lamp vervangen (zonder foto van de uitvoering)", "foto van de uitvoering"),
        (Language.FR, "Lamp vervangen (sans photo des travaux)", "photo des travaux"),
        (Language.EN, "Lamp vervangen (without a photo of the work)", "photo of the work"),
        (Language.DE, "Lamp vervangen (ohne Foto der Arbeiten)", "Foto der Arbeiten"),
    ],
)
def test_a_letter_says_that_it_is_the_crew_who_says_so_and_whether_there_is_a_photo(
    routes, language, words, shown
):
    for text, evidence, proof in (
        ("Lamp vervangen", (), words),
        ("Lamp vervangen", (PROOF,), "Lamp vervangen"),
        ("", (PROOF,), shown),
    ):
        life = Life(routes, party=AN, language=language)
        (letter,) = commands(life.crew(OrderState.DONE, text, evidence), SendMail)
        assert proof in letter.text.splitlines()
        assert not re.search("opgelost|hersteld|résolu|réparé|solved|repaired|behoben|gelöst", letter.text)


@pytest.mark.parametrize("state", [OrderState.DONE, OrderState.CANCELLED, OrderState.NOT_FOUND])
def test_nothing_is_called_done_without_evidence(life, state):
    decision = life.crew(state)

    assert commands(decision, Notify) == commands(decision, SendMail) == []
    assert all(one.status == "in_progress" for one in commands(decision, PublishStatus))
    assert life.case.status is CaseStatus.IN_PROGRESS
    assert "field-work" in life.items


def test_evidence_that_comes_later_is_told_then(life):
    life.crew(OrderState.DONE)
    decision = life.crew(OrderState.DONE, "", (PROOF,))

    assert [one.status for one in commands(decision, Notify)] == ["executed"]
    assert life.case.status is CaseStatus.ANSWERED
    assert life.items == {}


def test_the_echo_of_the_tracker_after_finished_work_tells_nothing_twice(life):
    life.crew(OrderState.DONE, "Tegels gelegd")
    echo = life.tracker(CaseStatus.ANSWERED)
    closed = life.tracker(CaseStatus.CLOSED)

    assert echo.intents == ()
    assert commands(closed, SendMail) == commands(closed, Notify) == commands(closed, OrderWork) == []


def test_news_that_is_older_or_the_same_changes_nothing(life):
    life.crew(OrderState.DONE, "klaar")
    again = life.crew(OrderState.DONE)
    older = life.crew(OrderState.PLANNED, at=life.now - timedelta(days=1))

    assert again.intents == older.intents == ()
    assert life.case.status is CaseStatus.ANSWERED
    assert life.standings["wegen"].state == "done"


def test_news_of_an_earlier_trip_is_only_a_note(life):
    life.crew(OrderState.NOT_FOUND, "geen gat te zien")
    life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)
    late = life.crew(OrderState.DONE, "toch gevonden", trip=1)

    assert life.standings["wegen"].trip == 2
    assert [type(intent.command) for intent in late.intents] == [AddNote]


def test_a_handler_sends_the_team_again_on_the_next_trip(life):
    life.crew(OrderState.NOT_FOUND)
    decision = life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)

    (order,) = commands(decision, OrderWork)
    assert order.order.trip == 2
    assert life.standings["wegen"].state == "ordered"
    assert life.standings["wegen"].outside_id == ""


def test_what_the_tracker_showed_before_the_team_ended_is_no_new_request(life):
    life.crew(OrderState.NOT_FOUND, at=life.now + timedelta(seconds=20))
    life.now -= timedelta(minutes=10)
    decision = life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM, did_what_was_asked=False)

    assert commands(decision, OrderWork) == []
    assert life.standings["wegen"].state == "not_found"


def test_nor_is_it_one_when_its_end_asked_nothing_of_the_tracker(life):
    life.tracker(CaseStatus.IN_PROGRESS)
    ended = life.crew(OrderState.CANCELLED)
    life.now -= timedelta(minutes=10)
    decision = life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)

    assert commands(ended, ChangeCase) == []
    assert commands(decision, OrderWork) == []
    assert "field-work" in life.items


def test_news_from_before_an_end_that_was_found_by_comparing_is_not_told_to_the_customer(life):
    life.takes(DifferenceFound(case=NEXT, system="tracker", theirs="closed", ours="new", at=life.now))
    late = life.tracker(CaseStatus.WAITING_FOR_CUSTOMER)
    heard = life.tracker(CaseStatus.CLOSED)

    for decision in (late, heard):
        assert commands(decision, Notify) == commands(decision, PublishStatus) == []
    assert life.standings["dosis"].state == life.standings["customer"].state == "closed"


def test_a_case_that_is_found_open_again_is_followed_chased_and_looked_at(life):
    life.tracker(CaseStatus.CLOSED)
    decision = life.takes(
        DifferenceFound(case=NEXT, system="tracker", theirs="in_progress", ours="closed", at=life.now)
    )

    assert decision.case.status is CaseStatus.IN_PROGRESS
    assert [timer.name for timer in decision.timers] == [CHASE]
    assert decision.cancelled_timers == ()
    assert "weer open" in life.items["difference-tracker"]
    assert life.standings["dosis"].state == "in_progress"


def test_the_board_does_not_fall_back_while_the_tracker_has_not_heard_of_the_end(life):
    life.crew(OrderState.DONE, "Tegels gelegd")
    echo = life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM, did_what_was_asked=False)
    heard = life.tracker(CaseStatus.ANSWERED)

    assert commands(echo, PublishStatus) == commands(heard, PublishStatus) == []
    assert life.standings["dosis"].state == "executed"


@pytest.mark.parametrize("state", [OrderState.DONE, OrderState.CANCELLED])
def test_the_tracker_gets_the_status_before_the_note_that_explains_it(life, state):
    life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)
    decision = life.crew(state, "Tegels gelegd")

    told = [type(intent.command) for intent in decision.intents if intent.target == "tracker"]
    assert told == [ChangeCase, AddNote]


def test_while_the_team_is_at_it_nobody_orders_twice(life):
    assert commands(life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM), OrderWork) == []
    life.tracker(CaseStatus.IN_PROGRESS)
    assert commands(life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM), OrderWork) == []


def test_a_case_that_closes_calls_the_team_off(life):
    life.settles("wegen", "order_work", "trip-1", outside_id="W-1")
    decision = life.tracker(CaseStatus.CLOSED, "Dat is van de provincie.")

    (cancel,) = commands(decision, CancelWork)
    assert (cancel.trip, cancel.outside_id) == (1, "W-1")
    assert life.standings["wegen"].state == "cancelled"


def test_an_order_that_arrived_is_found_by_the_number_of_the_team(life):
    decision = life.settles("wegen", "order_work", "trip-1", outside_id="W-1")

    assert decision.references == (Reference(system="wegen", value="W-1", shown=True),)
    assert life.standings["wegen"].outside_id == "W-1"
    assert life.standings["wegen"].state == "ordered"


def test_a_refused_order_needs_somebody(life):
    life.settles("wegen", "order_work", "trip-1", applied=False, reason="buiten gebied")
    assert "wegen" in life.items["field-work"]


def test_an_order_that_could_not_be_called_off_is_one_work_item_with_its_number(life):
    life.settles("wegen", "order_work", "trip-1", outside_id="W-1")
    life.tracker(CaseStatus.CLOSED, "Dat is van de provincie.")
    life.settles("wegen", "cancel_work", "trip-1", applied=False, reason="te laat")

    (what,) = life.items.values()
    assert f"{life.case.ref}.01 bij wegen" in what


def test_news_of_an_order_that_is_not_ours_is_dropped_with_a_reason(routes, decide):
    news = WorkOrderChanged(system="wegen", outside_id="X", update="1", state=OrderState.DONE, at=START)
    message = Message(id=MessageId("m"), source="wegen", source_ref="1", received_at=START, body=news)
    assert routes.references(message)[0] == Reference(system="wegen", value="X")
    decision = routes.decide(message, Known(matches=(), next_ref=NEXT, now=START))
    assert decision.fate == "dropped"
    assert "X" in decision.reason


# Status board and notices


def test_the_board_shows_each_step_once_with_dates_that_grow(life):
    dates = [one.changed_at for one in commands(life.opened, PublishStatus)]
    same = life.tracker(CaseStatus.NEW)
    assert commands(same, PublishStatus) == []
    life.now = START - timedelta(days=1)  # the tracker's clock is behind
    (later,) = commands(life.tracker(CaseStatus.IN_PROGRESS), PublishStatus)
    assert later.changed_at > dates[0]


def test_waiting_for_the_customer_says_what_to_do(life):
    decision = life.tracker(CaseStatus.WAITING_FOR_CUSTOMER, "Welk huisnummer?")

    (shown,) = commands(decision, PublishStatus)
    assert shown.action
    assert commands(decision, Notify) == []  # the question itself goes by mail
    assert len(commands(decision, SendMail)) == 1


def test_an_answer_for_who_left_no_address_goes_through_the_notice(routes):
    life = Life(routes, party=WITHOUT_MAIL)
    decision = life.tracker(CaseStatus.ANSWERED, "Het is hersteld.")

    (notice,) = commands(decision, Notify)
    assert notice.detail == "Het is hersteld."
    assert notice.expires is not None
    assert commands(decision, AddNote) == []


def test_a_customer_without_number_or_address_is_shown_nowhere(routes):
    life = Life(routes, party=Party())
    assert commands(life.opened, PublishStatus) == []
    decision = life.crew(OrderState.PLANNED)
    assert commands(decision, Notify) == commands(decision, SendMail) == []
    assert "customer" not in life.standings


def test_whom_the_notice_does_not_reach_gets_a_mail(life):
    life.crew(OrderState.PLANNED)
    decision = life.settles("notificaties", "notify", "planned-m2", applied=False, reason="opt-out")

    (letter,) = commands(decision, SendMail)
    assert letter.to == AN.email
    assert len(decision.references) == 1


def test_whom_nothing_reaches_is_told_to_the_handlers(routes):
    life = Life(routes, party=WITHOUT_MAIL)
    life.crew(OrderState.PLANNED)
    decision = life.settles("notificaties", "notify", "planned-m2", applied=False)
    assert len(commands(decision, AddNote)) == 1


def test_what_the_board_refused_later_is_a_work_item_with_its_fields(life):
    life.takes(
        DeliveryRefused(case=life.case.ref, system="dosis", delivery="d", problems=("Status.VlaamsCode",))
    )
    assert "Status.VlaamsCode" in life.items["refused-dosis"]


# Differences


def differs(life, system, theirs, ours, **fields):
    return life.takes(
        DifferenceFound(case=life.case.ref, system=system, theirs=theirs, ours=ours, at=life.now, **fields)
    )


def test_a_board_that_forgot_is_told_again(life):
    decision = differs(life, "dosis", "", "received")
    assert [one.status for one in commands(decision, PublishStatus)] == ["received"]
    later = differs(life, "dosis", "", "received")
    keys = [intent.discriminator for intent in (*decision.intents, *later.intents)]
    assert len(set(keys)) == 2


def test_a_difference_that_is_gone_meanwhile_changes_nothing(life):
    life.tracker(CaseStatus.IN_PROGRESS)
    assert differs(life, "dosis", "", "received").intents == ()
    assert differs(life, "wegen", "", "planned").intents == ()


def test_a_lost_completion_is_found_and_told(life):
    decision = differs(life, "wegen", "done", "ordered", text="Tegels gelegd", outside_id="W-1")
    assert [one.status for one in commands(decision, Notify)] == ["executed"]
    assert life.case.status is CaseStatus.ANSWERED
    assert life.standings["wegen"].state == "done"


def test_a_lost_completion_that_shows_a_photo_is_as_good_as_one_that_was_heard(life):
    decision = differs(life, "wegen", "done", "ordered", outside_id="W-1", evidence=(PROOF,))

    (note,) = commands(decision, AddNote)
    assert note.attachments == (PROOF,)
    assert [one.status for one in commands(decision, Notify)] == ["executed"]


def test_an_order_that_is_done_may_be_cleared_from_the_list(life):
    life.crew(OrderState.DONE, "Tegels gelegd")

    decision = differs(life, "wegen", "", "done")

    assert (decision.intents, decision.work_items) == ((), ())


def test_news_of_an_order_ends_the_doubt_about_it(life):
    life.crew(OrderState.PLANNED)
    differs(life, "wegen", "", "planned")
    assert "difference-wegen" in life.items

    life.crew(OrderState.DONE, "Tegels gelegd")

    assert "difference-wegen" not in life.items


def test_a_call_back_that_comes_after_the_completion_was_found_is_not_noted_again(life):
    found = differs(life, "wegen", "done", "ordered", text="Tegels gelegd", outside_id="W-1")
    late = life.crew(OrderState.DONE, "Tegels gelegd")
    other = life.crew(OrderState.DONE, "Ook de put geveegd")

    names = [
        intent.discriminator
        for decision in (found, late, other)
        for intent in decision.intents
        if isinstance(intent.command, AddNote)
    ]
    assert names[0] == names[1] != names[2]
    assert commands(late, Notify) == commands(late, PublishStatus) == []


def test_an_order_that_never_arrived_goes_out_again_under_the_same_name(life):
    decision = differs(life, "wegen", "", "ordered")
    (order,) = commands(decision, OrderWork)
    assert order.order.trip == 1
    assert decision.intents[0].discriminator != "trip-1"


def test_an_order_that_vanished_asks_for_somebody(life):
    life.crew(OrderState.PLANNED)
    decision = differs(life, "wegen", "", "planned")
    assert decision.intents == ()
    assert "difference-wegen" in life.items


def test_a_team_that_goes_on_after_it_was_called_off_asks_for_somebody(life):
    life.tracker(CaseStatus.CLOSED)
    life.settles("wegen", "cancel_work", "trip-1", applied=False)
    decision = differs(life, "wegen", "planned", "cancelled")
    assert decision.intents == ()
    assert list(life.items) == ["field-work"]


def test_what_the_tracker_says_counts_and_somebody_looks_for_the_answer(life):
    life.tracker(CaseStatus.IN_PROGRESS)
    decision = differs(life, "tracker", "closed", "in_progress")

    assert life.case.status is CaseStatus.CLOSED
    assert [one.status for one in commands(decision, PublishStatus)] == ["closed"]
    assert commands(decision, SendMail) == []
    assert "difference-tracker" in life.items


def test_a_customer_who_was_not_told_is_told_late(routes):
    life = Life(routes, party=AN)
    life.case = replace(life.case, status=CaseStatus.CLOSED)
    decision = differs(life, "customer", "", "closed")
    assert len(commands(decision, SendMail)) == 1
    again = differs(life, "customer", "", "closed")
    assert commands(again, SendMail) == []


# Silence


def test_silence_is_told_before_the_customer_calls(life):
    due = life.timers["silence"].due
    assert due > START
    life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)
    decision = life.takes(TimerFired(case=life.case.ref, name="silence"))

    assert "een afspraak van de ploeg" in life.items["silence"]
    assert "2 werkdagen" in life.items["silence"]
    assert decision.timers[0].round == 1

    life.crew(OrderState.PLANNED)
    assert "silence" not in life.items


def test_nothing_is_expected_of_a_case_that_was_answered(life):
    life.tracker(CaseStatus.CLOSED, "klaar")
    assert "silence" not in life.timers
    decision = life.takes(TimerFired(case=life.case.ref, name="silence"))
    assert decision.work_items == decision.timers == ()


# Moves


def moved(life, **fields):
    return life.takes(
        CaseRedispatched(case=life.case.ref, group="groen", reason="een boomwortel", by="p-1", **fields)
    )


def test_a_move_calls_off_what_was_begun_and_tells_both_groups(life):
    life.settles("wegen", "order_work", "trip-1", outside_id="W-1")
    life.crew(OrderState.PLANNED)
    life.settles("notificaties", "notify", "planned-m2", outside_id="B-1")
    decision = moved(life)

    assert [one.outside_id for one in commands(decision, CancelWork)] == ["W-1"]
    assert [one.notice for one in commands(decision, WithdrawNotice)] == ["B-1"]
    assert [one.group for one in commands(decision, ChangeCase)] == ["groen"]
    assert [one.to for one in commands(decision, SendMail)] == ["od@leuven.test"]  # "groen" has no address
    assert "een boomwortel" in commands(decision, AddNote)[0].text
    assert (life.case.group, life.case.status) == ("groen", CaseStatus.IN_PROGRESS)
    assert life.standings["wegen"].state == "cancelled"


def test_a_move_tells_the_customer_at_most_once_and_only_when_asked(life):
    decision = moved(life, tell_customer=True)
    assert [one.to for one in commands(decision, SendMail) if one.case] == [AN.email]
    assert commands(decision, Notify) == []
    assert moved(life, tell_customer=True).intents == ()  # the same move again


def test_a_move_to_a_group_with_a_field_team_orders_its_work(life):
    life.crew(OrderState.NOT_FOUND)
    moved(life)
    back = life.takes(
        CaseRedispatched(case=life.case.ref, group="openbaar-domein", reason="toch een tegel", by="p-1")
    )
    assert [one.order.trip for one in commands(back, OrderWork)] == [2]


# Erased


def sent(decision, **outside_ids):
    """What the journal knows of it once it was tried."""
    return tuple(
        Sent(
            target=one.target,
            action=(action := command_name(one.command)),
            key=effect_key(NEXT, one),
            outside_id=outside_ids.get(action, ""),
        )
        for one in decision.intents
    )


def test_an_erased_case_is_forgotten_by_everybody_who_got_something_of_it(life):
    planned = life.crew(OrderState.PLANNED)
    moved(life)
    again = life.takes(CaseRedispatched(case=NEXT, group="openbaar-domein", reason="toch", by="p-1"))
    life.sent = (
        *sent(life.opened, order_work="W-1", open_case="7"),
        *sent(planned, notify="B-1"),
        *sent(again, order_work="W-2"),
        *sent(life.tracker(CaseStatus.WAITING_FOR_CUSTOMER), notify="B-2"),
    )
    decision = life.takes(CaseErased(case=NEXT))

    assert [(one.trip, one.outside_id) for one in commands(decision, ForgetWork)] == [(1, "W-1"), (2, "W-2")]
    assert [one.notice for one in commands(decision, WithdrawNotice)] == ["B-1", "B-2"]
    assert len(commands(decision, WithdrawStatus)) == 1
    assert len({effect_key(NEXT, one) for one in decision.intents}) == len(decision.intents)
    assert {"erased-tracker", "erased-mail", "erased-informed", "field-work"} <= life.items.keys()
    assert "app" in life.items["erased-informed"]
    assert decision.outlives_case


def test_what_never_went_out_need_not_be_forgotten(life):
    decision = life.takes(CaseErased(case=NEXT))
    assert decision.intents == ()
    assert [item.name for item in decision.work_items] == ["field-work"]  # the order waits still


@pytest.mark.parametrize("action", ["forget_work", "withdraw_notice", "withdraw_status"])
def test_what_a_system_does_not_forget_a_person_sees_to(life, action):
    life.settles("wegen", action, "erased-trip-1", applied=False, reason="Open311 has no way")
    assert "wegen" in life.items["erased-wegen"]
    assert life.routes.after(settled(action, "move-m2"), life.case) is None  # it ends by itself


def settled(action, discriminator):
    return Settled(
        target="wegen",
        action=action,
        key=f"{NEXT}/wegen/{action}/{discriminator}",
        applied=False,
        at=START,
    )


def photographed(life, *, trip=1):
    return life.takes(
        WorkShown(
            system="wegen",
            outside_id="W-1",
            case=NEXT,
            trip=trip,
            update=f"p{life.count}",
            at=life.now,
            evidence=(PROOF,),
        )
    )


@pytest.mark.parametrize("first", ["photo", "status"])
def test_photos_that_come_by_themselves_are_evidence_before_and_after_the_end(life, first):
    life.crew(OrderState.IN_PROGRESS)
    if first == "photo":
        shown, ended = photographed(life), life.crew(OrderState.DONE)
        answered = ended
    else:
        ended, shown = life.crew(OrderState.DONE), photographed(life)
        answered = shown

    assert [one.attachments for one in commands(shown, AddNote)] == [(PROOF,)]
    assert all(not note.attachments for note in commands(ended, AddNote))
    assert [one.detail for one in commands(answered, Notify)] == ["foto van de uitvoering"]
    assert life.case.status is CaseStatus.ANSWERED
    assert "field-work" not in life.items


def test_photos_of_an_earlier_trip_prove_nothing_of_this_one(life):
    life.crew(OrderState.NOT_FOUND)
    photographed(life)
    life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)
    life.crew(OrderState.DONE, trip=2, outside_id="W-2")

    assert life.case.status is not CaseStatus.ANSWERED
    assert "field-work" in life.items


def test_photos_of_an_order_that_is_not_ours_are_put_aside(life):
    life.case = None
    assert photographed(life).fate is Fate.DROPPED


# Out of order, late, twice


def test_every_answer_reaches_who_left_no_address_also_while_the_status_stays(routes):
    life = Life(routes, party=WITHOUT_MAIL)
    life.tracker(CaseStatus.IN_PROGRESS)
    first = life.tracker(CaseStatus.IN_PROGRESS, "We kijken ernaar.")
    second = life.tracker(CaseStatus.ANSWERED, "We kijken ernaar.", "Het is hersteld.")

    assert [one.detail for one in commands(first, Notify)] == ["We kijken ernaar."]
    assert [one.detail for one in commands(second, Notify)] == ["We kijken ernaar.", "Het is hersteld."]
    assert {one.discriminator for one in first.intents} <= {one.discriminator for one in second.intents} | {
        f"in_progress-{life.case.tracker_version - 1}"
    }  # the first answer has the same key again: it is not repeated


def test_a_second_question_and_a_second_closing_are_told_again(life):
    for status in (CaseStatus.WAITING_FOR_CUSTOMER, CaseStatus.CLOSED):
        first = life.tracker(status)
        life.tracker(CaseStatus.IN_PROGRESS)
        second = life.tracker(status)
        assert len(commands(first, Notify)) == len(commands(second, Notify)) == 1


def test_a_customer_who_opens_the_case_again_sees_it_and_hears_of_its_end(life):
    life.crew(OrderState.DONE, "Tegels gelegd")
    life.takes(
        ContactReceived(
            contact=contact(party=CITIZEN, text="Nog altijd stuk", thread=Thread(verified_case=NEXT))
        )
    )
    assert life.case.status is CaseStatus.IN_PROGRESS
    assert life.standings["dosis"].state == "in_progress"
    assert [one.status for one in commands(life.tracker(CaseStatus.CLOSED), Notify)] == ["closed"]


def test_a_late_echo_of_the_tracker_takes_nothing_back_from_what_was_executed(life):
    life.crew(OrderState.DONE, "Tegels gelegd")
    late = life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM, did_what_was_asked=False)
    echo = life.tracker(CaseStatus.ANSWERED)

    assert commands(late, OrderWork) == commands(late, PublishStatus) == commands(late, Notify) == []
    assert commands(echo, Notify) == commands(echo, SendMail) == []
    assert life.standings["dosis"].state == life.standings["customer"].state == "executed"


def test_dates_on_the_board_grow_also_after_a_delivery_was_settled(life):
    (planned,) = commands(life.crew(OrderState.PLANNED, at=life.now + timedelta(hours=9)), PublishStatus)
    life.now -= timedelta(hours=1)
    life.settles("dosis", "publish_status", "planned-m2", outside_id="d-1")
    (later,) = commands(life.crew(OrderState.DONE, "klaar"), PublishStatus)
    assert later.changed_at > planned.changed_at


def test_a_clock_of_the_team_that_is_ahead_dates_nothing_in_the_future(life):
    now = life.now
    decision = life.crew(OrderState.PLANNED, at=now + timedelta(days=400))
    assert [one.changed_at for one in commands(decision, PublishStatus)] == [now]
    assert life.standings["wegen"].at == now


def test_a_board_that_kept_an_older_status_is_told_with_a_newer_date(life):
    (shown,) = commands(life.tracker(CaseStatus.IN_PROGRESS), PublishStatus)
    event = DifferenceFound(
        case=NEXT, system="dosis", theirs="received", ours="in_progress", at=START - timedelta(days=1)
    )
    (again,) = commands(life.takes(event), PublishStatus)
    assert again.changed_at > shown.changed_at


def test_news_of_the_team_in_another_order_does_not_go_back(life):
    planned_at = life.now - timedelta(minutes=5)
    life.crew(OrderState.IN_PROGRESS)
    late = life.crew(OrderState.PLANNED, at=planned_at)

    assert commands(late, Notify) == []
    assert life.standings["wegen"].state == "in_progress"


def test_the_first_news_counts_also_when_the_clock_of_the_team_is_behind(life):
    life.crew(OrderState.PLANNED, at=START - timedelta(hours=1))
    assert life.standings["wegen"].state == "planned"


@pytest.mark.parametrize("state", [OrderState.PLANNED, OrderState.IN_PROGRESS])
def test_a_team_that_goes_on_although_it_was_called_off_moves_nothing_and_somebody_looks(life, state):
    moved(life)
    decision = life.crew(state)

    assert life.case.status is CaseStatus.IN_PROGRESS
    assert (
        commands(decision, Notify)
        == commands(decision, PublishStatus)
        == commands(decision, ChangeCase)
        == []
    )
    assert "field-work" in life.items
    assert life.standings["wegen"].state == "cancelled"


def test_news_by_the_number_of_an_earlier_order_is_not_about_the_new_one(life):
    life.settles("wegen", "order_work", "trip-1", outside_id="W-1")
    life.crew(OrderState.NOT_FOUND)
    life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)
    for late in (life.crew(OrderState.DONE, "toch", trip=0), life.crew(OrderState.PLANNED, trip=0)):
        assert commands(late, ChangeCase) == commands(late, Notify) == []
    assert life.standings["wegen"].state == "ordered"


def test_work_after_the_end_is_not_told_in_lesser_words(life):
    life.crew(OrderState.DONE, "klaar")
    decision = life.crew(OrderState.PLANNED, at=life.now)
    assert commands(decision, Notify) == commands(decision, PublishStatus) == []


def test_blanks_are_no_words_but_a_photo_is_evidence(routes):
    life = Life(routes, party=AN)
    (letter,) = commands(life.crew(OrderState.DONE, " \n", (PROOF,)), SendMail)
    assert "foto" in letter.text


def test_a_difference_with_a_team_that_left_the_table_asks_for_somebody(routes, life):
    life.crew(OrderState.PLANNED)
    life.routes = CityRoutes(dataclasses.replace(routes._configuration, crews=frozenset()))
    assert differs(life, "wegen", "done", "planned").intents == ()
    assert "difference-wegen" in life.items


def test_a_customer_is_not_told_late_what_is_true_no_more(routes):
    life = Life(routes, party=AN)
    assert differs(life, "customer", "", "closed").intents == ()


def test_a_difference_that_comes_back_at_once_asks_for_somebody(life):
    first = differs(life, "dosis", "", "received")
    assert all(intent.discriminator.startswith(AGAIN) for intent in first.intents)
    second = differs(life, "dosis", "", "received", told_again=True)
    assert second.intents == ()
    assert "difference-dosis" in life.items

    assert differs(life, "wegen", "", "ordered").intents[0].discriminator.startswith(AGAIN)
    assert differs(life, "wegen", "", "ordered", told_again=True).intents == ()
    assert "difference-wegen" in life.items


def test_a_team_that_a_handler_asks_for_is_waited_for(life):
    life.crew(OrderState.NOT_FOUND)
    life.timers.pop("silence", None)
    life.tracker(CaseStatus.WAITING_FOR_FIELD_TEAM)
    assert "silence" in life.timers


def test_two_notices_of_one_moment_are_both_called_back(life):
    at = START.replace(hour=0, minute=0)
    names = set()
    for trip in (1, 2):
        life.crew(OrderState.PLANNED, trip=trip, at=at)
        life.settles("notificaties", "notify", f"planned-{trip}", outside_id=f"B-{trip}")
        decision = life.takes(CaseRedispatched(case=NEXT, group="groen", reason="boom", by="p-1"))
        names |= {one.discriminator for one in decision.intents if isinstance(one.command, WithdrawNotice)}
        life.takes(CaseRedispatched(case=NEXT, group="openbaar-domein", reason="tegel", by="p-1"))
    assert len(names) == 2


def test_a_case_that_the_tracker_holds_twice_asks_for_somebody(life):
    assert differs(life, "tracker", "new", "new").intents == ()
    assert "meer dan eens" in life.items["difference-tracker"]


@pytest.mark.parametrize("notices", [1, 2])
def test_a_notice_that_is_still_on_its_way_is_called_back_by_the_name_of_its_effect(life, notices):
    decision = life.crew(OrderState.PLANNED)
    if notices == 2:
        life.settles("notificaties", "notify", "planned-m2", outside_id="B-1")
        decision = life.tracker(CaseStatus.WAITING_FOR_CUSTOMER)
    (notify,) = [one for one in decision.intents if isinstance(one.command, Notify)]
    (withdrawal,) = commands(moved(life), WithdrawNotice)
    assert withdrawal.notice == effect_key(NEXT, notify)
