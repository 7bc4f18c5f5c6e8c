"""What the doors do when something behind them can't follow: they say so at once, keep their promises, and recover."""

import asyncio
import resource
import time

import psycopg
import pytest
from sqlalchemy import create_engine, func, select

from journal.database import STALLED_AFTER, open_engine
from journal.schema import effects, messages
from tests.broker.server import breakable
from tests.faults.lone_hub import receipts, running, statuses
from tests.servers import postgres
from tests.servers.tiny_disk import fill, mounted

MEGABYTE = 1_000_000


@pytest.fixture
def database(postgres_server):
    with postgres.fresh_database(postgres_server) as address:
        yield address


def stored(url) -> set[str]:
    """The ids of the forms in the journal."""
    engine = open_engine(url)
    with engine.connect() as connection:
        query = select(messages.c.id).where(messages.c.source.startswith("website/"))
        found = set(connection.execute(query).scalars())
    engine.dispose()
    return found


def open_effects(url) -> int:
    """How many effects have not been applied."""
    engine = create_engine(url)
    with engine.connect() as connection:
        query = select(func.count()).select_from(effects).where(effects.c.state != "applied")
        found = connection.execute(query).scalar_one()
    engine.dispose()
    return found


async def test_a_full_disk_is_told_at_once_and_what_was_promised_is_kept(tmp_path):
    with mounted(tmp_path / "disk", megabytes=6) as disk:
        before, later = await _promised_around_a_full_disk(tmp_path, disk)

        assert len(before) == len(later) == 20
        assert stored(f"sqlite:///{disk / 'journal.db'}") == before | later


async def _promised_around_a_full_disk(folder, disk):
    with running(folder, data="disk") as hub:
        before = receipts(await hub.flood(range(20)))
        fill(disk / "ballast")
        await hub.flood(range(100, 300), size=20_000)
        memory = hub.memory

        refused = await hub.flood(range(100, 300), size=20_000)

        assert statuses(refused) == {503: 200}
        assert all(int(one.headers["Retry-After"]) > 0 for one in refused)
        assert hub.memory - memory < 20 * MEGABYTE
        (disk / "ballast").unlink()
        await hub.until_accepted(100)
        later = receipts(await hub.flood(range(100, 120)))
        return before, later


async def test_a_database_that_hangs_is_told_and_fills_no_memory(tmp_path, database):
    with running(tmp_path, journal=database) as hub:
        before = receipts(await hub.flood(range(20)))
        with psycopg.connect(postgres.plain(database)) as rude:
            rude.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
            waiting = asyncio.create_task(hub.flood(range(100, 120)))
            await asyncio.sleep(STALLED_AFTER + 1.5)
            await hub.flood(range(200, 400), size=20_000)
            memory = hub.memory

            refused = await hub.flood(range(200, 400), size=20_000)

            assert statuses(refused) == {503: 200}
            assert all(int(one.headers["Retry-After"]) > 0 for one in refused)
            assert hub.memory - memory < 20 * MEGABYTE
        waited = receipts(await waiting)
        await hub.until_accepted(200)
        last = receipts(await hub.flood([200]))
    assert len(waited) == 20
    assert stored(database) == before | waited | last


async def test_a_database_that_restarts_is_told_and_waited_for(tmp_path):
    with postgres.breakable() as server, running(tmp_path, journal=server.address) as hub:
        before = receipts(await hub.flood(range(10)))
        server.stop()

        refused = await hub.flood(range(100, 110))

        assert statuses(refused) == {503: 10}
        server.start()
        await hub.until_accepted(100)
        after = receipts(await hub.flood(range(100, 110)))
        assert stored(server.address) == before | after


async def test_a_broker_under_alarm_stops_no_door_and_what_waited_is_handed_out_afterwards(
    tmp_path, database
):
    with breakable() as server, running(tmp_path, journal=database, broker=server.url) as hub:
        await hub.until_accepted(1)
        await asyncio.to_thread(server.ctl, "set_disk_free_limit", "100000GB")

        during = await hub.flood(range(100, 150))

        assert statuses(during) == {202: 50}
        await asyncio.to_thread(server.ctl, "set_disk_free_limit", "100MB")
        end = time.monotonic() + 60
        while open_effects(database):
            assert time.monotonic() < end, hub.last_words()
            await asyncio.sleep(0.5)


async def test_without_file_handles_nobody_is_promised_anything_and_it_recovers(tmp_path):
    with running(tmp_path) as hub:
        before = receipts(await hub.flood(range(10)))
        usual = resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE, (1, usual[1]))

        during = await hub.flood(range(100, 110), patience=3)

        assert set(statuses(during)) <= {0, 202, 503}
        resource.prlimit(hub.process.pid, resource.RLIMIT_NOFILE, usual)
        await hub.until_accepted(100)
        after = receipts(await hub.flood(range(100, 110)))
    assert stored(f"sqlite:///{tmp_path / 'var' / 'journal.db'}") == before | after
