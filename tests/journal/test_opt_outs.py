"""Who opted out is kept in the journal, and nobody can read back who it is."""

import pytest

from journal.opt_outs import JournalOptOuts
from journal.retention import KEPT_FOR_GOOD
from journal.schema import opt_outs as table
from ports.contracts.opt_outs import MAIL, NUMBER, OptOutsContract
from tests.journal.scene import rows


class TestJournalOptOuts(OptOutsContract):
    @pytest.fixture
    def opt_outs(self, journal):
        return JournalOptOuts(journal.database, journal.keyring)


async def test_only_keyed_hashes_are_kept_and_for_good(journal):
    await JournalOptOuts(journal.database, journal.keyring).opt_out([MAIL, NUMBER])

    kept = await rows(journal, table)

    assert len(kept) == 2
    assert all(row.out and len(row.hash) == 32 for row in kept)
    assert not any(part in repr(kept).lower() for part in ("peeters", "850730", "example.be"))
    assert table.name in KEPT_FOR_GOOD
