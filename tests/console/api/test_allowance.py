"""A minute's requests are shared by all processes: never more than agreed, however they are spread."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest_asyncio

from console.api.allowance import Allowance
from journal.database import Database, open_engine
from journal.migrate import migrate
from ports.clock import ManualClock

START = datetime(2026, 11, 26, 9, 30, 10, tzinfo=UTC)


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def two(request, tmp_path):
    """Two processes with one journal and one clock."""
    url = (
        f"sqlite:///{tmp_path}/journal.db"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")
    )
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()
    clock = ManualClock(START)
    databases = [Database(url, clock=clock, shard=str(number)) for number in range(2)]
    for database in databases:
        await database.start()
    yield clock, [Allowance(database, clock) for database in databases]
    for database in databases:
        await database.close()


async def test_a_burst_over_two_processes_gets_what_was_agreed_and_no_more(two):
    _, allowances = two

    waits = await asyncio.gather(*(one.take("c", 40) for one in allowances for _ in range(40)))

    assert 40 >= waits.count(0) >= 38  # a portion may lie unused in a process
    assert {wait for wait in waits if wait} == {51}


async def test_a_new_minute_brings_new_requests(two):
    clock, (one, other) = two
    while not await one.take("c", 5):
        pass

    clock.advance(timedelta(minutes=1))

    assert await other.take("c", 5) == 0


async def test_credentials_do_not_share(two):
    _, (one, _) = two
    while not await one.take("a", 2):
        pass

    assert await one.take("b", 2) == 0
