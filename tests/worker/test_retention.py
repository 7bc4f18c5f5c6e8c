"""Retention as a chore: one process at a time, loud when it fails, quiet again when it works."""

from datetime import timedelta

from journal.retention import Retention
from journal.schema import retention, systems
from tests.journal.scene import inbound, rows
from worker.retention import LEASE, Housekeeping
from worker.scheduler import Scheduler


async def test_the_scheduler_does_its_chores_in_every_round(stage):
    housekeeping = Housekeeping(stage.journal, owner="w/1")
    chores = Scheduler(stage.journal, stage.broker, stage.accept, stage.breakers, chores=(housekeeping.work,))

    async def then_stop():
        if not housekeeping.busy:
            chores.stop()

    chores._chores += (then_stop,)
    await chores.run(0.01)

    assert all(row.ended_at for row in await rows(stage.journal, retention))
    assert await rows(stage.journal, retention)


async def test_while_one_process_is_at_it_others_leave_it_alone(stage):
    first, second = Housekeeping(stage.journal, owner="w/1"), Housekeeping(stage.journal, owner="w/2")
    await first.work()
    walks = await rows(stage.journal, retention)
    stage.clock.advance(timedelta(seconds=LEASE - 1))
    await second.work()
    assert await rows(stage.journal, retention) == walks


async def test_a_failure_is_an_incident_until_it_works_again(stage, monkeypatch):
    await stage.journal.accept(inbound("1"))
    healthy = Retention.cutoff
    monkeypatch.setattr(Retention, "cutoff", lambda *_: 1 / 0)
    housekeeping = Housekeeping(stage.journal, owner="w/1")
    await housekeeping.work()
    (board,) = await rows(stage.journal, systems, systems.c.name == "retention")
    assert board.incident_id
    assert len(await stage.incidents()) == 1

    monkeypatch.setattr(Retention, "cutoff", healthy)
    housekeeping._next_look = 0
    await housekeeping.work()
    (board,) = await rows(stage.journal, systems, systems.c.name == "retention")
    assert board.incident_id is None
    assert (await stage.incidents())[0].closed_at
