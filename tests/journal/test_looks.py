"""Looks at customers stand in the audit trail, within its columns."""

from journal.looks import LOOKED, JournalLooks
from journal.schema import audit
from tests.journal.scene import rows


async def test_a_look_is_a_line_of_the_chain(journal):
    await JournalLooks(journal).note("els", "LEU-2026-000001", "at the phone")

    (line,) = await rows(journal, audit)
    assert (line.actor, line.action, line.subject, line.detail) == (
        "els",
        LOOKED,
        "LEU-2026-000001",
        "at the phone",
    )
    assert await journal.verify_audit() is None


async def test_a_long_subject_is_cut_to_its_column(journal):
    await JournalLooks(journal).note("e" * 300, "x" * 300, "at the phone")

    (line,) = await rows(journal, audit)
    assert (len(line.actor), len(line.subject)) == (100, 200)
