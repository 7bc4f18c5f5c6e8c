"""What people did in the tracker: polled, because Roundup calls nobody (Polling Consumer).

Roundup tells when a case last changed, to the second. Each look goes back a few seconds and leaves out
what was seen there already, so that a change which was committed late, or in a second that was still
running, is not missed. The same change may come twice; never none.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from adapters.roundup import translate
from adapters.roundup.client import RoundupClient, Rows
from adapters.roundup.records import ISSUE, MESSAGE, IssueRow, MessageRow
from adapters.tracking.changes import BATCH, Batch, Change, Strangers, change
from canonical_model.case import CASE_REF

BEGINNING = datetime(1990, 1, 1, tzinfo=UTC)
IDS_AT_ONCE = 100
"""How many ids go into one address."""


class Position(msgspec.Struct, frozen=True):
    """How far the feed was read. `seen`: issue id -> (version, activity), within the overlap."""

    until: str
    seen: dict[str, tuple[int, str]]


class Feed:
    """Reads changes from a cursor on. Holds nothing but what it has complained about."""

    def __init__(self, client: RoundupClient, overlap: timedelta) -> None:
        self._client = client
        self._overlap = overlap
        self._strangers = Strangers()

    async def read(self, cursor: str | None, limit: int = BATCH) -> Batch:
        """At most `limit` changes after the cursor (None = from the beginning). May be repeated.

        Page numbers would be of no use: a case that changes moves to the end, and the ones behind it slip
        past the border of a page. One page that has room for all that was seen does not have that hole.
        """
        old = _position(cursor)
        since = translate.to_date(translate.from_date(old.until) - self._overlap)
        filters = [("activity", f"from {since}"), ("@sort", "activity,id")]
        rows = await self._client.rows(ISSUE, filters, size=limit + len(old.seen))
        taken, fresh = _take(rows.items, old, limit)
        more = len(taken) < rows.total
        new = self._advance(old, taken, rows, more=more)
        return Batch(changes=await self._changes(fresh), cursor=msgspec.json.encode(new).decode(), more=more)

    def _advance(self, old: Position, taken: list[IssueRow], rows: Rows[IssueRow], *, more: bool) -> Position:
        """A row may have changed again since the list was made, and then shows too late a date.

        Where rows are left behind, only dates from before the question count: they are in order for sure.
        """
        dates = [row.activity for row in taken]
        if more:
            asked = translate.to_date(rows.asked_at) if rows.asked_at else ""
            dates = [date for date in dates if date < asked]
        until = max([old.until, *dates])
        edge = translate.to_date(translate.from_date(until) - self._overlap)
        seen = old.seen | {row.id: (row.version or 0, row.activity) for row in taken}
        return Position(until=until, seen={id_: at for id_, at in seen.items() if at[1] >= edge})

    async def _changes(self, rows: list[IssueRow]) -> tuple[Change, ...]:
        ours = [row for row in rows if self._is_ours(row)]
        ids = sorted({id_ for row in ours for id_ in row.messages}, key=int)
        answers = {row.id: row for row in await self._messages(ids) if translate.is_answer(row)}
        return tuple(
            _change(row, tuple(answers[id_] for id_ in row.messages if id_ in answers)) for row in ours
        )

    async def _messages(self, ids: list[str]) -> list[MessageRow]:
        found: list[MessageRow] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = [("id", id_) for id_ in ids[start : start + IDS_AT_ONCE]]
            public = [("visibility:", translate.PUBLIC), ("direction:", translate.OUTGOING)]
            found += (await self._client.rows(MESSAGE, [*some, *public])).items
        return found

    def _is_ours(self, row: IssueRow) -> bool:
        ours = CASE_REF.fullmatch(row.canonical_id or "") is not None
        if not ours:
            self._strangers.meet(row.id)
        return ours


def _position(cursor: str | None) -> Position:
    if cursor is None:
        return Position(until=translate.to_date(BEGINNING), seen={})
    return msgspec.json.decode(cursor, type=Position)


def _take(rows: Iterable[IssueRow], old: Position, limit: int) -> tuple[list[IssueRow], list[IssueRow]]:
    """All rows up to the `limit`th that was not seen before, and those that were not seen."""
    taken: list[IssueRow] = []
    fresh: list[IssueRow] = []
    for row in rows:
        if len(fresh) == limit:
            break
        taken.append(row)
        if old.seen.get(row.id, (-1, ""))[0] != (row.version or 0):
            fresh.append(row)
    return taken, fresh


def _change(row: IssueRow, answers: tuple[MessageRow, ...]) -> Change:
    ref = f"{row.canonical_id}/{row.version or 0}"
    return change(ref, row, answers, lambda: translate.to_case_changed(row, answers))
