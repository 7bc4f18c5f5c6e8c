"""SIGKILL between each two steps, on both databases: the next life finishes it, and everything happened once."""

import asyncio
import multiprocessing
import signal
from collections import Counter

import pytest

from journal.journal import Journal
from journal.schema import cases
from ports.clock import SystemClock
from tests.faults.ledger_life import FUSES, live
from tests.journal.scene import KEYS, city_routes, effect_states, recount, rows

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.faults.ledger_life"])


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "world"
    path.touch()
    return path


@pytest.mark.parametrize("moment", FUSES)
def test_a_death_loses_nothing_and_repeats_nothing(journal_url, world, moment):
    assert life(journal_url, world, moment) == -signal.SIGKILL
    assert life(journal_url, world, "never") == 0

    asyncio.run(everything_happened_once(journal_url, world))


@pytest.mark.parametrize("moment", FUSES)
def test_nor_does_dying_there_again_and_again(sqlite_url, world, moment):
    deaths = [life(sqlite_url, world, moment) for _ in range(3)]
    assert deaths[0] == -signal.SIGKILL
    assert life(sqlite_url, world, "never") == 0

    asyncio.run(everything_happened_once(sqlite_url, world))


@pytest.mark.parametrize("second", ["apply: before", "record: before the commit", "claim: after the commit"])
def test_nor_does_dying_elsewhere_the_next_time(sqlite_url, world, second):
    assert life(sqlite_url, world, "apply: after") == -signal.SIGKILL
    life(sqlite_url, world, second)
    assert life(sqlite_url, world, "never") == 0

    asyncio.run(everything_happened_once(sqlite_url, world))


def life(url, world, moment) -> int:
    """How a process ended that lived until this moment."""
    process = PROCESSES.Process(target=live, args=(url, world, moment))
    process.start()
    process.join(30)
    return process.exitcode


async def everything_happened_once(url, world) -> None:
    journal = Journal(url, router=city_routes(), keys=KEYS, clock=SystemClock(), shard="1")
    await journal.start()
    happened = Counter(world.read_text().splitlines())
    assert happened == dict.fromkeys(await effect_states(journal), 1)
    assert len(happened) == 2
    assert len(await rows(journal, cases)) == 1
    assert await recount(journal) == {"received": 1, "done": 1}
    await journal.close()
