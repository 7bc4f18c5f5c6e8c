"""Outages: one incident however long, few tries meanwhile, and everything catches up afterwards."""

import asyncio
from datetime import timedelta

from tenacity import wait_random_exponential

from journal.operations import Health
from ports.errors import RejectedError, TransientError, UncertainError
from tests.journal.scene import inbound, open_with, recount
from tests.worker.stage import PretendedSystem, Stage, until
from worker.breaker import THRESHOLD

BUSY = TransientError("connection refused")


async def test_hours_of_outage_are_one_incident_and_few_tries(open_stage, tracker):
    stage = await open_stage(wait=wait_random_exponential(multiplier=1, max=600))
    tracker.always = BUSY
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(12)))
    await stage.settle()
    await stage.pass_time(2 * 3600, step=60)

    (incident,) = await stage.incidents()
    assert (incident.system, incident.what, incident.closed_at) == ("tracker", "connection refused", None)
    assert len(tracker.tries) <= 12 + 2 * 60 + 10  # all at once in the beginning, then one a minute
    assert (await stage.states())["due"] == 12
    assert (await recount(stage.journal))["waiting"] == 12

    tracker.always = None
    await stage.pass_time(1500, step=60)
    assert await stage.states() == {"applied": 12}
    assert set(tracker.world.values()) == {1}
    (incident,) = await stage.incidents()
    assert incident.closed_at > incident.opened_at


async def test_while_a_target_is_not_known_to_be_back_one_at_a_time_tries(open_stage, tracker):
    stage = await open_stage()
    tracker.always = BUSY
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(20)))
    await stage.settle()
    tracker.most_at_once = 0
    gate = asyncio.Event()

    async def slow_refusal(_key):
        await gate.wait()
        raise BUSY

    tracker.always = slow_refusal
    stage.clock.advance(timedelta(seconds=120))
    before = len(tracker.tries)
    await stage.breakers.refresh()
    await stage.scheduler.sweep()
    await until(lambda: len(tracker.tries) > before)
    await asyncio.sleep(0.05)
    assert (len(tracker.tries) - before, tracker.most_at_once) == (1, 1)
    gate.set()
    await stage.settle()
    assert len(tracker.tries) - before == 1


async def test_a_success_closes_the_circuit_at_once(open_stage, tracker):
    stage = await open_stage()
    tracker.answers = [BUSY] * THRESHOLD
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(THRESHOLD)))
    await stage.settle()
    assert "tracker" in stage.breakers.held()
    await stage.pass_time(10)

    assert await stage.states() == {"applied": THRESHOLD}
    assert stage.breakers.held() == frozenset()
    assert (await stage.incidents())[0].closed_at


async def test_few_failures_open_no_incident(stage, tracker):
    tracker.answers = [BUSY] * (THRESHOLD - 1)
    await stage.accept(inbound("1"))
    await stage.settle()
    await stage.pass_time(20)

    assert await stage.states() == {"applied": 1}
    assert await stage.incidents() == []


async def test_a_target_that_is_seldom_tried_is_away_when_its_failures_last(journal_url, tracker):
    """Whoever agreed on long waits between tries, and dies after each of them, sees the outage too."""
    tracker.always = TransientError("nobody is home", retry_after=120)
    clock = None
    for life in range(4):
        async with Stage(journal_url, {"tracker": tracker}, name=f"w/{life}", clock=clock) as stage:
            if clock is None:
                clock = stage.clock
                await stage.accept(inbound("1"))
            await stage.look_around()
            assert len(tracker.tries) == life + 1
            assert len(await stage.incidents()) == (life > 2)
            clock.advance(timedelta(seconds=125))
    tracker.always = None
    async with Stage(journal_url, {"tracker": tracker}, name="w/5", clock=clock) as stage:
        await stage.look_around()
        (incident,) = await stage.incidents()
        assert incident.closed_at


async def test_what_waits_long_for_its_next_turn_goes_with_the_first_success_after_an_outage(stage, tracker):
    """As a webhook with its agreed pace."""
    tracker.always = TransientError("nobody is home", pace=(5, 300, 1800, 7200, 18000))
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(3)))
    await stage.settle()
    await stage.pass_time(3600, step=60)
    before = len(tracker.tries)
    await stage.pass_time(1200, step=60)
    assert len(tracker.tries) == before, "the agreed pace is kept while nobody is home"

    tracker.always = None
    await stage.accept(inbound("news"))
    await stage.settle()
    await stage.look_around()
    assert await stage.states() == {"applied": 4}
    assert set(tracker.world.values()) == {1}


async def test_a_success_without_an_outage_hurries_nobody(stage, tracker):
    tracker.answers = [TransientError("not this one", pace=(3600, 3600))]
    await stage.accept(inbound("1"))
    await stage.settle()
    await stage.accept(inbound("2"))
    await stage.settle()
    await stage.look_around()
    assert await stage.states() == {"applied": 1, "due": 1}


async def test_whose_answer_was_lost_is_asked_after_at_its_own_time(stage, tracker):
    """The other side may still be at it."""
    tracker.answers = [UncertainError("lost")] * THRESHOLD
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(THRESHOLD)))
    await stage.settle()
    await stage.journal.report(Health("tracker", ok=True))
    await stage.look_around()
    assert tracker.looks == []
    assert (await stage.states())["unknown"] == THRESHOLD


async def test_refusals_are_answers_and_no_outage(stage, tracker):
    tracker.always = RejectedError("no such group")
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(20)))
    await stage.settle()

    assert await stage.states() == {"parked": 20}
    assert stage.breakers.held() == frozenset()


async def test_lost_answers_are_an_outage_too(stage, tracker):
    tracker.always = UncertainError("lost")
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(20)))
    await stage.settle()

    assert "tracker" in stage.breakers.held()
    assert len(await stage.incidents()) == 1


async def test_an_outage_of_one_target_leaves_others_alone(open_stage):
    down, well = PretendedSystem(always=BUSY), PretendedSystem()
    stage = await open_stage({"tracker": down, "mail": well})
    stage.routes.decide_with = open_with("tracker", "mail")
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(20)))
    await stage.settle()

    assert len(well.world) == 20
    assert down.world == {}


async def test_a_paused_target_gets_nothing_until_it_is_resumed(stage, tracker):
    await stage.journal.pause("tracker", "admin", "maintenance")
    await stage.breakers.refresh()
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(10)))
    await stage.settle()
    await stage.pass_time(600, step=20)
    assert tracker.tries == []
    assert await stage.states() == {"due": 10}

    await stage.journal.resume("tracker", "admin")
    await stage.look_around()
    assert await stage.states() == {"applied": 10}
    assert await stage.incidents() == []


async def test_workers_share_what_they_know(journal_url, tracker):
    tracker.always = BUSY
    async with Stage(journal_url, {"tracker": tracker}, name="w/1") as one:
        await asyncio.gather(*(one.accept(inbound(f"{n}")) for n in range(THRESHOLD)))
        await one.settle()
        before = len(tracker.tries)
        async with Stage(journal_url, {"tracker": tracker}, name="w/2", clock=one.clock) as other:
            await other.breakers.refresh()
            await other.accept(inbound("more"))
            await other.settle()
            assert len(tracker.tries) == before
            tracker.always = None
            await one.pass_time(5)
            await other.pass_time(60, step=20)
            assert await other.states() == {"applied": THRESHOLD + 1}
            assert other.breakers.held() == frozenset()
    assert set(tracker.world.values()) == {1}
