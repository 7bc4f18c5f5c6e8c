"""What people did in the tracker: polled, because Roundup calls nobody (Polling Consumer).

Roundup tells when a case last changed, to the second. Each look goes back a few seconds and leaves out
what was seen there already, so that a change which was committed late, or in a second that was still
running, is not missed. The same change may come twice; never none.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from adapters.roundup import translate
from adapters.roundup.client import RoundupClient, Rows
from adapters.roundup.records import ISSUE, MESSAGE, IssueRow, MessageRow
from canonical_model.case import CASE_REF
from canonical_model.events import CaseChanged
from ports.adapter import Tools
from ports.errors import NotUnderstoodError
from ports.intake import Inbound

log = structlog.get_logger()

BEGINNING = datetime(1990, 1, 1, tzinfo=UTC)
BATCH = 200
IDS_AT_ONCE = 100
"""How many ids go into one address."""


class Position(msgspec.Struct, frozen=True):
    """How far the feed was read. `seen`: issue id -> (version, activity), within the overlap."""

    until: str
    seen: dict[str, tuple[int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: what Roundup said, and what we make of it (or why we cannot)."""

    row: IssueRow
    answers: tuple[MessageRow, ...] = field(repr=False)
    event: CaseChanged | NotUnderstoodError

    @property
    def raw(self) -> bytes:
        """What Roundup said, as JSON."""
        return msgspec.json.encode({"case": self.row, "answers": self.answers})


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes, oldest first. `more`: look again at once."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool


class Feed:
    """Reads changes from a cursor on. Holds nothing but what it has complained about."""

    def __init__(self, client: RoundupClient, overlap: timedelta) -> None:
        self._client = client
        self._overlap = overlap
        self._complained: set[str] = set()

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
        ours = [row for row in rows if self._has_reference(row)]
        ids = sorted({id_ for row in ours for id_ in row.messages}, key=int)
        answers = {row.id: row for row in await self._messages(ids) if translate.is_answer(row)}
        return tuple(_change(row, [answers[id_] for id_ in row.messages if id_ in answers]) for row in ours)

    async def _messages(self, ids: list[str]) -> list[MessageRow]:
        found: list[MessageRow] = []
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = [("id", id_) for id_ in ids[start : start + IDS_AT_ONCE]]
            public = [("visibility:", translate.PUBLIC), ("direction:", translate.OUTGOING)]
            found += (await self._client.rows(MESSAGE, [*some, *public])).items
        return found

    def _has_reference(self, row: IssueRow) -> bool:
        """Cases that somebody made in the tracker itself are not the hub's: said once, left alone."""
        if CASE_REF.fullmatch(row.canonical_id or ""):
            return True
        if row.id not in self._complained:
            self._complained.add(row.id)
            log.warning("case_without_reference", tracker_id=row.id, so_far=len(self._complained))
        return False


class ChangeSource:
    """Hands every change to the hub, then remembers how far it got."""

    def __init__(self, feed: Feed, tools: Tools, poll_seconds: float) -> None:
        self._feed = feed
        self._tools = tools
        self._poll_seconds = poll_seconds

    @property
    def name(self) -> str:
        return f"{self._tools.name}/changes"

    async def poll(self) -> int:
        """All there is now. The cursor is saved after acceptance only: what was cut off comes again."""
        accepted = 0
        cursor = await self._tools.checkpoints.load(self.name)
        while True:
            batch = await self._feed.read(cursor)
            for change in batch.changes:
                receipt = await self._tools.accept(self._inbound(change))
                accepted += not receipt.duplicate
            if batch.cursor != cursor:
                await self._tools.checkpoints.save(self.name, batch.cursor)
            cursor = batch.cursor
            if not batch.more:
                return accepted

    async def wait(self, seconds: float) -> None:
        """Roundup does not call, so time is the only sign."""
        await asyncio.sleep(min(seconds, self._poll_seconds))

    async def close(self) -> None:
        """The connections belong to the tracker of the same adapter."""

    def _inbound(self, change: Change) -> Inbound:
        event = change.event
        return Inbound(
            source=self.name,
            source_ref=f"{change.row.canonical_id}/{change.row.version or 0}",
            raw=change.raw,
            media_type="application/json",
            event=event if isinstance(event, CaseChanged) else None,
            problem=event if isinstance(event, NotUnderstoodError) else None,
        )


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


def _change(row: IssueRow, answers: list[MessageRow]) -> Change:
    return Change(row=row, answers=tuple(answers), event=_event(row, answers))


def _event(row: IssueRow, answers: list[MessageRow]) -> CaseChanged | NotUnderstoodError:
    try:
        return translate.to_case_changed(row, answers)
    except NotUnderstoodError as problem:
        return problem
