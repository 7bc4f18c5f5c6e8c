"""What every process keeps up with, whatever its role."""

import asyncio

import pytest

from journal.database import StoreUnavailableError
from tests.worker.stage import until
from worker.upkeep import Upkeep


@pytest.fixture
async def upkeep(stage):
    keeping = Upkeep(stage.journal, stage.breakers)
    running = asyncio.create_task(keeping.run(interval=0.01))
    yield keeping
    keeping.stop()
    await running


async def test_a_worker_without_a_scheduler_beside_it_obeys_a_pause(stage, upkeep):
    await stage.journal.pause("tracker", "admin", "maintenance")
    await until(lambda: stage.breakers.held() == {"tracker"})

    await stage.journal.resume("tracker", "admin")
    await until(lambda: stage.breakers.held() == frozenset())


async def test_a_journal_that_is_away_is_waited_for(stage, upkeep):
    states, failures = stage.journal.system_states, iter([True, True])

    async def unavailable():
        if next(failures, False):
            raise StoreUnavailableError("database away")
        return await states()

    stage.journal.system_states = unavailable
    await stage.journal.pause("tracker", "admin", "maintenance")
    await until(lambda: stage.breakers.held() == {"tracker"})
