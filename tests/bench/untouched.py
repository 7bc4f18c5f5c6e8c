"""Whether PostgreSQL finds rows by index: how many rows and whole tables it read for what was written meanwhile."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from journal.journal import Journal

SMALL = 1_000
"""Rows of a table that may be read whole: it is one page or a few."""
_READS = text("""
    SELECT relname, seq_scan, coalesce(idx_tup_fetch, 0) + seq_tup_read AS rows, n_live_tup
    FROM pg_stat_user_tables
""")
_INDEX_ENTRIES = text("SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes")


@dataclass(frozen=True, slots=True)
class Reads:
    """What was read until now; of SQLite nothing is known (its plans are in tests/journal/test_among.py)."""

    scans: dict[str, int]
    rows: int
    entries: int
    large: frozenset[str]

    @classmethod
    async def of(cls, journal: Journal) -> "Reads":
        if journal.database.dialect == "sqlite":
            return cls({}, 0, 0, frozenset())
        return await journal.database.read(_looked_up)

    async def since(self, journal: Journal, count: int) -> dict[str, Any]:
        """Per message, since then; and which large tables were read whole, how often."""
        if journal.database.dialect == "sqlite":
            return {}
        now = await Reads.of(journal)
        whole = {name: now.scans[name] - self.scans.get(name, 0) for name in now.large}
        return {
            "rows_read_per_message": round((now.rows - self.rows) / count, 1),
            "index_entries_per_message": round((now.entries - self.entries) / count, 1),
            "large_tables_read_whole": {name: times for name, times in whole.items() if times},
        }


def _looked_up(connection: Connection) -> Reads:
    connection.execute(text("SELECT pg_stat_force_next_flush()"))
    rows = connection.execute(_READS).all()
    return Reads(
        scans={row.relname: int(row.seq_scan) for row in rows},
        rows=sum(int(row.rows) for row in rows),
        entries=int(connection.execute(_INDEX_ENTRIES).scalar_one()),
        large=frozenset(row.relname for row in rows if row.n_live_tup > SMALL),
    )
