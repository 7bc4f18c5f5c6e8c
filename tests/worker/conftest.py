"""Worker tests run on SQLite: what differs between the databases is the journal's business."""

import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from journal.database import open_engine
from journal.migrate import migrate
from tests.servers import memory
from tests.worker.stage import PretendedSystem, Stage


@pytest.fixture(scope="session")
def empty_journal(tmp_path_factory):
    path = tmp_path_factory.mktemp("worker") / "empty.db"
    engine = open_engine(f"sqlite:///{path}")
    migrate(engine)
    engine.dispose()
    return path


@pytest.fixture
def journal_url(empty_journal):
    with tempfile.TemporaryDirectory(dir=memory.for_a_database()) as folder:
        path = Path(folder) / "journal.db"
        shutil.copy(empty_journal, path)
        yield f"sqlite:///{path}"


@pytest.fixture
def tracker():
    return PretendedSystem()


@pytest.fixture
async def open_stage(journal_url, tracker):
    """Opens stages on the journal of this test; all are closed at its end."""
    async with AsyncExitStack() as stack:

        async def open_(targets=None, **fields):
            stage = Stage(journal_url, targets or {"tracker": tracker}, **fields)
            return await stack.enter_async_context(stage)

        yield open_


@pytest.fixture
async def stage(open_stage):
    """A hub with one pretended tracker."""
    return await open_stage()
