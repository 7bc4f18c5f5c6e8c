"""An administrator, NTP or a change of hour sets the clock: no storm of retries, nothing held for ever, nothing twice."""

import asyncio
from datetime import timedelta

import pytest

from tests.journal.scene import inbound
from tests.worker.stage import until

HOURS = [timedelta(hours=-1), timedelta(hours=1), timedelta(days=1), timedelta(days=-1)]


@pytest.mark.parametrize("jump", HOURS, ids=str)
async def test_what_is_under_way_ends_once(stage, tracker, jump):
    gate = asyncio.Event()
    tracker.always = lambda _key: gate.wait()
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(5)))
    await until(lambda: tracker.at_once == 5)

    stage.clock.jump(jump)
    await stage.scheduler.sweep()
    gate.set()
    await stage.settle()
    stage.clock.jump(-jump)
    await stage.pass_time(180, step=20)

    assert await stage.states() == {"applied": 5}
    assert set(tracker.world.values()) == {1}


async def test_what_waits_for_its_time_waits_no_longer_than_the_clock_was_wrong(stage, tracker):
    tracker.answers = [ConnectionError("not now")] * 3
    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(3)))
    await stage.settle()
    stage.clock.jump(timedelta(hours=-1))
    before = len(tracker.tries)

    await stage.pass_time(600, step=20)
    assert len(tracker.tries) - before <= 3

    await stage.pass_time(3600, step=60)
    assert await stage.states() == {"applied": 3}
