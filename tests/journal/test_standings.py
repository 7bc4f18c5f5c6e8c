"""How cases stand outside, work items, and what is compared next: on both databases."""

from datetime import timedelta
from functools import partial

from msgspec.structs import replace
from sqlalchemy import event, select

from canonical_model.case import CaseRef
from canonical_model.decision import AGAIN, Decision, Fate, WorkItem
from canonical_model.events import TimerFired
from canonical_model.standing import Standing
from canonical_model.status import CaseStatus
from journal import comparing
from journal.comparing import (
    AFTERWARDS,
    NextLook,
    TrackedPage,
    due,
    ended_incidents,
    look_at_once,
    note_looks,
    tracked_case,
    tracked_cases,
)
from journal.instants import micros
from journal.operations import Health
from journal.schema import standings, work_items
from journal.standings import HUB, Outside
from tests.journal.scene import START, inbound, note, open_with, rows

FIRST = CaseRef("LEU-2026-000001")
TIMER = TimerFired(case=FIRST, name="x")
SYSTEMS = ("dosis", "wegen")


def says(known, **fields):
    return Decision(fate=Fate.ROUTED, reason="", case=known.matches[0].case, **fields)


async def opened(planned, plan, **fields):
    """A case with these standings and work items."""
    plan.decide_with = lambda message, known: replace(open_with()(message, known), **fields)
    await planned.accept(inbound("open"))


async def then(planned, plan, name, **fields):
    """Something that is decided about the case; what the route knew of its standings."""
    seen = []

    def decide(message, known):
        seen.extend(known.matches[0].standings)
        return says(known, **fields)

    plan.decide_with = decide
    await planned.accept(inbound(name, TIMER, source="timer"))
    return {standing.system: standing for standing in seen}


async def test_what_a_decision_says_is_known_to_the_next(planned, plan, clock):
    at = clock.now()
    await opened(planned, plan, standings=(Standing(system="dosis", state="received", at=at),))
    known = await then(
        planned,
        plan,
        "2",
        standings=(
            Standing(system="dosis", outside_id="d-1", at=at),
            Standing(system="wegen", state="ordered", trip=1, at=at),
        ),
    )
    assert known == {"dosis": Standing(system="dosis", state="received", at=at)}

    known = await then(planned, plan, "3")
    assert known["dosis"] == Standing(system="dosis", state="received", outside_id="d-1", at=at)
    assert known["wegen"] == Standing(system="wegen", state="ordered", trip=1, at=at)


async def test_a_new_trip_forgets_the_number_of_the_one_before(planned, plan, clock):
    at = clock.now()
    first = Standing(system="wegen", state="ordered", trip=1, outside_id="W-1", at=at)
    await opened(planned, plan, standings=(first,))
    await then(planned, plan, "2", standings=(Standing(system="wegen", state="ordered", trip=2, at=at),))

    known = await then(planned, plan, "3")
    assert (known["wegen"].trip, known["wegen"].outside_id) == (2, "")


async def test_news_of_many_cases_is_put_together_with_one_question(planned, plan, clock):
    at, refs = clock.now(), []

    def opening(message, known):
        refs.append(known.next_ref)
        return replace(
            open_with()(message, known), standings=(Standing(system="wegen", state="ordered", at=at),)
        )

    plan.decide_with = opening
    for number in range(5):
        await planned.accept(inbound(f"open-{number}"))

    def noted(tx, wanted):
        asked = []
        listener = partial(_asked_about, asked, "standings")
        event.listen(tx.connection, "before_cursor_execute", listener)
        outside = Outside(tx)
        for ref in refs:
            for news in (
                Standing(system="wegen", outside_id="W", at=at),
                Standing(system="wegen", state="done", at=at),
            ):
                outside.note(ref, Decision(fate=Fate.ROUTED, reason="", standings=(news,)), new=False)
        outside.flush()
        event.remove(tx.connection, "before_cursor_execute", listener)
        return [len(asked)] * len(wanted)

    assert await planned.database.write(noted, None) == 1
    found = await rows(planned, standings)
    assert [(row.case_ref, row.state, row.outside_id) for row in found] == [
        (ref, "done", "W") for ref in refs
    ]


def _asked_about(asked, table, _connection, _cursor, statement, *_):
    if statement.startswith("SELECT") and table in statement:
        asked.append(statement)


async def test_a_work_item_opens_once_and_is_finished_by_name(planned, plan, clock):
    await opened(planned, plan, work_items=(WorkItem(name="silence", what="stil"),))
    (item,) = await rows(planned, work_items)
    clock.advance(timedelta(days=1))
    await then(planned, plan, "2", work_items=(WorkItem(name="silence", what="nog altijd stil"),))
    (again,) = await rows(planned, work_items)
    assert (again.what, again.opened_at) == (
        "nog altijd stil",
        item.opened_at,
    )  # since when it is open counts

    await then(planned, plan, "3", finished_items=("silence", "never opened"))
    (item,) = await rows(planned, work_items)
    assert (item.closed_by, item.closed_at) == (HUB, micros(clock.now()))

    await then(planned, plan, "4", work_items=(WorkItem(name="silence", what="weer"),))
    (item,) = await rows(planned, work_items)
    assert (item.what, item.closed_at) == ("weer", None)


async def comparisons(planned, clock, settle=0):
    now = micros(clock.now())
    found = []
    for system in SYSTEMS:
        found += await planned.database.read(lambda connection: due(connection, now, settle, system, 10))  # noqa: B023
    return tuple(found)


async def look_again(planned, clock, at, system="dosis"):
    (seen,) = {row.compare_at for row in await rows(planned, standings, standings.c.system == system)}
    await planned.database.write(note_looks, NextLook(case=FIRST, system=system, seen=seen, at=at))


async def test_a_standing_is_compared_when_news_has_settled_and_again_when_asked(planned, plan, clock):
    await opened(planned, plan, standings=(Standing(system="dosis", state="received", at=clock.now()),))
    assert await comparisons(planned, clock, settle=1) == ()
    (one,) = await comparisons(planned, clock)
    assert (one.case, one.standing.system, one.standing.state) == (FIRST, "dosis", "received")
    assert not one.busy
    assert not one.over

    later = micros(clock.now() + timedelta(hours=6))
    await look_again(planned, clock, later)
    assert await comparisons(planned, clock) == ()
    clock.advance(timedelta(hours=6))
    assert len(await comparisons(planned, clock)) == 1


async def test_what_is_under_way_there_makes_it_busy(planned, plan, clock):
    standing = Standing(system="dosis", state="received", at=clock.now())
    plan.decide_with = lambda message, known: replace(
        open_with("dosis")(message, known), standings=(standing,)
    )
    await planned.accept(inbound("open"))
    plan.decide_with = lambda message, known: replace(open_with()(message, known), standings=(standing,))
    await planned.accept(inbound("another"))
    assert [(one.case[-1], one.busy) for one in await comparisons(planned, clock)] == [
        ("1", True),
        ("2", False),
    ]


async def test_a_case_that_is_long_closed_is_compared_no_more(planned, plan, clock):
    await opened(planned, plan, standings=(Standing(system="dosis", state="closed", at=clock.now()),))
    plan.decide_with = lambda _message, known: (
        says(known) and replace(says(known), case=replace(known.matches[0].case, status=CaseStatus.CLOSED))
    )
    await planned.accept(inbound("close", TIMER, source="timer"))
    (one,) = await comparisons(planned, clock)
    assert not one.over
    clock.advance(timedelta(microseconds=AFTERWARDS + 1))
    (one,) = await comparisons(planned, clock)
    assert one.over
    await look_again(planned, clock, None)
    await planned.database.write(look_at_once, "dosis")
    assert await comparisons(planned, clock) == ()


async def test_after_an_outage_everything_told_to_that_system_is_looked_at(planned, plan, clock):
    at = clock.now()
    both = tuple(Standing(system=name, state="ordered", at=at) for name in SYSTEMS)
    await opened(planned, plan, standings=both)
    later = micros(at + timedelta(hours=6))
    for name in SYSTEMS:
        await look_again(planned, clock, later, name)
    await planned.know_systems(["dosis"])
    await planned.report(Health("dosis", ok=False, what="away", failures=5, open_for=1))
    assert await planned.database.read(lambda connection: ended_incidents(connection, 0)) == ()
    clock.advance(timedelta(hours=4))
    await planned.report(Health("dosis", ok=True))

    ((system, ended),) = await planned.database.read(lambda connection: ended_incidents(connection, 0))
    assert (system, ended) == ("dosis", micros(clock.now()))
    assert await planned.database.read(lambda connection: ended_incidents(connection, ended)) == ()
    assert not await planned.database.write(look_at_once, "dosis")
    assert [one.standing.system for one in await comparisons(planned, clock)] == ["dosis"]


async def test_after_an_outage_a_step_takes_a_few_at_a_time(planned, plan, clock, monkeypatch):
    monkeypatch.setattr(comparing, "AT_ONCE", 2)
    later = micros(clock.now() + timedelta(hours=6))
    plan.decide_with = lambda message, known: replace(
        open_with()(message, known),
        standings=(Standing(system="dosis", state="ordered", at=clock.now()),),
    )
    for number in range(3):
        await planned.accept(inbound(f"{number}"))
    for one in await comparisons(planned, clock):
        look = NextLook(case=one.case, system="dosis", seen=one.compare_at, at=later)
        await planned.database.write(note_looks, look)
    assert [await planned.database.write(look_at_once, "dosis") for _ in range(2)] == [True, False]
    assert len(await comparisons(planned, clock)) == 3


async def test_open_cases_are_walked_by_number(planned, plan, clock):
    plan.decide_with = lambda message, known: replace(
        open_with()(message, known), case=replace(open_with()(message, known).case, tracker_id="7")
    )
    for number in range(3):
        await planned.accept(inbound(f"{number}"))

    def page(after, settled):
        return lambda connection: tracked_cases(connection, after, settled, 2)

    now = micros(clock.now())
    first = await planned.database.read(page("", now))
    rest = await planned.database.read(page(first.after, now))
    assert [one.case[-1] for one in (*first.rows, *rest.rows)] == ["1", "2", "3"]
    assert (first.after, rest.after) == (first.rows[-1].case, rest.rows[-1].case)
    assert await planned.database.read(page(rest.after, now)) == TrackedPage(rows=(), after="")
    assert not any(one.busy for one in first.rows)
    assert all(one.busy for one in (await planned.database.read(page("", now - 1))).rows)


async def test_a_walk_along_finished_cases_looks_at_a_few_at_a_time(planned, plan, clock, monkeypatch):
    monkeypatch.setattr(comparing, "LOOK_AHEAD", 2)
    plan.decide_with = open_with()  # no tracker holds them
    for number in range(3):
        await planned.accept(inbound(f"{number}"))
    now, after, walked = micros(clock.now()), "", []
    while True:
        page = await planned.database.read(partial(tracked_cases, after=after, settled=now, limit=50))
        walked.append((len(page.rows), page.after[-1:]))
        if not (after := page.after):
            break
    assert walked == [(0, "2"), (0, "3"), (0, "")]


async def test_a_page_of_the_walk_is_a_range_of_the_primary_key(planned):
    def plan_of(connection):
        explain = "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            explain = "EXPLAIN"
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        asked = []
        record = lambda _c, _cursor, statement, parameters, *_rest: asked.append((statement, parameters))  # noqa: E731
        event.listen(connection.engine, "before_cursor_execute", record)
        try:
            tracked_cases(connection, "LEU-2026-000001", micros(START), 50)
        finally:
            event.remove(connection.engine, "before_cursor_execute", record)
        statement, parameters = asked[-1]
        return " ".join(str(row) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters))

    plan = await planned.database.read(plan_of)
    assert "cases_pkey" in plan or "cases USING PRIMARY KEY (ref>? AND ref<?)" in plan, plan


async def test_an_end_is_compared_for_two_weeks_unless_it_is_erased(planned, plan, clock):
    plan.decide_with = lambda message, known: replace(
        open_with()(message, known),
        case=replace(open_with()(message, known).case, tracker_id="7", status=CaseStatus.CLOSED),
    )
    await planned.accept(inbound("1"))

    async def compared():
        now = micros(clock.now())
        page = await planned.database.read(partial(tracked_cases, after="", settled=now, limit=9))
        one = await planned.database.read(partial(tracked_case, ref=FIRST, settled=now))
        return [row.case for row in page.rows], one is not None

    assert await compared() == ([FIRST], True)
    clock.advance(timedelta(days=13, hours=23))
    assert await compared() == ([FIRST], True)
    clock.advance(timedelta(hours=2))
    assert await compared() == ([], False)
    clock.jump(-timedelta(days=10))
    assert await compared() == ([FIRST], True)
    plan.decide_with = lambda _message, known: says(known)
    await planned.erase_case(FIRST, "an", "vraag van de burger")
    assert await compared() == ([], False)


async def test_a_question_about_standings_uses_its_index(planned):
    def plan_of(connection):
        explain = "EXPLAIN QUERY PLAN"
        if connection.dialect.name == "postgresql":
            explain = "EXPLAIN"
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        query = select(standings).where(standings.c.system == "dosis", standings.c.compare_at <= 1)
        text = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
        return " ".join(str(row) for row in connection.exec_driver_sql(f"{explain} {text}"))

    assert "standings_to_compare" in await planned.database.read(plan_of)


async def test_news_is_not_put_off_by_a_look_at_what_was_before(planned, plan, clock):
    await opened(planned, plan, standings=(Standing(system="dosis", state="received", at=clock.now()),))
    (before,) = await comparisons(planned, clock)
    clock.advance(timedelta(minutes=1))
    await then(planned, plan, "2", standings=(Standing(system="dosis", state="planned", at=clock.now()),))
    later = micros(clock.now() + timedelta(hours=6))
    look = NextLook(case=FIRST, system="dosis", seen=before.compare_at, at=later)
    await planned.database.write(note_looks, look)
    assert [one.standing.state for one in await comparisons(planned, clock)] == ["planned"]


async def test_news_settles_also_after_an_outage(planned, plan, clock):
    await opened(planned, plan, standings=(Standing(system="dosis", state="received", at=clock.now()),))
    clock.advance(timedelta(minutes=1))
    await planned.database.write(look_at_once, "dosis")
    assert await comparisons(planned, clock, settle=int(15 * 60e6)) == ()


async def test_it_is_known_that_a_difference_was_healed_last(planned, plan, clock):
    standing = Standing(system="dosis", state="received", at=clock.now())
    told = []
    for name in ("received-opened", f"{AGAIN}received-m1", "planned-m2"):
        intents = (note(FIRST, "dosis", name),)
        if told:
            await then(planned, plan, name, intents=intents, standings=(standing,))
        else:
            await opened(planned, plan, intents=intents, standings=(standing,))
        (one,) = await comparisons(planned, clock)
        told.append(one.told_again)
    assert told == [False, True, False]
