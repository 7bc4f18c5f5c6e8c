"""SQLite's log is synced after the turn of its writer, and nobody is answered before."""

import errno
import os
import sqlite3
from contextlib import closing

import pytest

from journal.database import StoreBrokenError
from journal.journal import Journal
from journal.log_file import LogFile
from journal.migrate import bring_up_to_date
from ports.clock import ManualClock
from tests.journal.scene import KEYS, START, PlannedRoutes, inbound


@pytest.fixture
def synced(monkeypatch):
    """Which files were synced, by their number on the disk."""
    files = []
    monkeypatch.setattr(os, "fdatasync", lambda file: files.append(os.fstat(file).st_ino))
    return files


@pytest.fixture
def journal_of():
    async def opened(folder) -> Journal:
        url = f"sqlite:///{folder / 'journal.db'}"
        bring_up_to_date(url)
        journal = Journal(url, router=PlannedRoutes(), keys=KEYS, clock=ManualClock(START), shard="1")
        await journal.start()
        return journal

    return opened


async def test_a_receipt_comes_after_the_sync_of_the_log(journal_of, synced, tmp_path):
    journal = await journal_of(tmp_path)
    synced.clear()
    await journal.accept(inbound("1"))

    assert synced == [(tmp_path / "journal.db-wal").stat().st_ino]
    await journal.close()


async def test_who_can_not_sync_the_log_promises_nothing_and_stores_nothing_more(
    journal_of, tmp_path, monkeypatch
):
    journal, other = await journal_of(tmp_path), await journal_of(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", broken)
        with pytest.raises(StoreBrokenError) as told:
            await journal.accept(inbound("1"))
    for one in (journal, other):
        with pytest.raises(StoreBrokenError):
            await one.accept(inbound("2"))
        await one.close()

    assert "Input/output error" in told.value.detail


def test_a_log_that_was_begun_as_another_file_is_synced_as_that_one(synced, tmp_path):
    log = LogFile(f"sqlite:///{tmp_path / 'some.db'}")
    files = []
    for _ in range(2):
        with closing(
            sqlite3.connect(tmp_path / "some.db")
        ) as database:  # the last to close it takes the log away
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE IF NOT EXISTS things (name TEXT)")
            database.execute("INSERT INTO things VALUES ('one')")
            database.commit()
            os.link(
                tmp_path / "some.db-wal", tmp_path / f"kept-{len(files)}"
            )  # or the system gives its number out again
            files.append((tmp_path / "some.db-wal").stat().st_ino)
            log.sync()
            log.sync()
    log.close()

    assert files[0] != files[1]
    assert synced == [files[0], files[0], files[1], files[1]]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql+psycopg://somewhere/journal"])
def test_what_has_no_log_of_its_own_here_needs_no_sync(url, synced):
    log = LogFile(url)
    log.sync()
    log.close()

    assert synced == []


def broken(_file):
    raise OSError(errno.EIO, os.strerror(errno.EIO))
