"""What people did in the tracker: polled by the number of the transaction (Polling Consumer).

RT numbers what happens, but its database hands out a number before it shows the transaction: a higher one can be
seen before a lower one. Reading "all after the highest" would miss what comes late. So the feed stands still at the
first number that is missing, reads on from there each time, leaves out what it told already, and passes a missing
number once the transaction after it is old enough that nothing can come any more. The same change may come twice;
never none.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec
import structlog

from adapters.request_tracker import translate
from adapters.request_tracker.client import IDS_AT_ONCE, MOST_ROWS, RequestTrackerClient
from adapters.request_tracker.records import AttachmentRow, TicketRow, TransactionRow
from canonical_model.events import CaseChanged
from ports.adapter import Tools
from ports.errors import NotUnderstoodError
from ports.intake import Inbound

log = structlog.get_logger()

REPLIES = f"Type = '{translate.CORRESPOND}'"
T = TypeVar("T")
S = TypeVar("S")

BATCH = 200
AT_ONCE = 4
"""How many tickets are asked for at the same time."""


class Position(msgspec.Struct, frozen=True):
    """How far the feed was read: up to `settled` nothing is missing; `seen` = what was told after that."""

    settled: int = 0
    seen: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: what RT said, and what we make of it (or why we cannot)."""

    ticket: TicketRow
    texts: tuple[AttachmentRow, ...] = field(repr=False)
    event: CaseChanged | NotUnderstoodError

    @property
    def raw(self) -> bytes:
        """What RT said, as JSON."""
        return msgspec.json.encode({"case": self.ticket, "answers": self.texts})


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes, oldest first. `more`: look again at once."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Transactions in order, and the last one of each ticket that they are about.

    `asked_at`: not later than RT's clock when the first question came in.
    """

    rows: list[TransactionRow]
    tickets: dict[int, int]
    asked_at: datetime | None
    more: bool


class Feed:
    """Reads changes from a cursor on. Holds nothing but what it has complained about."""

    def __init__(self, client: RequestTrackerClient, late: timedelta) -> None:
        self._client = client
        self._late = late
        self._complained: set[str] = set()

    async def read(self, cursor: str | None, limit: int = BATCH) -> Batch:
        """At most `limit` changes after the cursor (None = from the beginning). May be repeated."""
        old = msgspec.json.decode(cursor, type=Position) if cursor else Position()
        read = await self._transactions(old, limit)
        changes = await self._changes(read.tickets)
        new = self._advance(old, read)
        return Batch(changes=changes, cursor=msgspec.json.encode(new).decode(), more=read.more)

    async def _transactions(self, old: Position, limit: int) -> _Read:
        """Up to the transaction that would be about one ticket too many."""
        rows: list[TransactionRow] = []
        fresh: dict[int, None] = {}
        last: dict[int, int] = {}
        after, began, more = old.settled, None, True
        while more:
            page, asked_at = await self._client.transactions(f"id > {after}")
            began = began or asked_at
            for row in page:
                if row.id not in old.seen:
                    if row.object_id not in fresh and len(fresh) == limit:
                        return _Read(rows=rows, tickets=_picked(last, fresh), asked_at=began, more=True)
                    fresh.pop(row.object_id, None)  # to the end: in the order of their last change
                    fresh[row.object_id] = None
                last[row.object_id] = row.id
                rows.append(row)
            more = len(page) == MOST_ROWS
            after = page[-1].id if page else after
        return _Read(rows=rows, tickets=_picked(last, fresh), asked_at=began, more=False)

    def _advance(self, old: Position, read: _Read) -> Position:
        settled = old.settled
        for row in read.rows:
            if row.id != settled + 1 and not self._is_old(row, read.asked_at):
                break
            settled = row.id
        seen = old.seen | {row.id for row in read.rows}
        return Position(settled=settled, seen=frozenset(id_ for id_ in seen if id_ > settled))

    def _is_old(self, row: TransactionRow, now: datetime | None) -> bool:
        return now is not None and row.created is not None and row.created <= now - self._late

    async def _changes(self, last: Mapping[int, int]) -> tuple[Change, ...]:
        """How these tickets stand now, without those that are not ours, or live on in another one.

        A ticket can be newer than its last transaction here: then that one is told as well.
        """
        rows = {
            int(row.id): row for row in await self._client.tickets(list(last)) if self._has_reference(row)
        }
        tickets = [
            msgspec.structs.replace(rows[number], version=version)
            for number, version in last.items()
            if number in rows
        ]
        replies: dict[str, list[TransactionRow]] = defaultdict(list)
        spoken = await said_on(self._client, [str(ticket.id) for ticket in tickets], REPLIES)
        for one in spoken:
            replies[str(one.object_id)].append(one)
        return tuple(await each(tickets, lambda ticket: self._change(ticket, replies[str(ticket.id)])))

    async def _change(self, ticket: TicketRow, replies: Sequence[TransactionRow]) -> Change:
        texts = await self._client.texts(str(ticket.id)) if replies else ()
        spoken = {one.id for one in replies}
        answers = tuple(text for text in texts if text.transaction_id in spoken)
        return Change(ticket=ticket, texts=answers, event=_event(ticket, replies, answers))

    def _has_reference(self, ticket: TicketRow) -> bool:
        """Cases that somebody made in the tracker itself are not the hub's: said once, left alone."""
        if translate.is_ours(ticket):
            return True
        id_ = str(ticket.id)
        if id_ not in self._complained:
            self._complained.add(id_)
            log.warning("case_without_reference", tracker_id=id_, so_far=len(self._complained))
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
        """RT does not call, so time is the only sign."""
        await asyncio.sleep(min(seconds, self._poll_seconds))

    async def close(self) -> None:
        """The connections belong to the tracker of the same adapter."""

    def _inbound(self, change: Change) -> Inbound:
        event = change.event
        return Inbound(
            source=self.name,
            source_ref=f"{change.ticket.field(translate.REFERENCE)}/{change.ticket.version}",
            raw=change.raw,
            media_type="application/json",
            event=event if isinstance(event, CaseChanged) else None,
            problem=event if isinstance(event, NotUnderstoodError) else None,
        )


async def said_on(
    client: RequestTrackerClient, tickets: Sequence[str], which: str
) -> tuple[TransactionRow, ...]:
    """All transactions of this kind on these tickets, in order for each of them."""
    found: list[TransactionRow] = []
    for start in range(0, len(tickets), IDS_AT_ONCE):
        ids = " OR ".join(f"TicketId = {id_}" for id_ in tickets[start : start + IDS_AT_ONCE])
        last: int = 0
        page: tuple[TransactionRow, ...] = ()
        while last == 0 or len(page) == MOST_ROWS:
            page, _ = await client.transactions(f"({ids}) AND id > {last} AND {which}")
            found += page
            last = page[-1].id if page else -1
    return tuple(found)


async def each(things: Collection[T], ask: Callable[[T], Awaitable[S]]) -> list[S]:
    """The answer for each, in order; a few at a time, so that others get through as well."""
    ordered, answers = list(things), list[S]()
    for start in range(0, len(ordered), AT_ONCE):
        answers += await asyncio.gather(*(ask(thing) for thing in ordered[start : start + AT_ONCE]))
    return answers


def _picked(last: Mapping[int, int], tickets: Iterable[int]) -> dict[int, int]:
    return {ticket: last[ticket] for ticket in tickets}


def _event(
    ticket: TicketRow, said: Sequence[TransactionRow], texts: Iterable[AttachmentRow]
) -> CaseChanged | NotUnderstoodError:
    try:
        return translate.to_case_changed(ticket, said, texts)
    except NotUnderstoodError as problem:
        return problem
