"""The feed of a system: all news about its cases, in an order that never changes, from wherever it left off."""

from dataclasses import dataclass
from typing import Final

from canonical_model.commands import Command, TellSystem
from ports.errors import NotSupportedError
from ports.feeds import Entry, Feeds
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


class Feed:
    """A `Target` that makes news readable, and the reading of it."""

    def __init__(self, feeds: Feeds, event_source: str) -> None:
        self._feeds = feeds
        self._event_source = event_source

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """See `ports.target.Target`; the position in the feed."""
        if not isinstance(command, TellSystem):
            raise NotSupportedError("existing systems are told news of their cases, and nothing else")
        return str(await self._feeds.append(command.origin.removeprefix(PREFIX), key))

    async def find(self, key: str, command: Command) -> str | None:
        """See `ports.target.Target`. To append again changes nothing."""
        return None

    async def read(self, system: str, after: int, limit: int = MOST) -> Page:
        """What became readable after this position; 0 = from the beginning."""
        page = await self._feeds.read(system, after, min(limit, MOST))
        events = (self._event(entry) for entry in page.entries)
        return Page(events=tuple(event for event in events if event), next=page.next, more=page.more)

    def _event(self, entry: Entry) -> NewsEvent | None:
        if not isinstance(entry.command, TellSystem):
            return None
        return news_of(entry.key, entry.target, entry.command, self._event_source)
