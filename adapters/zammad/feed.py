"""What people did in the tracker: polled by the date of the last change (Polling Consumer).

Zammad tells when a case last changed, to the millisecond. Each look goes back some time and leaves out what was seen
there already, so that a change which was committed late is not missed. The same change may come twice; never none.
"""

from datetime import UTC, datetime, timedelta

import msgspec

from adapters.tracking.changes import BATCH, Batch, Change, Strangers, change
from adapters.zammad import translate
from adapters.zammad.client import MOST_ROWS, ZammadClient
from adapters.zammad.records import TicketRow

BEGINNING = datetime(1990, 1, 1, tzinfo=UTC)
INSTANT = timedelta(milliseconds=1)


class Position(msgspec.Struct, frozen=True):
    """How far the feed was read. `seen`: ticket id -> version, within the overlap."""

    until: datetime = BEGINNING
    seen: dict[str, int] = {}


class Feed:
    """Reads changes from a cursor on. Holds nothing but what it has complained about."""

    def __init__(self, client: ZammadClient, overlap: timedelta) -> None:
        self._client = client
        self._overlap = overlap
        self._strangers = Strangers()

    async def read(self, cursor: str | None, limit: int = BATCH) -> Batch:
        """At most `limit` changes after the cursor (None = from the beginning). May be repeated."""
        old = msgspec.json.decode(cursor, type=Position) if cursor else Position()
        rows, more = await self._rows(old, limit)
        fresh = [row for row in rows if not _is_seen(row, old) and row.state != translate.MERGED]
        changes = [await self._change(row) for row in fresh if self._is_ours(row)]
        new = self._advance(old, rows)
        return Batch(changes=tuple(changes), cursor=msgspec.json.encode(new).decode(), more=more)

    async def _rows(self, old: Position, limit: int) -> tuple[list[TicketRow], bool]:
        """Up to the `limit`th that was not seen before, and whether some are left.

        Each look begins where the last one ended: page numbers would slip when a case changes and moves to the end.
        """
        rows: dict[int, TicketRow] = {}
        since, page = old.until - self._overlap, 1
        while True:
            found = await self._client.search(
                translate.changed_since(since), sort="updated_at", page=page, size=MOST_ROWS
            )
            for row in found:
                if sum(not _is_seen(one, old) for one in rows.values()) == limit and row.id not in rows:
                    return list(rows.values()), True
                rows[row.id] = row
            if len(found) < MOST_ROWS:
                return list(rows.values()), False
            last = translate.moment(found[-1].updated_at) - INSTANT
            page = page + 1 if last <= since else 1
            since = max(since, last)

    def _advance(self, old: Position, rows: list[TicketRow]) -> Position:
        until = max([old.until, *(translate.moment(row.updated_at) for row in rows)])
        edge = translate.microseconds(until - self._overlap)
        seen = old.seen | {str(row.id): translate.version(row) for row in rows}
        return Position(until=until, seen={id_: version for id_, version in seen.items() if version >= edge})

    async def _change(self, row: TicketRow) -> Change:
        articles = await self._client.articles(str(row.id))
        answers = tuple(article for article in articles if translate.is_answer(article))
        ref = f"{row.canonical_id}/{translate.version(row)}"
        return change(ref, row, answers, lambda: translate.to_case_changed(row, answers))

    def _is_ours(self, row: TicketRow) -> bool:
        ours = translate.is_ours(row)
        if not ours:
            self._strangers.meet(str(row.id))
        return ours


def _is_seen(row: TicketRow, position: Position) -> bool:
    return position.seen.get(str(row.id)) == translate.version(row)
