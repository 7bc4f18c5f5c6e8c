"""The power goes: what was answered 202 is on the disk, though everything is lost that was not synced.

strace writes down what the hub asks of the disk; for the moment after each answer, the files are made as an honest
disk would then hold them, and opened.
"""

import asyncio
import shutil
import time
from contextlib import ExitStack
from random import Random

import pytest

from journal.sqlite import sqlite
from tests.faults.lone_hub import begun, receipts, running
from tests.servers.power_cut import SYNCS, files_at
from tests.servers.strace import recorded, recording

WAVES, FORMS = 12, 6
SIZE = 30_000
"""Large enough that SQLite's log is copied into its file on the way."""
SEED = 20261126
ALONE = ((),)
TAKING_TURNS = (("intake", "worker", "scheduler"), ("intake", "worker"))
"""Two processes over one file: what one of them promised may stand in the log between what the other wrote."""


@pytest.mark.parametrize(
    ("processes", "copying"),
    [(ALONE, SYNCS), (TAKING_TURNS, ("pwrite64",))],  # SQLite syncs its file when it has copied the whole log
    ids=["alone", "taking turns"],
)
async def test_whenever_the_power_goes_what_was_promised_is_there(tmp_path, processes, copying):
    calls, promised = await _a_day_on_record(tmp_path, processes)
    copied = [call.ended for call in calls if call.name in copying and call.file.name == "journal.db"]
    assert max(copied) > promised[0][0], "nothing was copied out of the log while forms came in"
    chance = Random(SEED)

    for moment, ids in promised:
        for luck in (None, chance):
            files = files_at(calls, moment, luck)
            assert ids <= _stored(tmp_path / "opened", files), (moment, luck)

    last, ids = promised[-1]
    (tmp_path / "var").rename(tmp_path / "lost")
    _write(tmp_path / "var", files_at(calls, last))
    with running(tmp_path) as hub:
        assert receipts(await hub.flood(range(len(ids)), size=SIZE)) == ids


async def _a_day_on_record(folder, processes):
    """What was asked of the disk; and what was promised, until which moment."""
    journal = folder / "var" / "journal.db"
    promised, ids = [], set()
    files = (journal, journal.with_name("journal.db-wal"))
    records = [folder / f"record-{number}" for number in range(len(processes))]
    with ExitStack() as stack:
        hubs = []
        for roles, record in zip(processes, records, strict=True):
            record.mkdir()
            hubs.append(stack.enter_context(begun(folder, roles=roles, under=recording(files, record))))
        work = (_posted(hub, number, len(hubs), ids, promised) for number, hub in enumerate(hubs))
        await asyncio.gather(*work)
        for hub in hubs:
            hub.kill()
    assert len(ids) == len(hubs) * WAVES * FORMS
    calls = [call for record in records for call in recorded(record)]
    return sorted(calls, key=lambda call: call.began), promised


async def _posted(hub, first, step, ids, promised):
    for wave in range(first, WAVES * step, step):
        ids |= receipts(await hub.flood(range(wave * FORMS, (wave + 1) * FORMS), size=SIZE))
        promised.append((time.time(), frozenset(ids)))


def _stored(folder, files) -> set[str]:
    """The forms in a journal that is opened after the cut."""
    _write(folder, files)
    connection = sqlite.connect(str(folder / "journal.db"))
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    found = {id_ for (id_,) in connection.execute("SELECT id FROM messages WHERE source LIKE 'website/%'")}
    connection.close()
    return found


def _write(folder, files) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
