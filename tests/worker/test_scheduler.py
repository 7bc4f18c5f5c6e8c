"""What happens by time: hand-outs that were lost, timers, and what people decided elsewhere."""

import asyncio
from datetime import timedelta

import structlog
from msgspec.structs import replace

from canonical_model.contact import Thread
from canonical_model.decision import Timer
from canonical_model.events import TimerFired
from journal.database import StoreUnavailableError
from journal.schema import messages, timers
from tests.journal.scene import contact, contact_message, inbound, open_with, recount, rows
from tests.worker.stage import Stage, until


async def test_what_the_broker_lost_is_handed_out_again(stage, tracker):
    ids = [(await stage.journal.accept(inbound(f"{n}"))).effects for n in range(20)]
    assert all(ids)
    await stage.settle()
    assert tracker.tries == []
    await stage.pass_time(21, step=7)

    assert await stage.states() == {"applied": 20}


async def test_a_hub_that_starts_again_finds_everything(journal_url, tracker):
    async with Stage(journal_url, {"tracker": tracker}, name="w/1") as before:
        for number in range(10):
            await before.journal.accept(inbound(f"{number}"))
    async with Stage(journal_url, {"tracker": tracker}, name="w/2", clock=before.clock) as after:
        await after.journal.bury("w/1")
        await after.look_around()
        assert await after.states() == {"applied": 10}


async def test_a_timer_becomes_one_message_however_many_schedulers_look(journal_url, tracker):
    async with Stage(journal_url, {"tracker": tracker}, name="w/1") as one:
        due = one.clock.now() + timedelta(days=1)
        one.routes.decide_with = lambda message, known: replace(
            open_with("tracker")(message, known), timers=(Timer(name="chase", due=due, round=2),)
        )
        await one.accept(inbound("1"))
        one.routes.decide_with = open_with()
        async with Stage(
            journal_url, {"tracker": tracker}, name="w/2", router=one.routes, clock=one.clock
        ) as two:
            one.clock.advance(timedelta(hours=23))
            await one.scheduler.fire_timers()
            assert len(await rows(one.journal, messages)) == 1
            one.clock.advance(timedelta(hours=1))
            await asyncio.gather(*(stage.scheduler.fire_timers() for stage in (one, two, one, two)))
        fired = [row for row in await rows(one.journal, messages) if row.source == "timer"]
        assert [row.kind for row in fired] == ["timer_fired"]
        assert await rows(one.journal, timers) == []
        await recount(one.journal)


async def test_a_timer_tells_its_round(stage):
    seen = []

    def decide(message, known):
        if isinstance(message.body, TimerFired):
            seen.append((message.body.name, message.body.round))
            return open_with()(message, known)
        timer = Timer(name="chase", due=stage.clock.now(), round=3)
        return replace(open_with()(message, known), timers=(timer,))

    stage.routes.decide_with = decide
    await stage.accept(inbound("1"))
    await stage.look_around()
    assert seen == [("chase", 3)]


async def test_a_clock_that_was_put_back_does_not_stop_the_scheduler(stage):
    due = stage.clock.now() + timedelta(hours=1)

    def with_round(round_):
        return lambda message, known: replace(
            open_with()(message, known), timers=(Timer(name="chase", due=due, round=round_),)
        )

    stage.routes.decide_with = with_round(0)
    await stage.accept(inbound("1"))
    stage.clock.advance(timedelta(hours=2))
    stage.routes.decide_with = open_with()
    await stage.look_around()
    stage.clock.jump(timedelta(hours=-2))
    stage.routes.decide_with = with_round(1)
    joining = contact(thread=Thread(claimed_case="LEU-2026-000001"))
    await stage.accept(contact_message("2", joining))
    stage.clock.advance(timedelta(hours=2))
    stage.routes.decide_with = open_with()
    await stage.look_around()

    assert await rows(stage.journal, timers) == []


async def test_the_scheduler_goes_round_and_survives_a_journal_that_is_away(stage, tracker):
    sweep, failures = stage.journal.sweep, iter([True, True, True])

    async def unavailable(request):
        if next(failures, False):
            raise StoreUnavailableError("database away")
        return await sweep(request)

    stage.journal.sweep = unavailable
    await stage.journal.accept(inbound("1"))
    stage.clock.advance(timedelta(seconds=30))
    with structlog.testing.capture_logs() as logs:
        running = asyncio.create_task(stage.scheduler.run(interval=0.005))
        await until(lambda: len(tracker.world) == 1)
        stage.scheduler.stop()
        await running

    assert [log["step"] for log in logs if log["event"] == "schedule_delayed"] == ["sweep"] * 3


async def test_checkpoints_of_two_adapters_are_apart(stage):
    one, other = stage.accept.checkpoints("a"), stage.accept.checkpoints("b")
    await one.save("uid", "7")

    assert (await one.load("uid"), await other.load("uid")) == ("7", None)
