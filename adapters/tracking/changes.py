"""What people did in a tracker, handed to the hub: what is the same whatever product is asked (Polling Consumer)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec
import structlog

from canonical_model.events import CaseChanged
from ports.adapter import Tools
from ports.errors import NotUnderstoodError
from ports.intake import Inbound
from ports.tracker import ChangeBatch

log = structlog.get_logger()

BATCH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: `<case number>/<version>`, what the tracker said as JSON, and what we make of it (or why we cannot)."""

    ref: str
    raw: bytes = field(repr=False)
    event: CaseChanged | NotUnderstoodError


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Changes, oldest first. `more`: look again at once."""

    changes: tuple[Change, ...]
    cursor: str
    more: bool


class Feed(Protocol):
    """Reads the changes of one tracker."""

    async def read(self, cursor: str | None, limit: int = BATCH) -> Batch:
        """At most `limit` changes after the cursor (None = from the beginning). May be repeated.

        The same change may come twice; never none.
        """
        ...


class ChangeSource:
    """Hands every change to the hub, then remembers how far it got. A `ports.source.Source`."""

    def __init__(self, feed: Feed, tools: Tools, poll_seconds: float) -> None:
        self._feed = feed
        self._tools = tools
        self._poll_seconds = poll_seconds
        self._more = False

    @property
    def name(self) -> str:
        return f"{self._tools.name}/changes"

    async def poll(self) -> int:
        """One batch. The cursor is saved after acceptance only: what was cut off comes again.

        A tracker that says that there is more and does not get on is left alone until the next look.
        """
        accepted = 0
        cursor = await self._tools.checkpoints.load(self.name)
        batch = await self._feed.read(cursor)
        for change in batch.changes:
            receipt = await self._tools.accept(self._inbound(change))
            accepted += not receipt.duplicate
        gets_on = batch.cursor != cursor
        if gets_on:
            await self._tools.checkpoints.save(self.name, batch.cursor)
        self._more = batch.more and gets_on
        return accepted

    async def wait(self, seconds: float) -> None:
        """Trackers are polled, as a call that got lost must not lose a change: time is the only sign, but for what is left."""
        await asyncio.sleep(0 if self._more else min(seconds, self._poll_seconds))

    async def close(self) -> None:
        """The connections belong to the tracker of the same adapter."""

    def _inbound(self, change: Change) -> Inbound:
        event = change.event
        return Inbound(
            source=self.name,
            source_ref=change.ref,
            raw=change.raw,
            media_type="application/json",
            event=event if isinstance(event, CaseChanged) else None,
            problem=event if isinstance(event, NotUnderstoodError) else None,
        )


class Strangers:
    """Cases that somebody made in the tracker itself are not the hub's: said once for each, left alone."""

    def __init__(self) -> None:
        self._met: set[str] = set()

    def meet(self, id_: str) -> None:
        """This case, by the tracker's own id, has no number of ours."""
        if id_ not in self._met:
            self._met.add(id_)
            log.warning("case_without_reference", tracker_id=id_, so_far=len(self._met))


def change(ref: str, case: object, answers: object, understand: Callable[[], CaseChanged]) -> Change:
    """What the tracker said of a case, and what `understand` makes of it, which may raise `NotUnderstoodError`."""
    event: CaseChanged | NotUnderstoodError
    try:
        event = understand()
    except NotUnderstoodError as problem:
        event = problem
    return Change(ref=ref, raw=msgspec.json.encode({"case": case, "answers": answers}), event=event)


async def understood(feed: Feed, cursor: str | None, limit: int) -> ChangeBatch:
    """For `ports.tracker.Tracker.changes`: without what can't be understood, which the source hands over with its problem."""
    batch = await feed.read(cursor, limit)
    events = tuple(one.event for one in batch.changes if isinstance(one.event, CaseChanged))
    return ChangeBatch(changes=events, cursor=batch.cursor)
