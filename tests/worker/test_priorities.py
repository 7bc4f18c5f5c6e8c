"""What comes in bulk never starves a citizen's single message."""

import asyncio
from datetime import timedelta

import pytest

from broker.in_process import InProcessBroker
from broker.priorities import TwoPriorities
from tests.journal.scene import inbound
from tests.worker.stage import until
from worker.loop import TargetLimits

MANY = 300


@pytest.fixture
def broker():
    return TwoPriorities(InProcessBroker(), InProcessBroker())


@pytest.fixture
async def stage(open_stage, broker):
    """A tracker that takes one at a time."""
    stage = await open_stage(broker=broker, limits={"tracker": TargetLimits(concurrency=1)})
    stage.scheduler._bulk = broker.bulk
    return stage


async def test_a_single_message_goes_before_hundreds_that_came_in_bulk(stage, tracker):
    tracker.always = lambda _key: asyncio.sleep(0.002)
    await asyncio.gather(*(stage.accept.in_bulk(inbound(f"bulk-{n}")) for n in range(MANY)))
    await stage.scheduler.sweep()
    await until(lambda: len(tracker.world) > 10)  # by now they stand in line before the target as well

    before = len(tracker.tries)
    await stage.accept(inbound("citizen"))
    await until(lambda: any("citizen" in key for key in tracker.world))

    assert len(tracker.tries) - before < 20
    await until(lambda: len(tracker.world) == MANY + 1)


async def test_what_came_in_bulk_is_handed_out_at_once_when_nothing_else_waits(stage, tracker):
    await stage.accept.in_bulk(inbound("1"))
    assert not tracker.tries

    await stage.scheduler.sweep()

    await until(lambda: len(tracker.world) == 1)


async def test_a_retry_of_bulk_stays_bulk_and_urgent_retries_are_swept_first(stage, tracker, broker):
    tracker.answers = [ConnectionError("not now")] * 2
    await stage.accept.in_bulk(inbound("bulk"))
    await stage.scheduler.sweep()
    await until(lambda: len(tracker.tries) == 1)
    await stage.accept(inbound("citizen"))
    await until(lambda: len(tracker.tries) == 2 and not stage.worker.in_flight)
    await stage.worker.stop()
    stage.clock.advance(timedelta(seconds=120))

    await stage.scheduler.sweep()

    assert len(broker.bulk._ids) == 1
    assert len(await broker.take(1, 0)) == 1
    assert len(broker.bulk._ids) == 1


async def test_a_free_worker_claims_nothing_at_the_door_for_bulk(stage, tracker):
    stage.accept.staff(stage.worker)

    await stage.accept.in_bulk(inbound("bulk"))
    assert await stage.states() == {"due": 1}

    await stage.accept(inbound("citizen"))
    await until(lambda: len(tracker.world) == 1)
