"""A worker with free hands claims what can start at once in the transaction that writes it down."""

import asyncio
from datetime import timedelta

import pytest

from journal.database import StoreUnavailableError
from journal.schema import attempts, effects
from tests.journal.scene import inbound, open_with, recount, rows
from tests.worker.stage import PretendedSystem
from worker.loop import TargetLimits

LEASE = 60.0


@pytest.fixture
async def staffed(open_stage):
    """A hub whose door and worker share a process."""
    stage = await open_stage(lease=LEASE)
    await stage.settle()
    stage.accept.staff(stage.worker)
    return stage


async def test_what_is_accepted_is_applied_without_a_hand_out(staffed, tracker, monkeypatch):
    handed_out = []
    monkeypatch.setattr(staffed.broker, "hand_out", handed_out.append)

    await staffed.accept(inbound("1"))
    await staffed.settle()

    assert (set(tracker.world.values()), handed_out) == ({1}, [])
    assert [(row.number, row.outcome) for row in await rows(staffed.journal, attempts)] == [(1, "applied")]
    assert (await recount(staffed.journal))["done"] == 1


async def test_more_than_the_worker_has_hands_goes_by_the_hand_out(open_stage, tracker):
    stage = await open_stage(limits={"tracker": TargetLimits(concurrency=2)}, lease=LEASE)
    await stage.settle()
    stage.accept.staff(stage.worker)

    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(40)))
    await stage.settle()
    await stage.look_around()

    assert await stage.states() == {"applied": 40}
    assert tracker.most_at_once <= 2
    assert set(tracker.world.values()) == {1}


async def test_only_the_first_of_a_lane_is_claimed_at_birth(open_stage, tracker):
    stage = await open_stage(lease=LEASE)
    await stage.settle()
    stage.accept.staff(stage.worker)
    stage.routes.decide_with = open_with("tracker", "tracker")

    await stage.accept(inbound("1"))
    await stage.settle()

    assert [key.rpartition("-")[2] for key in tracker.tries] == ["0", "1"]
    assert tracker.most_at_once == 1
    assert await stage.states() == {"applied": 2}


async def test_a_held_target_claims_nothing(staffed, tracker):
    await staffed.journal.pause("tracker", "an", "maintenance")
    await staffed.breakers.refresh()

    await staffed.accept(inbound("1"))
    await staffed.settle()

    assert (tracker.tries, await staffed.states()) == ([], {"due": 1})


async def test_who_dies_after_the_commit_is_taken_over_by_looking_first(staffed, tracker):
    ticket = staffed.worker.ticket()
    accepted = await staffed.journal.accept(inbound("1"), ticket=ticket)
    staffed.worker.redeem(ticket, ())  # it never begins: as if the process had died here

    (claimed,) = accepted.claimed
    assert (claimed.attempt, accepted.effects) == (1, ())
    await staffed.pass_time(LEASE + 10, step=5)
    assert tracker.looks == [claimed.key]
    assert tracker.world[claimed.key] == 1
    assert await staffed.states() == {"applied": 1}


async def test_a_ticket_comes_back_when_nothing_could_be_stored(staffed, tracker, monkeypatch):
    async def full(*_arguments, **_fields):
        raise StoreUnavailableError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr(staffed.journal, "accept", full)
        with pytest.raises(StoreUnavailableError):
            await staffed.accept(inbound("1"))

    assert staffed.worker._tickets == 0
    await staffed.accept(inbound("1"))
    await staffed.settle()
    assert set(tracker.world.values()) == {1}


async def test_the_same_message_again_claims_nothing_again(staffed, tracker):
    receipts = await asyncio.gather(*(staffed.accept(inbound("1")) for _ in range(20)))
    await staffed.settle()

    assert len({receipt.message_id for receipt in receipts}) == 1
    assert sum(not receipt.duplicate for receipt in receipts) == 1
    assert set(tracker.world.values()) == {1}
    assert staffed.worker._tickets == 0


async def test_a_worker_that_stops_gives_no_ticket(staffed):
    await staffed.worker.stop()

    assert staffed.worker.ticket() is None


async def test_a_budget_is_kept_by_the_hand_out(open_stage):
    system = PretendedSystem()
    stage = await open_stage({"tracker": system}, limits={"tracker": TargetLimits(budget=3)}, lease=LEASE)
    await stage.settle()
    stage.accept.staff(stage.worker)

    await asyncio.gather(*(stage.accept(inbound(f"{n}")) for n in range(10)))
    await stage.settle()

    assert len(system.tries) <= 3
    stage.clock.advance(timedelta(seconds=1))
    assert len(await rows(stage.journal, effects)) == 10
