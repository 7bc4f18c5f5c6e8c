"""Every test of the journal runs on SQLite and on PostgreSQL; each begins with an empty one."""

import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from journal.database import open_engine
from journal.journal import Journal
from journal.migrate import migrate
from journal.schema import metadata
from ports.clock import ManualClock
from tests.journal.scene import KEYS, START, PlannedRoutes, city_routes
from tests.servers import memory, postgres


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrated(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_journal(postgres_server):
    with postgres.fresh_database(postgres_server) as address:
        _migrated(address)
        yield address


@pytest.fixture
def sqlite_url(sqlite_template):
    """In memory where the system has such a folder: what a disk does to us is the business of tests/faults."""
    with tempfile.TemporaryDirectory(dir=memory.for_a_database()) as folder:
        path = Path(folder) / "journal.db"
        shutil.copy(sqlite_template, path)
        yield f"sqlite:///{path}"


@pytest.fixture
def postgres_journal_url(postgres_journal):
    engine = open_engine(postgres_journal)
    with engine.begin() as connection:
        for table in metadata.tables.values():
            connection.execute(table.delete())
    engine.dispose()
    return postgres_journal


@pytest.fixture(params=["sqlite", "postgresql"])
def journal_url(request):
    """The address of a migrated, empty journal; once for each kind of database."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_journal_url"}[request.param]
    return request.getfixturevalue(fixture)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
async def open_journal(journal_url, clock):
    """Opens journals on the database of this test; all are closed at its end."""
    async with AsyncExitStack() as stack:

        async def open_(router=None, **fields):
            journal = Journal(
                journal_url,
                **{"router": router or city_routes(), "keys": KEYS, "clock": clock, "shard": "1", **fields},
            )
            await journal.start()
            stack.push_async_callback(journal.close)
            return journal

        yield open_


@pytest.fixture
async def open_sqlite_journal(sqlite_url, clock):
    """Opens the journal of a city in a SQLite file; for tests that look into the file."""
    async with AsyncExitStack() as stack:

        async def open_():
            journal = Journal(sqlite_url, router=city_routes(), keys=KEYS, clock=clock, shard="1")
            await journal.start()
            stack.push_async_callback(journal.close)
            return journal

        yield open_


@pytest.fixture
async def journal(open_journal):
    """A journal with the routes of a city."""
    return await open_journal()


@pytest.fixture
def plan():
    """Routes that do what the test says."""
    return PlannedRoutes()


@pytest.fixture
async def planned(open_journal, plan):
    """A journal with `plan` as its routes."""
    return await open_journal(plan)


def _migrated(address):
    engine = open_engine(address)
    migrate(engine)
    engine.dispose()
