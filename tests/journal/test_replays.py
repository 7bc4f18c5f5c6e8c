"""Replay plans: frozen, judged, approved by a second person, released at a pace, followed, and never twice."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from canonical_model.case import CaseCard
from canonical_model.commands import Notify, SendMail
from canonical_model.contact import Thread
from canonical_model.decision import Decision, Fate, Intent
from canonical_model.public_status import PublicStatus
from journal.effects import Outcome
from journal.instants import micros
from journal.replay_ledger import Selection
from journal.replay_reading import active_plans, one_plan, plan_rows
from journal.replay_running import BATCH, MESSAGES_AT_ONCE
from journal.schema import audit, cases, effects, messages, replay_plans, replay_rows
from ports.errors import NotUnderstoodError, RejectedError
from ports.intake import Inbound
from tests.journal.scene import (
    AN,
    apply_all,
    claim,
    contact,
    contact_message,
    effect_states,
    inbound,
    new_case,
    open_with,
    record,
    recount,
    rows,
)


async def refused(journal, *refs, error="RejectedError", what="no such group", **fields) -> list[str]:
    """Messages whose every effect was tried and refused; the effects."""
    ids = []
    for ref in refs:
        ids += (await journal.accept(inbound(ref, **fields))).effects
        journal.clock.advance(timedelta(milliseconds=1))  # ids sort by time
    await refuse(journal, ids, error=error, what=what)
    return ids


async def refuse(journal, ids, error="RejectedError", what="no such group"):
    for one in (await claim(journal, *ids)).effects:
        await record(journal, one, Outcome.REJECTED, error=error, what=what)


async def frozen(journal, selection=None, actor="an", **fields):
    """A plan with all its rows."""
    chosen = selection or Selection(**fields)
    plan_id = await journal.replays.plan(chosen, actor, "the group exists now")
    while await journal.replays.freeze(plan_id):
        pass
    return plan_id


async def view(journal, plan_id):
    return await journal.database.read(lambda connection: one_plan(connection, plan_id))


async def row_states(journal, plan_id) -> list[str]:
    return [row.state for row in await rows(journal, replay_rows, replay_rows.c.plan_id == plan_id)]


async def verdicts(journal, plan_id) -> Counter:
    return Counter(row.verdict for row in await rows(journal, replay_rows, replay_rows.c.plan_id == plan_id))


async def counts_hold(journal, plan_id):
    """What is kept with every change must equal what is there."""
    found = await rows(journal, replay_rows, replay_rows.c.plan_id == plan_id)
    counted = Counter((row.target, row.action, row.verdict, row.citizen, row.state) for row in found)
    seen = await view(journal, plan_id)
    assert seen.sums("target", "action", "verdict", "citizen", "state") == counted
    states = Counter(row.state for row in found)
    plan = seen.plan
    assert (plan.rows, plan.waiting, plan.in_flight) == (len(found), states["waiting"], states["released"])


async def run(journal, plan_id, clock, *, outcome=None, rounds=50):
    """Play scheduler and worker until nothing more happens by itself."""
    for _ in range(rounds):
        clock.advance(timedelta(seconds=1))
        await journal.replays.follow(plan_id)
        ids = await journal.replays.release(plan_id)
        if outcome is None:
            await apply_all(journal, ids)
        else:
            for one in (await claim(journal, *ids)).effects:
                await record(journal, one, outcome, error="RejectedError", what="still refused")
        await journal.replays.follow(plan_id)
        if (await view(journal, plan_id)).plan.state != "running":
            return


def mailing(address=AN.email, *, signed=True, ref="case"):
    """Routes that open a case of An with a mail to this address."""

    def decide(message, known):
        case = replace(new_case(known), card=CaseCard(subject="-", party=AN))
        mail = SendMail(
            message_id=f"{case.ref}@x", to=address, subject="-", text="-", case=case.ref if signed else ""
        )
        return Decision(
            fate=Fate.ROUTED, reason="", case=case, intents=(Intent(target="mail", command=mail),)
        )

    return decide


# --- what gets in -----------------------------------------------------------------------------------------


async def test_a_thousand_done_messages_replayed_by_mistake_are_a_thousand_times_already_done(planned, plan):
    plan.decide_with = open_with("tracker")
    accepted = await asyncio.gather(*(planned.accept(inbound(f"{n}")) for n in range(1_000)))
    ids = [id_ for one in accepted for id_ in one.effects]
    held = (await claim(planned, *ids)).effects
    await asyncio.gather(*(record(planned, one, Outcome.APPLIED) for one in held))

    plan_id = await frozen(planned, ids=tuple(one.receipt.message_id for one in accepted))
    seen = await view(planned, plan_id)

    assert seen.sums("verdict", "state") == {("skip", "aside"): 1_000}
    assert (seen.plan.state, seen.plan.waiting) == ("done", 0)
    with pytest.raises(RejectedError, match="is done"):
        await planned.replays.start(plan_id, "an")
    assert await planned.replays.release(plan_id) == ()
    assert set((await effect_states(planned)).values()) == {"applied"}
    assert {row.attempts for row in await rows(planned, effects)} == {1}


async def test_only_what_is_parked_is_chosen_unless_what_is_done_is_asked_for(planned):
    parked = await refused(planned, "1", "2")
    done = (await planned.accept(inbound("3"))).effects
    await apply_all(planned, done)
    waiting = (await planned.accept(inbound("4"))).effects

    few = await frozen(planned, target="tracker")
    all_ = await frozen(planned, target="tracker", done=True)

    assert await verdicts(planned, few) == {"probe": len(parked)}
    assert await verdicts(planned, all_) == {"probe": 2, "skip": 1, "under_way": len(waiting)}
    await counts_hold(planned, all_)


async def test_every_part_of_the_filter_narrows_the_list(planned, plan, clock):
    plan.decide_with = open_with("tracker")
    await refused(planned, "1", what="no such group 12345")
    clock.advance(timedelta(hours=1))
    later = micros(clock.now())
    await refused(planned, "2", error="TransientError", what="away", source="mailbox")
    plan.decide_with = open_with("dosis")
    await refused(planned, "3", what="no such group 99999")
    case = (await rows(planned, cases))[2].ref
    message = (await rows(planned, messages))[1].id

    async def chosen(**fields):
        plan_id = await frozen(planned, **fields)
        found = await rows(planned, replay_rows, replay_rows.c.plan_id == plan_id)
        refs = {row.id: row.source_ref for row in await rows(planned, messages)}
        of = {row.id: refs[row.message_id] for row in await rows(planned, effects)}
        return sorted(of[row.subject] for row in found)

    assert await chosen() == ["1", "2", "3"]
    assert await chosen(target="dosis") == ["3"]
    assert await chosen(errors=("TransientError",)) == ["2"]
    assert await chosen(errors=("TransientError",), but_errors=True) == ["1", "3"]
    assert await chosen(like="no such group …") == ["1", "3"]
    assert await chosen(source="mailbox") == ["2"]
    assert await chosen(since=later) == ["2", "3"]
    assert await chosen(until=later) == ["1"]
    assert await chosen(case=case) == ["3"]
    assert await chosen(ids=(message, (await rows(planned, effects))[1].id)) == ["2"]


async def test_what_fails_while_the_list_is_frozen_or_carried_out_stays_out(planned, clock):
    await refused(planned, "1")
    early = (await planned.accept(inbound("early"))).effects
    plan_id = await planned.replays.plan(Selection(), "an", "again")
    clock.advance(timedelta(seconds=1))
    await refuse(planned, early)
    await refused(planned, "2")
    while await planned.replays.freeze(plan_id):
        pass
    await refused(planned, "3")

    assert await row_states(planned, plan_id) == ["waiting"]
    assert not await planned.replays.freeze(plan_id)


async def test_a_long_list_is_frozen_in_short_steps_by_whoever_comes_by(planned, monkeypatch):
    monkeypatch.setattr("journal.replay_freezing.STEP", 3)
    await refused(planned, *(f"{n}" for n in range(10)))
    plan_id = await planned.replays.plan(Selection(), "an", "again")
    steps = 1
    while any(await asyncio.gather(*(planned.replays.freeze(plan_id) for _ in range(2)))):
        steps += 1

    assert steps > 1
    assert await row_states(planned, plan_id) == ["waiting"] * 10
    await counts_hold(planned, plan_id)


async def test_what_was_erased_and_what_nobody_can_judge_is_set_aside(planned, clock):
    await refused(planned, "1", error="UncertainError", what="nobody can tell")
    await refused(planned, "2")
    await planned.erase_case("LEU-2026-000002", "dpo", "asked")
    plan_id = await frozen(planned)

    assert await verdicts(planned, plan_id) == {"decide": 1, "erased": 1}
    with pytest.raises(RejectedError, match="nothing to send"):
        await planned.replays.start(plan_id, "an")
    await planned.replays.decide(plan_id, 1, "an", "called them: it is not there")
    with pytest.raises(RejectedError, match="asks for no decision"):
        await planned.replays.decide(plan_id, 2, "an", "send it anyway")
    await planned.replays.start(plan_id, "an")
    await run(planned, plan_id, clock)

    assert await row_states(planned, plan_id) == ["applied", "aside"]
    assert (await view(planned, plan_id)).plan.state == "done"
    await counts_hold(planned, plan_id)


# --- a second person --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "signed", "citizens"),
    [(AN.email, True, 1), (AN.email.upper(), False, 1), ("groep@leuven.test", False, 0)],
)
async def test_mails_to_citizens_are_told_apart_from_mails_to_groups(
    planned, plan, address, signed, citizens
):
    plan.decide_with = mailing(address, signed=signed)
    await refused(planned, "1")

    assert (await view(planned, await frozen(planned))).plan.citizens == citizens


async def test_a_notice_goes_to_a_citizen_too_and_waits_for_a_second_person(planned, plan):
    def noticing(message, known):
        case = replace(new_case(known), card=CaseCard(subject="-", party=AN))
        notice = Notify(
            case=case.ref,
            party=AN,
            subject="-",
            status=PublicStatus.PLANNED,
            changed_at=datetime(2026, 3, 2, tzinfo=UTC),
        )
        intents = (Intent(target="notices", command=notice),)
        return Decision(fate=Fate.ROUTED, reason="", case=case, intents=intents)

    plan.decide_with = noticing
    await refused(planned, "1", "2")
    plan_id = await frozen(planned, actor="an")

    assert (await view(planned, plan_id)).plan.citizens == 2
    with pytest.raises(RejectedError, match="2 messages would go to citizens"):
        await planned.replays.start(plan_id, "an")


async def test_mails_to_citizens_go_only_after_somebody_else_approved(planned, plan, clock):
    plan.decide_with = mailing()
    (id_,) = await refused(planned, "1")
    plan_id = await frozen(planned, actor="an")

    with pytest.raises(RejectedError, match="a second person must approve first"):
        await planned.replays.start(plan_id, "an")
    for oneself in ("an", " An ", ""):
        with pytest.raises(RejectedError, match="a second person must approve"):
            await planned.replays.approve(plan_id, oneself)
    await planned.replays.approve(plan_id, "bart")
    await planned.replays.start(plan_id, "an")
    await run(planned, plan_id, clock)

    assert list((await effect_states(planned)).values()) == ["applied"]
    lines = [(row.actor, row.action, row.subject) for row in await rows(planned, audit)]
    assert lines == [
        ("an", "replay_planned", plan_id),
        ("bart", "replay_approved", plan_id),
        ("an", "replay_started", plan_id),
        ("an", "effect_replayed", id_),
        ("scheduler", "replay_finished", plan_id),
    ]
    assert await planned.verify_audit() is None


async def test_who_decides_about_a_mail_cannot_approve_it_and_an_earlier_approval_is_void(planned, plan):
    plan.decide_with = mailing()
    await refused(planned, "1")
    await refused(planned, "2", error="UncertainError")
    plan_id = await frozen(planned, actor="an")
    await planned.replays.approve(plan_id, "bart")

    await planned.replays.decide(plan_id, 2, "bart", "it never arrived")

    assert (await view(planned, plan_id)).plan.citizens == 2
    for involved in ("an", "bart"):
        with pytest.raises(RejectedError, match="a second person"):
            await planned.replays.approve(plan_id, involved)
    with pytest.raises(RejectedError, match="must approve first"):
        await planned.replays.start(plan_id, "an")
    await planned.replays.approve(plan_id, "carla")
    await planned.replays.start(plan_id, "an")


# --- carrying it out --------------------------------------------------------------------------------------


async def test_a_bad_row_never_stops_the_rest_and_each_row_has_its_result(planned, clock):
    ids = await refused(planned, "1", "2", "3")
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an")
    released = await planned.replays.release(plan_id)
    for one in (await claim(planned, *released)).effects:
        bad = one.id == ids[1]
        await record(
            planned, one, Outcome.REJECTED if bad else Outcome.APPLIED, error="RejectedError" if bad else ""
        )
    await planned.replays.follow(plan_id)

    assert await row_states(planned, plan_id) == ["applied", "failed", "applied"]
    assert (await view(planned, plan_id)).plan.state == "done"
    await counts_hold(planned, plan_id)
    assert await recount(planned) == {"received": 3, "done": 2, "parked": 1}


async def test_an_effect_that_was_tried_is_looked_up_and_one_that_never_was_is_sent(planned):
    await refused(planned, "1")
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an")

    (held,) = (await claim(planned, *await planned.replays.release(plan_id))).effects
    assert held.probe


async def test_two_people_replay_the_same_effects_in_two_processes_and_each_is_released_once(
    planned, open_journal, plan, clock
):
    ids = await refused(planned, *(f"{n}" for n in range(60)))
    other = await open_journal(plan, shard="2")
    plans = [await frozen(planned, actor=who) for who in ("an", "bart")]
    for plan_id, who in zip(plans, ("an", "bart"), strict=True):
        await planned.replays.start(plan_id, who)
    released = await asyncio.gather(
        *(one.replays.release(plan_id) for _ in range(3) for one in (planned, other) for plan_id in plans)
    )

    assert sorted(id_ for one in released for id_ in one) == sorted(ids)
    assert len(await apply_all(planned, [id_ for one in released for id_ in one])) == 60
    for plan_id in plans:
        await run(planned, plan_id, clock)
        await counts_hold(planned, plan_id)
    states = Counter([state for one in plans for state in await row_states(planned, one)])
    assert states["applied"] == 60
    assert states["elsewhere"] + states["already"] == 60
    assert {row.attempts for row in await rows(planned, effects)} == {2}
    await recount(planned)


async def test_releases_acts_of_people_and_outcomes_at_once_do_not_get_in_each_others_way(
    planned, open_journal, plan, clock
):
    """Two processes, each with its own writer: on PostgreSQL they really meet."""
    ids = await refused(planned, *(f"{n}" for n in range(40)))
    other = await open_journal(plan, shard="2")
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an", pace=6_000)
    waiting: list[str] = []
    for round_ in range(12):
        clock.advance(timedelta(seconds=1))
        one, two = (planned, other) if round_ % 2 else (other, planned)
        got = await asyncio.gather(
            one.replays.release(plan_id),
            two.replay_effect(ids[round_], "bart", "one by one"),
            two.skip_effect(ids[-1 - round_], "bart", "by hand"),
            one.replays.follow(plan_id),
            two.replays.follow(plan_id),
            *(record(two, held, Outcome.APPLIED) for held in (await claim(two, *waiting)).effects),
            return_exceptions=True,
        )
        wrong = [what for what in got if isinstance(what, Exception) and not isinstance(what, RejectedError)]
        assert wrong == []
        waiting = [row.id for row in await rows(planned, effects, effects.c.state.in_(("due", "unknown")))]
    await apply_all(planned, waiting)
    await run(planned, plan_id, clock)

    assert set((await effect_states(planned)).values()) <= {"applied", "skipped"}
    assert max(row.attempts for row in await rows(planned, effects)) == 2
    await counts_hold(planned, plan_id)
    await recount(planned)


async def test_the_verdict_of_the_moment_counts_not_that_of_the_day_of_planning(planned):
    done, _erased, skipped = await refused(planned, "1", "2", "3")
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an")
    await apply_all(planned, await planned.replay_effect(done, "bart", "one by one"))
    await planned.erase_case("LEU-2026-000002", "dpo", "asked")
    await planned.skip_effect(skipped, "bart", "by hand")

    assert await planned.replays.release(plan_id) == ()
    assert await row_states(planned, plan_id) == ["already", "aside", "already"]
    assert (await view(planned, plan_id)).plan.state == "done"
    await counts_hold(planned, plan_id)


async def test_the_canary_stops_after_its_rows_and_shows(planned, clock):
    await refused(planned, *(f"{n}" for n in range(5)))
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an", canary=2)
    await run(planned, plan_id, clock, outcome=Outcome.REJECTED)

    assert await row_states(planned, plan_id) == ["failed", "failed", "waiting", "waiting", "waiting"]
    assert (await view(planned, plan_id)).plan.state == "canary"
    assert await planned.replays.release(plan_id) == ()
    await planned.replays.resume(plan_id, "an")
    await run(planned, plan_id, clock)
    assert Counter(await row_states(planned, plan_id)) == {"failed": 2, "applied": 3}
    actions = [row.action for row in await rows(planned, audit) if row.action.startswith("replay_")]
    assert actions == [
        *("replay_planned", "replay_started", "replay_canary_over", "replay_resumed", "replay_finished"),
    ]


async def test_rows_go_at_their_pace_and_a_pause_is_not_caught_up(planned, clock):
    await refused(planned, *(f"{n}" for n in range(60)))
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an", pace=60)

    async def released_in(seconds):
        number = 0
        for _ in range(seconds):
            clock.advance(timedelta(seconds=1))
            number += len(await planned.replays.release(plan_id))
        return number

    assert await released_in(1) == 1
    assert await released_in(10) == 10
    await planned.replays.pause(plan_id, "an", "lunch")
    assert await released_in(10) == 0
    await planned.replays.resume(plan_id, "an")
    assert await released_in(5) == 5
    await planned.know_systems(["tracker"])
    await planned.pause("tracker", "an", "maintenance")
    assert await released_in(30) == 0
    await planned.resume("tracker", "an")
    assert await released_in(1) <= 11
    await counts_hold(planned, plan_id)


async def test_a_slow_pace_is_kept_too(planned, clock):
    await refused(planned, "1", "2", "3")
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an", pace=2)
    released = []
    for _ in range(61):
        released.append(len(await planned.replays.release(plan_id)))
        clock.advance(timedelta(seconds=1))

    assert [second for second, number in enumerate(released) if number] == [0, 30, 60]


async def test_a_target_that_is_held_keeps_no_other_waiting(planned, plan):
    plan.decide_with = open_with("tracker")
    await refused(planned, "1")
    plan.decide_with = open_with("dosis")
    await refused(planned, "2")
    await planned.know_systems(["tracker", "dosis"])
    await planned.pause("tracker", "an", "maintenance")
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an")
    await planned.replays.release(plan_id)

    assert await row_states(planned, plan_id) == ["waiting", "released"]


async def test_only_so_many_rows_of_a_target_are_under_way_unless_they_stall(planned, clock):
    accepted = await asyncio.gather(*(planned.accept(inbound(f"{n}")) for n in range(BATCH + 50)))
    held = (await claim(planned, *(id_ for one in accepted for id_ in one.effects))).effects
    await asyncio.gather(*(record(planned, one, Outcome.REJECTED) for one in held))
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an")

    assert len(await planned.replays.release(plan_id)) == BATCH
    assert await planned.replays.release(plan_id) == ()
    clock.advance(timedelta(minutes=6))
    assert len(await planned.replays.release(plan_id)) == 50


async def test_a_row_that_nobody_finishes_is_left_to_the_hub_after_a_day(planned, clock):
    await refused(planned, "1")
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an")
    await planned.replays.release(plan_id)
    clock.advance(timedelta(hours=25))
    await planned.replays.follow(plan_id)

    assert await row_states(planned, plan_id) == ["left"]
    assert (await view(planned, plan_id)).plan.state == "done"


async def test_cancelling_is_at_once_and_what_is_under_way_is_followed_to_its_end(planned, clock):
    await refused(planned, *(f"{n}" for n in range(5)))
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an", pace=120)
    clock.advance(timedelta(seconds=1))
    ids = await planned.replays.release(plan_id)
    await planned.replays.cancel(plan_id, "bart", "wrong group")
    clock.advance(timedelta(seconds=10))
    assert await planned.replays.release(plan_id) == ()
    assert [plan.id for plan in await planned.database.read(active_plans)] == [plan_id]
    await apply_all(planned, ids)
    await planned.replays.follow(plan_id)

    seen = await view(planned, plan_id)
    assert Counter(await row_states(planned, plan_id)) == {"applied": len(ids), "waiting": 5 - len(ids)}
    assert (seen.plan.state, seen.plan.note, seen.plan.in_flight) == ("cancelled", "wrong group", 0)
    assert await planned.database.read(active_plans) == ()
    with pytest.raises(RejectedError, match="is cancelled"):
        await planned.replays.resume(plan_id, "an")


async def test_a_plan_goes_on_where_it_was_when_everything_died_in_the_middle(
    planned, open_journal, plan, clock
):
    await refused(planned, *(f"{n}" for n in range(12)))
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an", canary=0, pace=300)
    clock.advance(timedelta(seconds=1))
    lost = await planned.replays.release(plan_id)  # written down, and then nobody hears of it
    assert 0 < len(lost) < 12
    await planned.close()

    again = await open_journal(plan)
    clock.advance(timedelta(minutes=2))
    await apply_all(again, lost)
    await run(again, plan_id, clock)
    assert await row_states(again, plan_id) == ["applied"] * 12
    assert {row.attempts for row in await rows(again, effects)} == {2}
    await counts_hold(again, plan_id)
    assert (await recount(again))["done"] == 12


async def test_messages_that_a_route_failed_on_are_decided_again_after_approval(planned, plan, clock):
    def broken(_message, _known):
        raise RuntimeError("a mistake")

    plan.decide_with = broken
    for number in range(MESSAGES_AT_ONCE + 5):
        await planned.accept(inbound(f"{number}"))
    odd = NotUnderstoodError("no text")
    await planned.accept(Inbound(source="web", source_ref="odd", raw=b"?", media_type="t/p", problem=odd))
    bad = inbound("3").source_ref

    def mended(message, known):
        return broken(message, known) if message.source_ref == bad else open_with("tracker")(message, known)

    plan.decide_with = mended
    plan_id = await frozen(planned, errors=("route",))
    assert await verdicts(planned, plan_id) == {"again": MESSAGES_AT_ONCE + 5}
    await planned.replays.approve(plan_id, "bart")
    await planned.replays.start(plan_id, "an")
    await run(planned, plan_id, clock)

    states = Counter(await row_states(planned, plan_id))
    assert states == {"applied": MESSAGES_AT_ONCE + 4, "failed": 1}
    assert len(await rows(planned, cases)) == MESSAGES_AT_ONCE + 4
    await counts_hold(planned, plan_id)
    await recount(planned)


async def test_a_message_that_does_not_open_is_one_failed_row_and_takes_nothing_with_it(
    planned, plan, open_journal, clock
):
    def broken(_message, _known):
        raise RuntimeError("a mistake")

    plan.decide_with = broken
    for number in range(3):
        await planned.accept(inbound(f"{number}"))
        clock.advance(timedelta(milliseconds=1))
    plan_id = await frozen(planned)
    second = (await rows(planned, messages))[1].id

    def spoil(tx, arguments):
        from journal.schema import data_keys

        tx.connection.execute(
            data_keys.update().where(data_keys.c.message_id == second).values(wrapped=b"x" * 64)
        )
        return [None] * len(arguments)

    await planned.database.write(spoil, None)
    plan.decide_with = open_with("tracker")
    await planned.replays.approve(plan_id, "bart")
    await planned.replays.start(plan_id, "an")
    await run(planned, plan_id, clock)

    assert await row_states(planned, plan_id) == ["applied", "failed", "applied"]
    (row,) = await rows(planned, replay_rows, replay_rows.c.state == "failed")
    assert row.error == "SealBrokenError"
    await recount(planned)


async def test_order_within_a_lane_is_kept(planned, plan, clock):
    plan.decide_with = open_with("tracker", "dosis", "tracker", blocking=False)
    first = contact(thread=Thread(claimed_case="LEU-2026-000001"))
    ids = list((await planned.accept(inbound("1"))).effects)
    ids += (await planned.accept(contact_message("2", first))).effects
    waiting = ids
    while waiting:
        held = (await claim(planned, *ids)).effects
        waiting = [one.id for one in held]
        for one in held:
            await record(planned, one, Outcome.REJECTED)
    plan_id = await frozen(planned)
    await planned.replays.start(plan_id, "an")
    applied = await apply_all(planned, await planned.replays.release(plan_id))

    by_seq = {row.key: row.seq for row in await rows(planned, effects, effects.c.target == "tracker")}
    order = [by_seq[key] for key in applied if key in by_seq]
    assert order == sorted(order)
    assert len(order) == 4


async def test_rows_are_read_page_by_page_and_by_result(planned, clock):
    await refused(planned, *(f"{n}" for n in range(5)))
    plan_id = await frozen(planned)

    def page(**fields):
        return planned.database.read(lambda connection: plan_rows(connection, plan_id, **fields))

    first = await page(size=3)
    assert ([row.number for row in first.rows], first.after) == ([1, 2, 3], 3)
    rest = await page(size=3, after=first.after)
    assert ([row.number for row in rest.rows], rest.after) == ([4, 5], 0)
    assert len((await page(verdict="probe")).rows) == 5
    assert (await page(state="failed")).rows == ()


async def test_acts_on_a_plan_that_does_not_exist_are_refused(planned):
    nobody = "0" * 32
    for act in (
        planned.replays.freeze(nobody),
        planned.replays.approve(nobody, "an"),
        planned.replays.start(nobody, "an"),
        planned.replays.pause(nobody, "an"),
        planned.replays.cancel(nobody, "an"),
        planned.replays.decide(nobody, 1, "an", "why"),
    ):
        with pytest.raises(RejectedError):
            await act
    assert await planned.replays.release(nobody) == ()
    assert await planned.replays.follow(nobody) == 0


async def test_a_plan_in_trouble_is_held_and_one_that_is_not_whole_is_cancelled(planned):
    await refused(planned, "1")
    half = await planned.replays.plan(Selection(), "an", "again")
    whole = await frozen(planned)
    await planned.replays.start(whole, "an")
    for plan_id in (half, whole):
        await planned.replays.stop(plan_id, "KeyError: see the technical log")

    states = {row.id: (row.state, row.note) for row in await rows(planned, replay_plans)}
    note = "KeyError: see the technical log"
    assert states == {half: ("cancelled", note), whole: ("paused", note)}
