"""The ledger: who may try what, in which order, and what an outcome changes."""

import asyncio
from datetime import timedelta

import pytest
import structlog
from msgspec.structs import replace
from sqlalchemy import update

from canonical_model.contact import Thread
from canonical_model.decision import Decision, Fate
from journal.effects import MAX_DEATHS, SETTLE, Outcome, Result, SweepRequest
from journal.instants import micros
from journal.schema import attempts, bodies, effects, messages
from journal.sent import sent_of
from tests.journal.scene import (
    LEASE,
    apply_all,
    claim,
    contact,
    contact_message,
    effect_states,
    inbound,
    new_case,
    note,
    open_with,
    record,
    recount,
    rows,
    together,
)

FIRST = "LEU-2026-000001"
JOINING = contact(thread=Thread(claimed_case=FIRST))


async def lane(planned, count: int = 3, **fields) -> list[str]:
    """A case with so many notes for the tracker, one behind the other; their ids in order."""
    planned_ids = []
    for number in range(count):
        accepted = await planned.accept(contact_message(f"lane-{number}", JOINING, **fields))
        planned_ids += accepted.effects
    return planned_ids


async def test_a_lane_is_worked_off_in_order_one_at_a_time(planned):
    ids = await lane(planned)

    first = await claim(planned, *reversed(ids))
    assert [one.id for one in first.effects] == ids[:1]
    assert (await claim(planned, *ids)).effects == ()
    ended = await record(planned, first.effects[0], Outcome.APPLIED, outside_id="1")
    assert ended.next == (ids[1],)
    assert [one.id for one in (await claim(planned, *ids)).effects] == [ids[1]]


async def test_lanes_to_other_systems_and_of_other_cases_do_not_wait(planned, plan):
    plan.decide_with = open_with("tracker", "mail")
    one = await planned.accept(inbound("1"))
    other = await planned.accept(inbound("2"))

    taken = await claim(planned, *one.effects, *other.effects)
    assert len(taken.effects) == 4


async def test_a_parked_effect_stops_its_lane_when_it_blocks(planned):
    ids = await lane(planned, 2)
    (first,) = (await claim(planned, *ids)).effects

    ended = await record(planned, first, Outcome.REJECTED, what="no")
    assert ended.next == ()
    assert (await claim(planned, *ids)).effects == ()
    assert sorted((await effect_states(planned)).values()) == ["due", "parked"]


async def test_a_parked_effect_lets_its_lane_go_on_when_it_does_not_block(planned, plan):
    plan.decide_with = open_with("tracker", blocking=False)
    ids = await lane(planned, 2)
    (first,) = (await claim(planned, *ids)).effects

    ended = await record(planned, first, Outcome.REJECTED, what="no")
    assert ended.next == (ids[1],)
    assert [one.id for one in (await claim(planned, *ids)).effects] == [ids[1]]


async def test_what_its_target_can_never_do_is_skipped_with_the_reason_and_lets_its_lane_go_on(planned):
    ids = await lane(planned, 2)
    (first,) = (await claim(planned, *ids)).effects

    ended = await record(planned, first, Outcome.SKIPPED, what="nothing is called back here")
    assert ended.next == (ids[1],)
    row = next(one for one in await rows(planned, effects) if one.id == ids[0])
    assert (row.state, row.reason, row.handout_at) == ("skipped", "nothing is called back here", None)
    assert row.finished_at is not None
    await recount(planned)


async def test_nothing_is_claimed_twice_however_many_ask(planned):
    ids = [id_ for number in range(20) for id_ in (await planned.accept(inbound(f"{number}"))).effects]

    claims = await asyncio.gather(*(claim(planned, *ids, owner=f"w/{n}") for n in range(8)))
    taken = [one.id for each in claims for one in each.effects]
    assert sorted(taken) == sorted(ids)


async def test_nothing_is_claimed_before_its_time(planned, plan, clock):
    later = clock.now() + timedelta(hours=1)

    def decide(_message, known):
        case = new_case(known)
        intent = note(case.ref, "tracker", "later", not_before=later)
        return Decision(fate=Fate.ROUTED, reason="", case=case, intents=(intent,))

    plan.decide_with = decide
    (id_,) = (await planned.accept(inbound("1"))).effects

    assert (await claim(planned, id_)).effects == ()
    assert await planned.sweep(SweepRequest()) == ()
    clock.advance(timedelta(hours=1))
    assert await planned.sweep(SweepRequest()) == (id_,)
    assert len((await claim(planned, id_)).effects) == 1


async def test_a_held_target_gets_nothing_and_others_do(planned, plan):
    plan.decide_with = open_with("tracker", "mail")
    accepted = await planned.accept(inbound("1"))

    taken = await claim(planned, *accepted.effects, held=frozenset({"tracker"}))
    assert [one.target for one in taken.effects] == ["mail"]


async def test_a_cap_keeps_back_what_is_too_much(planned):
    ids = [(await planned.accept(inbound(f"{n}"))).effects[0] for n in range(5)]

    taken = await claim(planned, *ids, caps=(("tracker", 2),))
    assert len(taken.effects) == 2
    assert {target for target, _ in taken.kept_back} == {"tracker"}
    assert {one.id for one in taken.effects} | {id_ for _, id_ in taken.kept_back} == set(ids)


async def test_a_budget_is_never_exceeded_in_a_minute(planned, clock):
    await planned.know_systems(["tracker"])
    ids = [(await planned.accept(inbound(f"{n}"))).effects[0] for n in range(25)]
    budget = (("tracker", 10),)

    claims = await asyncio.gather(*(claim(planned, *ids, owner=f"w/{n}", budgets=budget) for n in range(4)))
    assert sum(len(each.effects) for each in claims) == 10
    clock.advance(timedelta(seconds=30))
    assert (await claim(planned, *ids, budgets=budget)).effects == ()
    clock.advance(timedelta(seconds=30))
    assert len((await claim(planned, *ids, budgets=budget)).effects) == 10
    assert (await claim(planned, *ids, budgets=budget)).effects == ()


async def test_what_a_budget_kept_back_is_swept_later(planned, clock):
    await planned.know_systems(["tracker"])
    ids = [(await planned.accept(inbound(f"{n}"))).effects[0] for n in range(3)]
    taken = await claim(planned, *ids, budgets=(("tracker", 1),))

    clock.advance(timedelta(seconds=30))
    assert set(await planned.sweep(SweepRequest())) == set(ids) - {one.id for one in taken.effects}


@pytest.mark.parametrize(("owner", "attempt"), [("w/2", 0), ("w/1", 1), ("w/1", -1)])
async def test_only_the_holder_of_the_claim_may_record(planned, owner, attempt):
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_, owner="w/1")).effects

    stranger = replace(held, attempt=held.attempt + attempt)
    ended = await record(planned, stranger, Outcome.APPLIED, owner)
    assert ended.stale
    assert (await effect_states(planned))[held.key] == "claimed"
    assert await rows(planned, attempts) == []


async def test_who_slept_past_the_lease_may_not_record(planned, clock):
    (id_,) = (await planned.accept(inbound("1"))).effects
    (slept,) = (await claim(planned, id_, owner="w/1")).effects
    clock.advance(timedelta(seconds=61))
    await planned.sweep(SweepRequest())
    (second,) = (await claim(planned, id_, owner="w/2")).effects

    assert (await record(planned, slept, Outcome.REJECTED, "w/1")).stale
    assert not (await record(planned, second, Outcome.APPLIED, "w/2")).stale
    assert (await effect_states(planned))[slept.key] == "applied"
    assert (await recount(planned))["done"] == 1


async def test_an_outcome_told_twice_at_once_counts_once(planned):
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_)).effects

    await together(planned, *(record(planned, held, Outcome.APPLIED) for _ in range(5)))
    assert (await recount(planned))["done"] == 1
    assert len(await rows(planned, attempts)) == 1


async def test_every_attempt_is_written_down_with_its_own_error(planned, clock):
    (id_,) = (await planned.accept(inbound("1"))).effects
    for number, outcome in enumerate((Outcome.AGAIN, Outcome.UNKNOWN, Outcome.APPLIED)):
        (held,) = (await claim(planned, id_)).effects
        assert held.probe is (number == 2)
        await record(planned, held, outcome, what=f"try {number}", error=outcome.value)

    tries = [(row.number, row.outcome, row.what) for row in await rows(planned, attempts)]
    assert tries == [(1, "again", "try 0"), (2, "unknown", "try 1"), (3, "applied", "try 2")]
    assert (await recount(planned))["done"] == 1


async def test_a_retry_waits_as_long_as_it_was_told(planned, clock):
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_)).effects
    await record(planned, held, Outcome.AGAIN, wait=90_000_000)

    assert (await claim(planned, id_)).effects == ()
    clock.advance(timedelta(seconds=89))
    assert await planned.sweep(SweepRequest()) == ()
    clock.advance(timedelta(seconds=1))
    assert await planned.sweep(SweepRequest()) == (id_,)


async def test_a_lost_hand_out_is_found_by_the_sweeper_and_not_every_second(planned, clock):
    (id_,) = (await planned.accept(inbound("1"))).effects

    assert await planned.sweep(SweepRequest()) == ()
    clock.advance(timedelta(seconds=20))
    assert await planned.sweep(SweepRequest()) == (id_,)
    clock.advance(timedelta(seconds=59))
    assert await planned.sweep(SweepRequest()) == ()
    clock.advance(timedelta(seconds=1))
    assert await planned.sweep(SweepRequest()) == (id_,)


async def test_the_sweeper_leaves_held_targets_and_what_is_settled(planned, plan, clock):
    plan.decide_with = open_with("tracker", "mail")
    ids = (await planned.accept(inbound("1"))).effects
    (mail,) = (await claim(planned, *ids, held=frozenset({"tracker"}))).effects
    await record(planned, mail, Outcome.APPLIED)
    clock.advance(timedelta(minutes=5))

    assert await planned.sweep(SweepRequest(held=frozenset({"tracker"}))) == ()
    assert len(await planned.sweep(SweepRequest())) == 1


async def test_the_sweeper_takes_the_oldest_first_and_no_more_than_its_limit(planned, clock):
    ids = []
    for number in range(4):
        ids += (await planned.accept(inbound(f"{number}"))).effects
        clock.advance(timedelta(milliseconds=10))
    clock.advance(timedelta(minutes=1))

    assert await planned.sweep(SweepRequest(limit=3)) == tuple(ids[:3])
    assert await planned.sweep(SweepRequest(limit=3)) == (ids[3],)


async def test_a_claim_whose_lease_ran_out_is_unknown_and_says_so(planned, clock):
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_, owner="w/dead")).effects
    clock.advance(timedelta(seconds=59))
    assert await planned.sweep(SweepRequest()) == ()
    clock.advance(timedelta(seconds=1))

    assert await planned.sweep(SweepRequest()) == (id_,)
    assert (await effect_states(planned))[held.key] == "unknown"
    (row,) = await rows(planned, attempts)
    assert (row.number, row.outcome, row.error, row.worker) == (1, "unknown", "WorkerDied", "w/dead")
    (again,) = (await claim(planned, id_)).effects
    assert (again.probe, again.attempt, again.deaths) == (True, 2, 1)


async def test_what_kills_its_workers_is_parked(planned, clock):
    (id_,) = (await planned.accept(inbound("1"))).effects
    for _ in range(MAX_DEATHS):
        assert len((await claim(planned, id_)).effects) == 1
        clock.advance(timedelta(microseconds=LEASE))
        await planned.sweep(SweepRequest())

    assert list((await effect_states(planned)).values()) == ["parked"]
    assert (await claim(planned, id_)).effects == ()
    assert (await recount(planned))["parked"] == 1
    assert len(await rows(planned, attempts)) == MAX_DEATHS
    clock.advance(timedelta(days=1))
    assert await planned.sweep(SweepRequest()) == ()


async def test_the_claims_of_a_buried_worker_are_found_once_the_other_side_has_settled(planned, clock):
    ids = [(await planned.accept(inbound(f"{n}"))).effects[0] for n in range(2)]
    await claim(planned, ids[0], owner="host-1/4711")
    await claim(planned, ids[1], owner="host-10/4711")

    await planned.bury("host-1/")
    assert await planned.sweep(SweepRequest()) == ()
    clock.advance(timedelta(microseconds=SETTLE))
    await planned.bury("host-1/")
    assert await planned.sweep(SweepRequest()) == (ids[0],)


async def test_a_command_that_does_not_open_is_parked_and_others_go_on(planned):
    bad, good = [(await planned.accept(inbound(f"{n}"))).effects[0] for n in range(2)]
    await _change(planned, update(bodies).where(bodies.c.owner == bad).values(canonical=b"x" * 40))

    taken = await claim(planned, bad, good)
    assert [one.id for one in taken.effects] == [good]
    assert (await rows(planned, effects, effects.c.id == bad))[0].state == "parked"
    await recount(planned)


async def test_a_command_of_a_newer_hub_is_parked_and_others_go_on(planned):
    bad, good = [(await planned.accept(inbound(f"{n}"))).effects[0] for n in range(2)]
    await _change(planned, update(bodies).where(bodies.c.owner == bad).values(schema_version=99))

    taken = await claim(planned, bad, good)
    assert [one.id for one in taken.effects] == [good]
    assert "schema version 99" in (await rows(planned, effects, effects.c.id == bad))[0].reason


async def test_an_erased_command_is_parked(planned):
    (id_,) = (await planned.accept(inbound("1"))).effects
    await planned.erase_case(FIRST, "dpo", "asked")

    assert (await claim(planned, id_)).effects == ()
    (row,) = await rows(planned, effects, effects.c.id == id_)
    assert (row.state, row.error) == ("parked", "Erased")
    assert (await recount(planned))["parked"] == 1


async def test_what_follows_from_an_outcome_is_written_with_it(planned, plan):
    plan.after_with = lambda settled, case: Decision(
        fate=Fate.ROUTED,
        reason="",
        case=replace(case, tracker_id=settled.outside_id),
        intents=(note(case.ref, "mail", "told"),),
    )
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_)).effects
    ended = await record(planned, held, Outcome.APPLIED, outside_id="T-1")

    assert len(ended.next) == 1
    assert (await recount(planned))["waiting"] == 1
    plan.after_with = lambda _settled, _case: None
    assert await apply_all(planned, ended.next) == [f"{FIRST}/mail/add_note/told"]
    assert (await recount(planned))["done"] == 1


async def test_a_route_that_fails_after_an_outcome_does_not_keep_it_from_being_recorded(planned, plan):
    def after(_settled, _case):
        raise AttributeError("a mistake in a route")

    plan.after_with = after
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_)).effects
    with structlog.testing.capture_logs() as logs:
        await record(planned, held, Outcome.APPLIED)

    assert [log["event"] for log in logs] == ["route_failed"]
    assert (await recount(planned))["done"] == 1


async def test_a_case_that_was_erased_meanwhile_lets_its_outcome_be_recorded(planned, plan):
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_)).effects
    await planned.erase_case(FIRST, "dpo", "asked")
    plan.after_with = lambda _settled, case: Decision(
        fate=Fate.ROUTED, reason="", case=case, intents=(note(case.ref, "mail", "told"),)
    )

    assert not (await record(planned, held, Outcome.APPLIED)).stale
    assert (await recount(planned))["done"] == 1


async def test_times_of_an_attempt_are_those_of_the_try(planned, clock):
    (id_,) = (await planned.accept(inbound("1"))).effects
    (held,) = (await claim(planned, id_)).effects
    began = micros(clock.now())
    clock.advance(timedelta(seconds=2))
    await planned.record(_result(held, began))

    (row,) = await rows(planned, attempts)
    assert (row.started_at, row.ended_at - row.started_at) == (began, 2_000_000)


async def test_messages_end_when_their_effects_do(planned, plan):
    plan.decide_with = open_with("tracker", "mail")
    accepted = await planned.accept(inbound("1"))
    tracker, mail = (await claim(planned, *accepted.effects)).effects

    await record(planned, tracker, Outcome.REJECTED)
    assert (await rows(planned, messages))[0].state == "parked"
    await record(planned, mail, Outcome.APPLIED)
    assert (await rows(planned, messages))[0].state == "parked"
    await planned.skip_effect(tracker.id, "admin", "done by hand")
    assert (await rows(planned, messages))[0].state == "done"
    await recount(planned)


def _result(held, began):
    return Result(held.id, held.attempt, "w/1", Outcome.APPLIED, began)


async def _change(journal, statement) -> None:
    def write(tx, arguments):
        tx.connection.execute(statement)
        return [None] * len(arguments)

    await journal.database.write(write, None)


async def test_what_went_out_or_may_still_is_known_when_its_case_is_erased(planned, plan):
    plan.decide_with = open_with("tracker", "mail", "dosis")
    (tracker, mail, _) = (await planned.accept(inbound("1"))).effects
    for id_, outcome in ((tracker, Outcome.APPLIED), (mail, Outcome.SKIPPED)):
        (taken,) = (await claim(planned, id_)).effects
        await record(planned, taken, outcome, outside_id="7" if outcome is Outcome.APPLIED else "")

    found = await planned.database.read(lambda connection: sent_of(connection, [FIRST]))
    assert [(one.target, one.outside_id) for one in found[FIRST]] == [
        ("tracker", "7"),
        ("mail", ""),
        ("dosis", ""),
    ]
    assert await planned.database.read(lambda connection: sent_of(connection, [])) == {}
