"""The power goes: what was answered 202 is on the disk, though everything is lost that was not synced.

strace writes down what the hub asks of the disk; for the moment after each answer, the files are made as an honest
disk would then hold them, and opened.
"""

import shutil
import time
from random import Random

from pysqlite3 import dbapi2 as sqlite

from tests.faults.lone_hub import begun, receipts, running
from tests.servers.power_cut import SYNCS, files_at
from tests.servers.strace import recorded, recording

WAVES, FORMS = 12, 6
SIZE = 30_000
"""Large enough that SQLite's log is copied into its file on the way."""
SEED = 20261126


async def test_whenever_the_power_goes_what_was_promised_is_there(tmp_path):
    calls, promised = await _a_day_on_record(tmp_path)
    copied = [call.ended for call in calls if call.name in SYNCS and call.file.name == "journal.db"]
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
        assert receipts(await hub.flood(range(WAVES * FORMS), size=SIZE)) == ids


async def _a_day_on_record(folder):
    """What was asked of the disk; and what was promised, until which moment."""
    (record := folder / "record").mkdir()
    journal = folder / "var" / "journal.db"
    promised, ids = [], set()
    files = (journal, journal.with_name("journal.db-wal"))
    with begun(folder, under=recording(files, record)) as hub:
        for wave in range(WAVES):
            ids |= receipts(await hub.flood(range(wave * FORMS, (wave + 1) * FORMS), size=SIZE))
            promised.append((time.time(), frozenset(ids)))
        hub.kill()
    assert len(ids) == WAVES * FORMS
    return recorded(record), promised


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
