"""The journal's feeds: `ports.feeds.Feeds`.

Positions are given out under a lock, so no reader ever passes over one that another process is still writing. The
feed itself holds keys only: what was done is in the effect's sealed body, and is gone when the case was erased.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, func, select

from canonical_model.codec import UnreadableError, decode_command
from canonical_model.commands import Command
from journal.crypto import Keyring
from journal.database import Database, Transaction
from journal.schema import api_feed, effects
from journal.seals import Opener
from ports.feeds import Entry, FeedPage


@dataclass(frozen=True, slots=True)
class Appended:
    """An effect that is to be readable."""

    feed: str
    key: str


class JournalFeeds:
    """Reads committed data; opens only the seals of what is shown."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def append(self, feed: str, key: str) -> int:
        position: int = await self._database.write(append_entries, Appended(feed, key))
        return position

    async def read(self, feed: str, after: int, limit: int) -> FeedPage:
        def ask(connection: Connection) -> FeedPage:
            return self._page(connection, feed, after, limit)

        return await self._database.read(ask)

    def _page(self, connection: Connection, feed: str, after: int, limit: int) -> FeedPage:
        query = (
            select(
                api_feed.c.position, api_feed.c.effect_key, effects.c.id, effects.c.target, effects.c.action
            )
            .join(effects, effects.c.key == api_feed.c.effect_key)
            .where(api_feed.c.system == feed, api_feed.c.position > after)
            .order_by(api_feed.c.position)
            .limit(limit + 1)
        )
        rows = connection.execute(query).all()
        shown = rows[:limit]
        bodies = Opener(connection, self._keyring).open([row.id for row in shown])
        return FeedPage(
            entries=tuple(
                Entry(
                    position=row.position,
                    key=row.effect_key,
                    target=row.target,
                    command=_command(row, bodies.get(row.id)),
                )
                for row in shown
            ),
            next=shown[-1].position if shown else after,
            more=len(rows) > limit,
        )


def append_entries(tx: Transaction, entries: list[Appended]) -> list[int | BaseException]:
    """The position of each, a new one for what was not there yet."""
    tx.lock(sorted({_lock_name(entry.feed) for entry in entries}))
    return [_position(tx, entry) for entry in entries]


def _position(tx: Transaction, entry: Appended) -> int:
    there = tx.connection.execute(
        select(api_feed.c.position).where(api_feed.c.effect_key == entry.key)
    ).scalar()
    if there is not None:
        return int(there)
    last = tx.connection.execute(
        select(func.max(api_feed.c.position)).where(api_feed.c.system == entry.feed)
    ).scalar()
    position = int(last or 0) + 1
    row = {"system": entry.feed, "position": position, "effect_key": entry.key, "at": tx.now}
    tx.connection.execute(api_feed.insert(), row)
    return position


def _command(row: Any, body: tuple[bytes, int] | None) -> Command | None:
    try:
        return decode_command(row.action, *body) if body else None
    except UnreadableError:
        return None


def _lock_name(feed: str) -> str:
    """Locks are named by hexadecimal hashes."""
    return sha256(f"feed/{feed}".encode()).hexdigest()
