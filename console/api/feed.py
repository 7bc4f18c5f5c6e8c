"""The feed of a system: all news about its cases, in an order that never changes, from wherever it left off.

Positions are given out under a lock, so no reader ever passes over one that another process is still writing. The
feed itself holds keys only: the news is in the effect's sealed body, and is gone when the case was erased.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, func, select

from canonical_model.codec import UnreadableError, decode_command
from canonical_model.commands import Command, TellSystem
from journal.crypto import Keyring
from journal.database import Database, Transaction
from journal.reading import Opener
from journal.schema import api_feed, effects
from ports.errors import NotSupportedError
from ports.submission.cloudevents import NewsEvent, news_of
from ports.target import Fetch, Idempotency

MOST: Final = 100
"""News in one answer, at most."""
PREFIX: Final = "api/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """News with the place to go on from; `more`: ask again at once."""

    events: tuple[NewsEvent, ...]
    next: int
    more: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece of news that is to be readable."""

    system: str
    key: str


class Feed:
    """A `Target` that makes news readable, and the reading of it."""

    def __init__(self, database: Database, keyring: Keyring, event_source: str) -> None:
        self._database = database
        self._keyring = keyring
        self._event_source = event_source

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """See `ports.target.Target`; the position in the feed."""
        if not isinstance(command, TellSystem):
            raise NotSupportedError("existing systems are told news of their cases, and nothing else")
        entry = Entry(command.origin.removeprefix(PREFIX), key)
        position: int = await self._database.write(append_entries, entry)
        return str(position)

    async def find(self, key: str, command: Command) -> str | None:
        """See `ports.target.Target`. To append again changes nothing."""
        return None

    async def read(self, system: str, after: int, limit: int = MOST) -> Page:
        """What became readable after this position; 0 = from the beginning."""

        def ask(connection: Connection) -> Page:
            return self._page(connection, system, after, min(limit, MOST))

        return await self._database.read(ask)

    def _page(self, connection: Connection, system: str, after: int, limit: int) -> Page:
        query = (
            select(
                api_feed.c.position, api_feed.c.effect_key, effects.c.id, effects.c.target, effects.c.action
            )
            .join(effects, effects.c.key == api_feed.c.effect_key)
            .where(api_feed.c.system == system, api_feed.c.position > after)
            .order_by(api_feed.c.position)
            .limit(limit + 1)
        )
        rows = connection.execute(query).all()
        shown = rows[:limit]
        bodies = Opener(connection, self._keyring).open([row.id for row in shown])
        events = (self._event(row, bodies.get(row.id)) for row in shown)
        return Page(
            events=tuple(event for event in events if event),
            next=shown[-1].position if shown else after,
            more=len(rows) > limit,
        )

    def _event(self, row: Any, body: tuple[bytes, int] | None) -> NewsEvent | None:
        try:
            command = decode_command(row.action, *body) if body else None
        except UnreadableError:
            return None
        if not isinstance(command, TellSystem):
            return None
        return news_of(row.effect_key, row.target, command, self._event_source)


def append_entries(tx: Transaction, entries: list[Entry]) -> list[int | BaseException]:
    """The position of each, a new one for what was not there yet."""
    tx.lock(sorted({_lock_name(entry.system) for entry in entries}))
    return [_position(tx, entry) for entry in entries]


def _position(tx: Transaction, entry: Entry) -> int:
    there = tx.connection.execute(
        select(api_feed.c.position).where(api_feed.c.effect_key == entry.key)
    ).scalar()
    if there is not None:
        return int(there)
    last = tx.connection.execute(
        select(func.max(api_feed.c.position)).where(api_feed.c.system == entry.system)
    ).scalar()
    position = int(last or 0) + 1
    row = {"system": entry.system, "position": position, "effect_key": entry.key, "at": tx.now}
    tx.connection.execute(api_feed.insert(), row)
    return position


def _lock_name(system: str) -> str:
    """Locks are named by hexadecimal hashes."""
    return sha256(f"feed/{system}".encode()).hexdigest()
