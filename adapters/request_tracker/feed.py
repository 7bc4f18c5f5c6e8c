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
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from adapters.request_tracker import translate
from adapters.request_tracker.client import IDS_AT_ONCE, MOST_ROWS, RequestTrackerClient
from adapters.request_tracker.records import TicketRow, TransactionRow
from adapters.tracking.changes import BATCH, Batch, Change, Strangers, change

REPLIES = f"Type = '{translate.CORRESPOND}'"
T = TypeVar("T")
S = TypeVar("S")

AT_ONCE = 4
"""How many tickets are asked for at the same time."""


class Position(msgspec.Struct, frozen=True):
    """How far the feed was read: up to `settled` nothing is missing; `seen` = what was told after that."""

    settled: int = 0
    seen: frozenset[int] = frozenset()


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
        self._strangers = Strangers()

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
        rows = {int(row.id): row for row in await self._client.tickets(list(last)) if self._is_ours(row)}
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
        ref = f"{ticket.field(translate.REFERENCE)}/{ticket.version}"
        return change(ref, ticket, answers, lambda: translate.to_case_changed(ticket, replies, answers))

    def _is_ours(self, ticket: TicketRow) -> bool:
        ours = translate.is_ours(ticket)
        if not ours:
            self._strangers.meet(str(ticket.id))
        return ours


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
