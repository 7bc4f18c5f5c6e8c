"""The disk under the journal says that it could not keep what it was given (fsync: EIO), for real.

What Linux then still has in memory counts as written, though it is not, so nobody may try that fsync again:
the hub ends on SQLite, PostgreSQL panics by itself. Nothing that was promised may be lost, nothing may be promised
that is not durable, and no case may be opened twice.
"""

import json
import re
from pathlib import Path

from tests.faults.afterwards import cases_in, everything_done, stored, told, until
from tests.faults.lone_hub import begun, receipts, running, statuses
from tests.servers import postgres
from tests.servers.strace import failing_syncs

BEFORE, DURING = range(10), range(100, 120)


async def test_a_disk_that_fails_under_sqlite_ends_the_hub_and_costs_nothing(tmp_path, tracker):
    journal = f"sqlite:///{tmp_path / 'var' / 'journal.db'}"
    with begun(tmp_path, tracker=tracker) as hub:
        promised = receipts(await hub.flood(BEFORE))
        with failing_syncs(hub.process.pid):
            refused = await hub.flood(DURING)
            code = await hub.ended()
        assert receipts(refused) == set()
        assert 503 in statuses(refused), "somebody must hear why"
        assert code == 1, hub.last_words()
        assert "journal_disk_failed" in events(hub.log)

    with running(tmp_path, tracker=tracker) as hub:
        again = receipts(await hub.flood(BEFORE))
        later = receipts(await hub.flood(DURING))
        await everything_done(journal, len(BEFORE) + len(DURING))

    assert again == promised
    assert stored(journal) == promised | later
    assert await cases_in(tracker) == len(BEFORE) + len(DURING)
    assert [what for what, closed in told(journal) if "disk" in what and closed] != []


async def test_a_disk_that_fails_under_postgresql_costs_nothing(tmp_path, tracker):
    with (
        postgres.breakable() as server,
        running(tmp_path, journal=server.address, tracker=tracker) as hub,
    ):
        promised = receipts(await hub.flood(BEFORE))
        with failing_syncs(*backends(server.process.pid)):
            during = await hub.flood(DURING)
        assert re.search("PANIC: +could not f(data)?sync", (server.folder / "server.log").read_text())
        assert set(statuses(during)) <= {202, 503}
        await hub.until_accepted(DURING[0])
        again = receipts(await hub.flood(BEFORE))
        later = receipts(await hub.flood(DURING))
        await everything_done(server.address, len(BEFORE) + len(DURING))
        await until(lambda: told(server.address), "the outage is an incident")

        assert again == promised
        assert receipts(during) <= later
        assert stored(server.address) == promised | later
        assert await cases_in(tracker) == len(BEFORE) + len(DURING)


def backends(postmaster: int) -> list[int]:
    """The processes that serve connections; those that PostgreSQL starts afterwards are not among them."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [int(pid) for pid in children]


def events(log: Path) -> set[str]:
    return {json.loads(line)["event"] for line in log.read_text().splitlines() if line.startswith("{")}
