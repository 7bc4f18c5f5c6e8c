"""What people did in the tracker: polled by the date of the last change (Polling Consumer).

Zammad tells when a case last changed, to the millisecond. Each look goes back some time and leaves out what was seen
there already, so that a change which was committed late is not missed. The same change may come twice; never none.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from adapters.zammad import translate
from adapters.zammad.client import MOST_ROWS, ZammadClient
from adapters.zammad.records import ArticleRow, TicketRow
from canonical_model.events import CaseChanged
from ports.adapter import Tools
from ports.errors import NotUnderstoodError
from ports.intake import Inbound

log = structlog.get_logger()

BEGINNING = datetime(1990, 1, 1, tzinfo=UTC)
BATCH = 200
INSTANT = timedelta(milliseconds=1)


class Position(msgspec.Struct, frozen=True):
    """How far the feed was read. `seen`: ticket id -> version, within the overlap."""

    until: datetime = BEGINNING
    seen: dict[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: what Zammad said, and what we make of it (or why we cannot)."""

    ticket: TicketRow
    answers: tuple[ArticleRow, ...] = field(repr=False)
    event: CaseChanged | NotUnderstoodError

    @property
    def raw(self) -> bytes:
        """What Zammad said, as JSON."""
        return msgspec.json.encode({"case": self.ticket, "answers": self.answers})


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes, oldest first. `more`: look again at once."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool


class Feed:
    """Reads changes from a cursor on. Holds nothing but what it has complained about."""

    def __init__(self, client: ZammadClient, overlap: timedelta) -> None:
        self._client = client
        self._overlap = overlap
        self._complained: set[int] = set()

    async def read(self, cursor: str | None, limit: int = BATCH) -> Batch:
        """At most `limit` changes after the cursor (None = from the beginning). May be repeated."""
        old = msgspec.json.decode(cursor, type=Position) if cursor else Position()
        rows, more = await self._rows(old, limit)
        fresh = [row for row in rows if not _is_seen(row, old) and row.state != translate.MERGED]
        changes = [await self._change(row) for row in fresh if self._has_reference(row)]
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
        return Change(ticket=row, answers=answers, event=_event(row, answers))

    def _has_reference(self, row: TicketRow) -> bool:
        """Cases that somebody made in the tracker itself are not the hub's: said once, left alone."""
        if translate.is_ours(row):
            return True
        if row.id not in self._complained:
            self._complained.add(row.id)
            log.warning("case_without_reference", tracker_id=str(row.id), so_far=len(self._complained))
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
        """Polling is the truth, so time is the only sign."""
        await asyncio.sleep(min(seconds, self._poll_seconds))

    async def close(self) -> None:
        """The connections belong to the tracker of the same adapter."""

    def _inbound(self, change: Change) -> Inbound:
        event = change.event
        return Inbound(
            source=self.name,
            source_ref=f"{change.ticket.canonical_id}/{translate.version(change.ticket)}",
            raw=change.raw,
            media_type="application/json",
            event=event if isinstance(event, CaseChanged) else None,
            problem=event if isinstance(event, NotUnderstoodError) else None,
        )


def _is_seen(row: TicketRow, position: Position) -> bool:
    return position.seen.get(str(row.id)) == translate.version(row)


def _event(row: TicketRow, answers: tuple[ArticleRow, ...]) -> CaseChanged | NotUnderstoodError:
    try:
        return translate.to_case_changed(row, answers)
    except NotUnderstoodError as problem:
        return problem
