"""The reconciler: every difference is found, told once, and nothing on its way counts as one."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from canonical_model.attachment import Attachment, Claim
from canonical_model.case import CaseRef
from canonical_model.events import DifferenceFound
from canonical_model.standing import Standing
from canonical_model.status import CaseStatus
from journal.database import Outage
from journal.instants import micros
from journal.operations import Health
from journal.schema import files, standings
from ports.errors import MisconfiguredError, TransientError
from ports.intake import File
from ports.standing import OutsideStanding
from tests.journal.scene import inbound, open_with
from tests.worker.stage import until
from worker.reconciler import Reconciler, ReconcileSection

REF = CaseRef("LEU-2026-000001")
HOURS = timedelta(hours=6, minutes=1)
SETTLED = timedelta(minutes=16)


class Board:
    """A system that shows what the test says; an error is raised instead."""

    def __init__(self):
        self.shows = OutsideStanding(state="received", outside_id="d-1")
        self.asked = []
        self.stumbles_over = ""

    async def standing(self, case, outside_id):
        self.asked.append((case, outside_id))
        if case == self.stumbles_over:
            raise IndexError("nobody foresaw this")
        if isinstance(self.shows, Exception):
            raise self.shows
        if self.shows == "silence":
            await asyncio.sleep(3600)
        return self.shows


class Tracker:
    def __init__(self):
        self.cases = ()
        self.asked = 0

    async def find(self, ref):
        self.asked += 1
        return self.cases


@pytest.fixture
def board():
    return Board()


@pytest.fixture
def office():
    return Tracker()


@pytest.fixture
def found(stage):
    """The differences that were handed over."""
    differences = []

    async def accept(inbound_):
        receipt = await stage.journal.accept(inbound_)
        if not receipt.receipt.duplicate:
            differences.append(inbound_.event)
        return receipt.receipt

    differences_of = differences
    differences_of_accept = accept
    return differences_of, differences_of_accept


@pytest.fixture
def settings():
    """What a reload changes."""
    return {"rate": 1000}


@pytest.fixture
def reconciler(stage, board, office, found, settings):
    return Reconciler(
        stage.journal,
        found[1],
        outside={"dosis": board},
        tracker=office,
        held=frozenset,
        clock=stage.clock,
        owner="w/1",
        settings=lambda: ReconcileSection(**settings),
    )


@pytest.fixture
async def case(stage):
    """A case that stands on the board as received."""
    standing = Standing(system="dosis", state="received", outside_id="d-1", at=stage.clock.now())

    def decide(message, known):
        if isinstance(message.body, DifferenceFound):
            return open_with()(message, known)
        opened = open_with()(message, known)
        return replace(opened, standings=(standing,))

    stage.routes.decide_with = decide
    await stage.journal.accept(inbound("1"))
    stage.clock.advance(SETTLED)


async def test_what_agrees_is_left_in_peace_until_its_next_look(reconciler, stage, board, found, case):
    await reconciler.look_around()
    await reconciler.look_around()
    assert board.asked == [(REF, "d-1")]
    assert found[0] == []
    stage.clock.advance(HOURS + SETTLED)
    await reconciler.look_around()
    assert len(board.asked) == 2


async def test_a_shorter_term_holds_for_what_was_to_be_looked_at_later(
    reconciler, stage, board, settings, case
):
    settings["hours"] = 100
    await reconciler.look_around()
    stage.clock.advance(timedelta(hours=1))
    await reconciler.look_around()
    assert len(board.asked) == 1
    settings["hours"] = 1
    await reconciler.look_around()
    assert len(board.asked) == 2
    settings["hours"] = 100
    stage.clock.advance(timedelta(minutes=59))
    await reconciler.look_around()
    assert len(board.asked) == 2


async def test_news_is_left_alone_until_it_has_settled(reconciler, stage, board, case):
    stage.clock.advance(-SETTLED)
    await reconciler.look_around()
    assert board.asked == []


@pytest.mark.parametrize(
    ("shows", "theirs"),
    [(None, ""), (OutsideStanding(state="planned", outside_id="d-1", text="dinsdag"), "planned")],
)
async def test_a_difference_is_told_once_for_what_is_known(
    reconciler, stage, board, found, case, shows, theirs
):
    board.shows = shows
    await reconciler.look_around()
    stage.clock.advance(HOURS + SETTLED)
    await reconciler.look_around()

    (difference,) = found[0]
    assert (difference.case, difference.system) == (REF, "dosis")
    assert (difference.theirs, difference.ours) == (theirs, "received")
    assert len(board.asked) == 2


async def test_what_a_field_team_wrote_and_showed_comes_along(reconciler, stage, board, found, case):
    photo = Attachment(claim=Claim("ab" * 32), name="na.jpg", media_type="image/jpeg", size=5)

    async def shown():
        return (File(attachment=photo, content=b"photo"),)

    board.shows = OutsideStanding(state="planned", outside_id="d-1", text="dinsdag", files=shown)
    await reconciler.look_around()

    (difference,) = found[0]
    assert (difference.text, difference.evidence) == ("dinsdag", (photo,))
    kept = select(files.c.claim)
    assert await stage.journal.database.read(lambda c: c.scalars(kept).all()) == [photo.claim]


async def test_what_can_not_be_told_apart_is_no_difference(reconciler, board, found, case):
    board.shows = OutsideStanding(state="", outside_id="d-1")
    await reconciler.look_around()
    assert found[0] == []


@pytest.mark.parametrize("trouble", [TransientError("away"), MisconfiguredError("no key")])
async def test_a_system_that_can_not_be_asked_is_asked_again_soon(
    reconciler, stage, board, found, case, trouble
):
    board.shows = trouble
    await reconciler.look_around()
    board.shows = None
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert len(found[0]) == 1


async def test_one_case_that_an_adapter_stumbles_over_keeps_no_other_from_being_compared(
    reconciler, stage, board, found, case
):
    await stage.journal.accept(inbound("2"))
    stage.clock.advance(SETTLED)
    board.stumbles_over = REF
    board.shows = None

    await reconciler.look_around()
    assert [difference.case for difference in found[0]] == ["LEU-2026-000002"]

    board.stumbles_over = ""
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert [difference.case for difference in found[0]] == ["LEU-2026-000002", REF]


async def test_silence_counts_as_no_answer(reconciler, board, found, case, monkeypatch):
    monkeypatch.setattr("worker.reconciler.PATIENCE", 0.01)
    board.shows = "silence"
    await reconciler.look_around()
    assert found[0] == []


async def test_a_held_system_is_not_asked(reconciler, board, case):
    reconciler._held = lambda: frozenset({"dosis"})
    await reconciler.look_around()
    assert board.asked == []


async def test_after_an_outage_it_looks_at_once(reconciler, stage, board, found, case):
    await reconciler.look_around()
    await stage.journal.know_systems(["dosis"])
    await stage.journal.report(Health("dosis", ok=False, what="away", failures=5, open_for=1))
    await stage.journal.report(Health("dosis", ok=True))
    board.shows = None
    await reconciler.look_around()
    await reconciler.look_around()
    assert len(board.asked) == 2
    assert len(found[0]) == 1


async def journal_was_away(stage):
    stage.journal.database._outage = Outage(began=1, ended=micros(stage.clock.now()), what="away")
    await stage.journal.tell_outages()


async def test_after_an_outage_of_the_journal_every_system_is_looked_at(reconciler, stage, board, case):
    await reconciler.look_around()
    await journal_was_away(stage)
    await reconciler.look_around()
    assert len(board.asked) == 2


async def test_after_an_outage_of_the_journal_the_tracker_is_walked_again(reconciler, stage, office, found):
    await in_tracker(stage)
    office.cases = (_Issue(CaseStatus.NEW),)
    await reconciler.look_around()
    await reconciler.look_around()
    assert office.asked == 1
    await journal_was_away(stage)
    await reconciler.look_around()
    assert office.asked == 2


async def test_only_one_process_compares(reconciler, stage, board, case):
    assert await stage.journal.lease("reconciler", "w/2", 60)
    assert await reconciler.look_around() is False
    assert board.asked == []


async def test_a_customer_who_was_not_told_is_found(reconciler, stage, found):
    def decide(message, known):
        opened = open_with()(message, known)
        customer = Standing(system="customer", state="planned", at=known.now)
        if isinstance(message.body, DifferenceFound):
            return opened
        return replace(opened, case=replace(opened.case, status=CaseStatus.CLOSED), standings=(customer,))

    stage.routes.decide_with = decide
    await stage.journal.accept(inbound("1"))
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    (difference,) = found[0]
    assert (difference.system, difference.theirs, difference.ours) == ("customer", "planned", "closed")


@pytest.mark.parametrize("told", ["executed", "answered", "closed"])
async def test_who_heard_as_much_need_not_hear_it_again(reconciler, stage, found, told):
    def decide(message, known):
        opened = open_with()(message, known)
        customer = Standing(system="customer", state=told, at=known.now)
        return replace(opened, case=replace(opened.case, status=CaseStatus.CLOSED), standings=(customer,))

    stage.routes.decide_with = decide
    await stage.journal.accept(inbound("1"))
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert found[0] == []


async def test_after_an_outage_of_whatever_system_what_customers_were_told_is_looked_at_too(
    reconciler, stage
):
    def decide(message, known):
        opened = open_with()(message, known)
        customer = Standing(system="customer", state="closed", at=known.now)
        return replace(opened, case=replace(opened.case, status=CaseStatus.CLOSED), standings=(customer,))

    async def next_look():
        query = select(standings.c.compare_at).where(standings.c.system == "customer")
        return await stage.journal.database.read(lambda connection: connection.execute(query).scalar_one())

    stage.routes.decide_with = decide
    await stage.journal.accept(inbound("1"))
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    first = await next_look()
    stage.clock.advance(timedelta(hours=1))
    await reconciler.look_around()
    assert await next_look() == first
    await stage.journal.know_systems(["mail"])
    await stage.journal.report(Health("mail", ok=False, what="away", failures=5, open_for=1))
    await stage.journal.report(Health("mail", ok=True))
    await reconciler.look_around()
    assert await next_look() == first + 3_600_000_000


async def in_tracker(stage, status=CaseStatus.NEW):
    def decide(message, known):
        opened = open_with()(message, known)
        return replace(opened, case=replace(opened.case, tracker_id="7", status=status))

    stage.routes.decide_with = decide
    await stage.journal.accept(inbound("1"))
    stage.clock.advance(SETTLED)


class _Issue:
    id = "7"

    def __init__(self, status):
        self.status = status


async def test_what_the_tracker_says_is_compared_too(reconciler, stage, office, found):
    await in_tracker(stage)
    office.cases = (_Issue(CaseStatus.CLOSED),)
    await reconciler.look_around()
    await reconciler.look_around()
    assert found[0] == [], "its news may be on the way"
    stage.clock.advance(SETTLED)
    await reconciler.look_around()

    (difference,) = found[0]
    assert (difference.system, difference.theirs, difference.ours) == ("tracker", "closed", "new")


async def test_a_difference_that_goes_away_by_itself_is_told_to_nobody(reconciler, stage, office, found):
    await in_tracker(stage)
    for status in (CaseStatus.IN_PROGRESS, CaseStatus.CLOSED, CaseStatus.NEW):
        office.cases = (_Issue(status),)
        await reconciler.look_around()
        stage.clock.advance(SETTLED)
    assert found[0] == []


@pytest.mark.parametrize("ended", [CaseStatus.ANSWERED, CaseStatus.CLOSED])
async def test_a_case_that_the_tracker_opened_again_is_found_for_two_weeks_after_its_end(
    reconciler, stage, office, found, ended
):
    await in_tracker(stage, ended)
    office.cases = (_Issue(CaseStatus.IN_PROGRESS),)
    await reconciler.look_around()
    stage.clock.advance(SETTLED)
    await reconciler.look_around()

    (difference,) = found[0]
    assert (difference.theirs, difference.ours) == ("in_progress", ended)


@pytest.mark.parametrize("there", [(), ("closed",), ("closed", "closed")])
async def test_an_ended_case_is_the_trackers_own_affair(reconciler, stage, office, found, there):
    await in_tracker(stage, CaseStatus.ANSWERED)
    office.cases = tuple(_Issue(CaseStatus(status)) for status in there)
    await reconciler.look_around()
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert found[0] == []


async def test_a_case_that_ended_long_ago_is_not_asked_about(reconciler, stage, office, found):
    await in_tracker(stage, CaseStatus.CLOSED)
    stage.clock.advance(timedelta(days=14))
    office.cases = (_Issue(CaseStatus.IN_PROGRESS),)
    await reconciler.look_around()
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert found[0] == []


async def test_a_tracker_that_agrees_is_asked_once_a_round(reconciler, stage, office, found):
    await in_tracker(stage)
    office.cases = (_Issue(CaseStatus.NEW),)
    await reconciler.look_around()
    office.cases = ()
    await reconciler.look_around()
    assert found[0] == []
    stage.clock.advance(HOURS)
    await reconciler.look_around()
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert [one.theirs for one in found[0]] == [""]


async def test_a_shorter_term_holds_for_the_tracker(reconciler, stage, office, found, settings):
    await in_tracker(stage)
    office.cases = (_Issue(CaseStatus.NEW),)
    await reconciler.look_around()
    await reconciler.look_around()  # beyond the last page
    office.cases = ()
    stage.clock.advance(timedelta(hours=1))
    await reconciler.look_around()
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert found[0] == []
    settings["hours"] = 1
    await reconciler.look_around()
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert [one.theirs for one in found[0]] == [""]


async def test_it_runs_until_it_is_told_to_stop(reconciler, board, case):
    running = asyncio.create_task(reconciler.run(0.01))
    await until(lambda: bool(board.asked))
    reconciler.stop()
    await asyncio.wait_for(running, 5)


async def test_a_system_that_does_not_answer_keeps_no_other_waiting(reconciler, stage, board, found):
    crew = Board()
    reconciler._outside = {"dosis": board, "wegen": crew}
    at = stage.clock.now()

    def decide(message, known):
        opened = open_with()(message, known)
        both = tuple(Standing(system=name, state="received", at=at) for name in ("dosis", "wegen"))
        return replace(opened, standings=both)

    stage.routes.decide_with = decide
    for number in range(30):
        await stage.journal.accept(inbound(f"{number}"))
    stage.clock.advance(SETTLED)
    board.shows = TransientError("no answer")
    await reconciler.look_around()
    assert len(board.asked) == 1  # and left alone for a while
    assert len(crew.asked) == 10
    await reconciler.look_around()
    assert len(board.asked) == 1

    stage.clock.advance(timedelta(minutes=2))
    await reconciler.look_around()
    assert len({case for case, _ in board.asked}) == 2  # one case that is never answered holds up no other


async def test_a_case_that_the_tracker_can_not_tell_of_holds_up_no_other(reconciler, stage, office, found):
    await in_tracker(stage)
    await stage.journal.accept(inbound("2"))
    stage.clock.advance(SETTLED)
    asked = []

    async def find(ref):
        asked.append(ref)
        if ref == REF:
            raise MisconfiguredError("two projects have it")
        return (_Issue(CaseStatus.NEW),)

    office.find = find
    await reconciler.look_around()
    assert [ref[-1] for ref in asked] == ["1", "2"]


async def test_what_the_tracker_says_is_told_once_for_what_is_known(reconciler, stage, office, found):
    await in_tracker(stage)
    for _ in range(3):
        await reconciler.look_around()
        stage.clock.advance(HOURS)
    assert [one.case for one in found[0]].count(REF) == 1


async def test_a_process_that_lost_its_lease_in_a_round_stops(
    reconciler, stage, board, found, case, monkeypatch
):
    await stage.journal.accept(inbound("2"))
    stage.clock.advance(SETTLED)
    answer = board.standing

    async def slowly(case, outside_id):
        stage.clock.advance(timedelta(seconds=90))
        assert await stage.journal.lease("reconciler", "w/2", 60)
        return await answer(case, outside_id)

    monkeypatch.setattr(board, "standing", slowly)
    await reconciler.look_around()
    assert len(board.asked) == 1


async def test_doubts_wait_while_the_tracker_does_not_answer(reconciler, stage, office, found):
    await in_tracker(stage)
    await stage.journal.accept(inbound("2"))
    stage.clock.advance(SETTLED)
    await reconciler.look_around()  # neither case is in the tracker
    asked = []

    async def find(ref):
        asked.append(ref)
        raise TransientError("no answer")

    office.find = find
    stage.clock.advance(SETTLED)
    await reconciler.look_around()
    assert len(asked) == 1
    assert found[0] == []


async def test_of_processes_that_die_in_every_round_no_system_waits_for_ever(reconciler, stage):
    boards = {name: Board() for name in ("dosis", "groen", "wegen")}
    reconciler._outside = boards
    at = stage.clock.now()

    def decide(message, known):
        standings = tuple(Standing(system=name, state="received", at=at) for name in boards)
        return replace(open_with()(message, known), standings=standings)

    def times():
        return [len(board.asked) for board in boards.values()]

    stage.routes.decide_with = decide
    await stage.journal.accept(inbound("1"))
    stage.clock.advance(SETTLED)
    for board in boards.values():
        board.shows = "silence"
    for number in range(60):
        life = asyncio.create_task(reconciler.look_around())
        await until(lambda number=number: sum(times()) > number)
        life.cancel()
        await asyncio.wait({life})
    assert all(times())
