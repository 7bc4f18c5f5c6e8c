"""Feeds: what the hub did for a system, readable one after the other by whoever polls it.

The journal has the commands; a feed only says which of them may be read, and in which order. There is no second copy.
"""

from dataclasses import dataclass
from typing import Protocol

from canonical_model.commands import Command
from ports.errors import MisconfiguredError


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One effect in a feed. `command` is None when its case was erased."""

    position: int
    key: str
    target: str
    command: Command | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """Entries in the order of their positions. `next` is where to go on from; `more`: ask again at once."""

    entries: tuple[Entry, ...]
    next: int
    more: bool


class Feeds(Protocol):
    """Both raise `TransientError` when the journal can't be reached."""

    async def append(self, feed: str, key: str) -> int:
        """Make the effect with this key readable; its position, from 1 on. Again gives the same position.

        No reader ever passes over a position: they are given out one at a time. `feed` has at most 40 characters.
        """
        ...

    async def read(self, feed: str, after: int, limit: int) -> FeedPage:
        """What became readable after this position; 0 = from the beginning."""
        ...


class NoFeeds:
    """No journal, no feeds."""

    async def append(self, feed: str, key: str) -> int:
        raise MisconfiguredError("there are no feeds here")

    async def read(self, feed: str, after: int, limit: int) -> FeedPage:
        raise MisconfiguredError("there are no feeds here")
