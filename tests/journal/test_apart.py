"""What outlives the journal: short lists that survive a crash in the middle of a line, and hold nothing readable."""

from datetime import UTC, datetime

import pytest

from journal.apart import Apart
from journal.database import StoreUnavailableError
from journal.instants import micros
from journal.journal import Custody
from journal.schema import cases, incidents
from tests.journal.scene import contact, contact_message, rows

MARCH = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def apart(tmp_path):
    return Apart(tmp_path / "apart", "one/machine")


def test_a_line_that_a_crash_cut_off_does_not_count(apart, tmp_path):
    apart.note_openings({"LEU-2026-000001": ["aa", "bb"], "LEU-2026-000002": ["cc"]}, MARCH)
    (file,) = (tmp_path / "apart").iterdir()
    with file.open("a") as torn:
        torn.write("LEU-2026-000003 dd")

    assert apart.openings(MARCH) == {
        "aa": "LEU-2026-000001",
        "bb": "LEU-2026-000001",
        "cc": "LEU-2026-000002",
    }
    assert apart.newest(MARCH) == ("LEU-2026-000001", "LEU-2026-000002")
    assert file.stat().st_mode & 0o077 == 0


def test_the_newest_are_found_at_the_end_of_a_long_list(apart):
    for start in range(1, 5000, 500):
        numbers = range(start, start + 500)
        apart.note_openings({f"LEU-2026-{number:06d}": ["a" * 32] for number in numbers}, MARCH)
    newest = apart.newest(MARCH)
    assert newest[-1] == "LEU-2026-005000"
    assert len(newest) < 2000
    assert all(len(ref) == 15 for ref in newest)


def test_what_is_from_before_last_month_goes(apart):
    for month in (1, 2, 3):
        apart.note_openings({f"LEU-2026-00000{month}": [f"{month}"]}, MARCH.replace(month=month))
    assert set(apart.openings(MARCH)) == {"2", "3"}


def test_a_list_from_before_last_month_says_nothing_even_while_no_newer_one_is_begun(apart):
    apart.note_openings({"LEU-2026-000001": ["1"]}, MARCH)
    assert apart.newest(MARCH.replace(month=4)) == ("LEU-2026-000001",)
    assert apart.newest(MARCH.replace(month=5)) == ()
    assert apart.openings(MARCH.replace(month=5)) == {}


def test_erasures_are_kept_once_each_in_order(apart):
    for ref in ("LEU-2026-000002", "LEU-2026-000001", "LEU-2026-000002"):
        apart.note_erasure(ref, MARCH)
    assert apart.erasures() == ("LEU-2026-000002", "LEU-2026-000001")


def test_an_erasure_that_cannot_be_noted_is_not_done_silently(tmp_path):
    (tmp_path / "apart").write_text("a file where the folder should be")
    with pytest.raises(StoreUnavailableError, match="list of erasures"):
        Apart(tmp_path / "apart", "m").note_erasure("LEU-2026-000001", MARCH)
    Apart(tmp_path / "apart", "m").note_openings({"LEU-2026-000001": ["a"]}, MARCH)


async def test_every_case_that_is_opened_is_noted_with_hashes_only(open_journal, apart, tmp_path):
    journal = await open_journal(custody=Custody(apart=apart))
    for number in range(3):
        await journal.accept(contact_message(f"{number}", contact(fingerprint=f"print-{number}")))

    assert set(apart.openings(MARCH).values()) == {row.ref for row in await rows(journal, cases)}
    text = "".join(path.read_text() for path in (tmp_path / "apart").iterdir())
    assert "voorbeeld.be" not in text
    assert "print-" not in text
    assert not await journal.is_older()
    apart.note_openings({"LEU-2026-000004": ["x"]}, MARCH)
    assert await journal.is_older()


async def test_a_disk_that_failed_is_told_by_the_next_life(apart, open_journal, plan):
    apart.note_failure("the disk failed", MARCH)
    journal = await open_journal(plan, custody=Custody(apart=apart))

    for _ in range(2):
        await journal.tell_outages()

    (told,) = await rows(journal, incidents)
    assert (told.system, told.what, told.opened_at) == ("journal", "the disk failed", micros(MARCH))
    assert told.closed_at is not None
    assert apart.failures() == ()
