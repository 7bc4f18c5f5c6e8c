"""Replay plans, carried out by the scheduler with real workers: once each, through deaths and rivals."""

import asyncio
import json
import signal
import sys
from collections import Counter
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from journal.database import StoreUnavailableError
from journal.replay_ledger import Selection
from journal.replay_reading import one_plan
from journal.schema import effects, replay_plans, replay_rows
from ports.clock import SystemClock
from ports.errors import RejectedError, UncertainError
from ports.target import Idempotency
from tests.journal.scene import inbound, rows
from tests.shipped import ROOT
from tests.worker.stage import PretendedSystem, Stage, until

WHY = "the group exists now"


async def refused(stage, tracker, number):
    """As many effects that the tracker refused."""
    tracker.always = RejectedError("no such group")
    for one in range(number):
        await stage.accept(inbound(f"{one}"))
    await until(lambda: len(tracker.tries) == number)
    await stage.settle()
    tracker.always = None
    tracker.tries.clear()


async def frozen(stage):
    plan_id = await stage.journal.replays.plan(Selection(), "an", WHY)
    while await stage.journal.replays.freeze(plan_id):
        pass
    return plan_id


async def planned(stage, **how):
    plan_id = await frozen(stage)
    await stage.journal.replays.start(plan_id, "an", **how)
    return plan_id


async def view(stage, plan_id):
    return await stage.journal.database.read(lambda connection: one_plan(connection, plan_id))


async def carried_out(stage, plan_id, rounds=200):
    for _ in range(rounds):
        stage.clock.advance(timedelta(seconds=1))
        await stage.replaying.advance()
        await stage.settle()
        if (await view(stage, plan_id)).plan.over:
            return
    raise AssertionError("the plan never ended")


async def test_the_scheduler_freezes_and_carries_a_plan_out(stage, tracker):
    await refused(stage, tracker, 30)
    plan_id = await stage.journal.replays.plan(Selection(), "an", WHY)
    await stage.replaying.advance()
    await stage.journal.replays.start(plan_id, "an", pace=600)
    await carried_out(stage, plan_id)

    assert (await view(stage, plan_id)).sums("verdict", "state") == {("probe", "applied"): 30}
    assert set(tracker.world.values()) == {1}
    assert await stage.states() == {"applied": 30}


async def test_rivals_with_plans_over_the_same_effects_do_each_once(journal_url, tracker):
    async with (
        Stage(journal_url, {"tracker": tracker}, name="w/1") as one,
        Stage(journal_url, {"tracker": tracker}, name="w/2", clock=one.clock) as two,
    ):
        await refused(one, tracker, 40)
        plans = [await frozen(stage) for stage in (one, two)]
        for plan_id in plans:
            await one.journal.replays.start(plan_id, "an")
        for _ in range(10):
            one.clock.advance(timedelta(seconds=11))  # longer than the lease: both get their turn
            await asyncio.gather(*(stage.replaying.advance() for stage in (one, two)))
            await one.settle()
            await two.settle()

        ended = [await view(one, plan_id) for plan_id in plans]
        assert all(seen.plan.over for seen in ended)
        assert sum(seen.sums("state").get(("applied",), 0) for seen in ended) == 40
        assert tracker.world.total() == len(tracker.world) == 40


async def test_an_answer_that_is_lost_again_is_looked_up_and_not_repeated(stage, tracker):
    await refused(stage, tracker, 5)
    tracker.answers = [tracker.does_it_then(UncertainError("cut")) for _ in range(5)]
    plan_id = await planned(stage)
    for _ in range(40):
        await stage.pass_time(2)
        await stage.replaying.advance()

    assert (await view(stage, plan_id)).sums("state") == {("applied",): 5}
    assert set(tracker.world.values()) == {1}


async def test_what_no_system_can_tell_asks_for_a_decision(open_stage):
    system = PretendedSystem(idempotency=Idempotency.NONE)
    stage = await open_stage({"tracker": system})
    system.answers = [TimeoutError(), RejectedError("no")]
    await stage.accept(inbound("1"))
    await stage.accept(inbound("2"))
    await until(lambda: len(system.tries) == 2)
    await stage.settle()
    plan_id = await stage.journal.replays.plan(Selection(), "an", WHY)
    await stage.replaying.advance()

    assert (await view(stage, plan_id)).sums("verdict") == {("decide",): 1, ("probe",): 1}


async def test_a_plan_that_breaks_is_held_and_the_others_go_on(stage, tracker, monkeypatch):
    await refused(stage, tracker, 2)
    bad, good = await frozen(stage), await frozen(stage)
    for plan_id in (bad, good):
        await stage.journal.replays.start(plan_id, "an")
    release = stage.journal.replays.release

    async def breaking(plan_id):
        if plan_id == bad:
            raise KeyError("a mistake")
        return await release(plan_id)

    monkeypatch.setattr(stage.journal.replays, "release", breaking)
    await carried_out(stage, good)

    states = {row.id: row.state for row in await rows(stage.journal, replay_plans)}
    assert states == {bad: "paused", good: "done"}


async def test_a_journal_that_is_away_is_no_trouble_of_the_plan(stage, tracker, monkeypatch):
    await refused(stage, tracker, 1)
    plan_id = await planned(stage)

    async def away(_plan_id):
        raise StoreUnavailableError("database away")

    with monkeypatch.context() as patched:
        patched.setattr(stage.journal.replays, "release", away)
        with pytest.raises(StoreUnavailableError):
            await stage.replaying.advance()
    await carried_out(stage, plan_id)


@asynccontextmanager
async def replayer(journal_url, name, world):
    """A process of its own, that does not outlive the test."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.worker.replayer", journal_url, name, str(world)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_a_hub_killed_in_the_middle_of_a_plan_goes_on_and_does_each_once(journal_url, tmp_path):
    """A real process with scheduler and worker, killed twice; the world outside is a file that only grows."""
    world = tmp_path / "world"
    world.touch()
    system = PretendedSystem()
    async with Stage(journal_url, {"tracker": system}, name="w/0") as stage:
        await refused(stage, system, 60)
        plan_id = await planned(stage, pace=1_200)
    killed = 0
    for name in ("w/1", "w/2", "w/3"):
        before = len(world.read_text().splitlines())
        async with replayer(journal_url, name, world) as process:
            if name != "w/3":
                async with asyncio.timeout(30):
                    while len(world.read_text().splitlines()) < before + 15:  # noqa: ASYNC110 - a file grows
                        await asyncio.sleep(0.005)
                process.send_signal(signal.SIGKILL)
                killed += (await process.wait()) == -signal.SIGKILL
                continue
            out, _ = await asyncio.wait_for(process.communicate(), 40)
            assert json.loads(out)["state"] == "done"

    assert killed == 2
    async with Stage(journal_url, {"tracker": system}, name="w/9", clock=SystemClock()) as stage:
        states = Counter(row.state for row in await rows(stage.journal, replay_rows))
        assert states == {"applied": 60}
        keys = {row.key for row in await rows(stage.journal, effects)}
        assert plan_id
    assert Counter(world.read_text().splitlines()) == Counter(keys)
