"""Feeds in memory, for adapters that let others read what was done."""

from canonical_model.commands import Command
from ports.feeds import Entry, FeedPage


class MemoryFeeds:
    """All promises of `ports.feeds.Feeds`. `commands` is what the journal would know, by key; put them in first."""

    def __init__(self) -> None:
        self.commands: dict[str, Command] = {}
        self._feeds: dict[str, list[str]] = {}

    async def append(self, feed: str, key: str) -> int:
        keys = self._feeds.setdefault(feed, [])
        if key not in keys:
            keys.append(key)
        return keys.index(key) + 1

    async def read(self, feed: str, after: int, limit: int) -> FeedPage:
        keys = self._feeds.get(feed, [])
        shown = keys[after : after + limit]
        entries = tuple(
            Entry(position=after + number, key=key, target=feed, command=self.commands.get(key))
            for number, key in enumerate(shown, start=1)
        )
        return FeedPage(entries=entries, next=after + len(shown), more=len(keys) > after + limit)
