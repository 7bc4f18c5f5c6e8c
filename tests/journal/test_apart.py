"""What outlives the journal: short lists that survive a crash in the middle of a line, and hold nothing readable."""

from datetime import UTC, datetime

import pytest

from broker.in_process import InProcessBroker
from canonical_model.case import CaseRef
from canonical_model.events import CaseChanged, WorkOrderChanged
from canonical_model.status import CaseStatus
from canonical_model.work_order import OrderState
from journal.apart import Apart
from journal.database import StoreUnavailableError
from journal.instants import micros
from journal.journal import Custody
from journal.schema import cases, incidents, messages
from tests.journal.scene import contact, contact_message, inbound, rows
from worker.awaiting import Awaiting

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


async def test_news_of_crews_and_tracker_waits_for_its_case_after_a_restore(open_journal, apart, clock):
    """The journal is a copy from before the case was opened; its contact comes last."""
    ref, before = CaseRef("LEU-2026-000001"), await open_journal(custody=Custody(apart=apart))
    apart.note_openings({ref: [before.keyring.find_hash("fingerprint", "the-mail")]}, MARCH)
    await before.restored("dpo", 7)
    journal = await open_journal(custody=Custody(apart=apart))
    await journal.recall()
    news = (
        WorkOrderChanged(
            system="wegen", outside_id="W-1", case=ref, trip=1, update="1", state=OrderState.PLANNED, at=MARCH
        ),
        CaseChanged(
            case=ref,
            tracker_id="7",
            version=1,
            status=CaseStatus.IN_PROGRESS,
            group="kcc",
            changed_at=clock.now(),
        ),
    )
    for number, event in enumerate(news):
        await journal.accept(inbound(f"{number}", event, source="outside"))
    assert {row.state for row in await rows(journal, messages)} == {"parked"}
    assert await journal.need_wait_no_more() == ()

    await journal.accept(contact_message("mail", contact(fingerprint="the-mail")))
    broker = InProcessBroker()
    for _ in range(2):
        await Awaiting(journal, broker, "w/1").go_on()

    assert [row.ref for row in await rows(journal, cases)] == [ref]
    waited = await rows(journal, messages, messages.c.source == "outside")
    assert {(row.state == "parked", row.case_ref) for row in waited} == {(False, ref)}
    (case,) = await rows(journal, cases)
    assert case.status == "in_progress"
    assert await journal.need_wait_no_more() == ()
