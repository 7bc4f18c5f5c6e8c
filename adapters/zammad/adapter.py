"""A Zammad as the hub's tracker, and its changes as a source."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from adapters.tracking import subjects, words
from adapters.tracking.assembly import tracker_adapter
from adapters.tracking.changes import understood
from adapters.zammad import translate
from adapters.zammad.client import ZammadClient
from adapters.zammad.feed import Feed
from adapters.zammad.records import ArticleRow, TicketRow
from adapters.zammad.settings import Settings
from canonical_model.attachment import Attachment
from canonical_model.case import CanonicalCase, CaseRef
from ports.adapter import Adapter, Tools
from ports.errors import MisconfiguredError, NotUnderstoodError, RejectedError
from ports.settings import parsed
from ports.tracker import (
    Capabilities,
    CaseChange,
    CaseQuery,
    ChangeBatch,
    Conflict,
    Created,
    Note,
    Page,
    TrackerCase,
    TrackerId,
)

MOST_CASES = 100
"""On one page of a list."""
CAPABILITIES = Capabilities(
    unique_key="checked",
    version_check="racy",
)


class Zammad:
    """Cases in Zammad, through REST only. All promises and errors are those of `ports.tracker.Tracker`."""

    def __init__(self, client: ZammadClient, feed: Feed, customer: str) -> None:
        self._client = client
        self._feed = feed
        self._customer = customer
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def ensure_ready(self, groups: Collection[str]) -> tuple[str, ...]:
        """Log-in, attributes, states, and these groups."""
        try:
            held, states = await self._client.attributes(), await self._client.states()
            known = await self._client.groups()
        except MisconfiguredError as error:
            return (error.what,)
        return (
            *(f"Zammad: add {name!r} to the object Ticket" for name in translate.FIELDS if name not in held),
            *(f"Zammad: make the state {word!r}" for word in words.STATUSES.values() if word not in states),
            *(f"Zammad has no group {group!r}: make it there" for group in groups if group not in known),
        )

    async def create_if_absent(self, case: CanonicalCase) -> Created:
        """Look, make, and look again: what turns out to be a second ticket goes into the first one."""
        async with self._alone(case.ref):
            known = await self._with_reference(case.ref)
            if known:
                return Created(id=_id(known[0]), created=False)
            made = await self._client.create(translate.to_ticket(case, self._customer))
            return await self._settled(case, made)

    async def find(self, ref: CaseRef) -> tuple[TrackerCase, ...]:
        return tuple(_readable(row) for row in await self._with_reference(ref))

    async def get(self, id_: TrackerId) -> TrackerCase:
        row = await self._client.ticket(id_)
        return _readable(row, await self._client.articles(id_))

    async def update(self, id_: TrackerId, change: CaseChange, expect: str | None = None) -> TrackerCase:
        """Set all or nothing, and read back."""
        values = translate.to_change(change)
        before = await self._client.ticket(id_)
        if expect is not None and str(translate.version(before)) != expect:
            raise Conflict(f"case {before.canonical_id} is no longer at version {expect}")
        if not translate.missing(before, values):
            return _readable(before)
        await self._client.change(id_, values)
        after = await self._client.ticket(id_)
        lost = translate.missing(after, values)
        if lost and all(getattr(after, name) == getattr(before, name) for name in lost):
            raise RejectedError(
                f"Zammad confirmed a change of {before.canonical_id} and left {', '.join(lost)} as it was"
            )
        return _readable(after)

    async def add_note(self, id_: TrackerId, note: Note) -> str:
        async with self._alone(f"{id_} {note.key}"):
            known = await self.find_note(id_, note.key)
            return known or str((await self._client.say(id_, translate.to_article(note))).id)

    async def find_note(self, id_: TrackerId, key: str) -> str | None:
        articles = await self._client.articles(id_)
        return next((str(one.id) for one in articles if subjects.is_note_of(key, one.subject)), None)

    async def add_attachment(self, id_: TrackerId, key: str, attachment: Attachment, content: bytes) -> str:
        async with self._alone(f"{id_} {key}"):
            known = await self.find_attachment(id_, key)
            if known:
                return known
            said = await self._client.say(id_, translate.to_file(key, attachment, content))
            (file,) = said.attachments or (None,)
            if file is None or file.size not in {None, len(content)}:
                raise RejectedError("Zammad did not keep a file whole")
            return _file_id(said, file.id)

    async def find_attachment(self, id_: TrackerId, key: str) -> str | None:
        subject = subjects.of_file(key)
        held = [one for one in await self._client.articles(id_) if one.subject == subject]
        files = (_file_id(article, file.id) for article in held for file in article.attachments)
        return next(files, None)

    async def list(self, query: CaseQuery, *, page: int = 1, size: int = 50) -> Page:
        """Zammad tells no total: whether there is a next page, only that page tells. It may hold less than `size`."""
        size = min(size, MOST_CASES)
        condition = translate.to_search(query, await self._client.groups(), await self._client.states())
        if condition is None:
            return Page(cases=(), next_page=0)
        rows = await self._client.search(condition, page=page, size=size)
        more = len(rows) == size and await self._client.search(condition, page=page + 1, size=size)
        cases = (_readable(row) for row in rows)
        return Page(
            cases=tuple(case for case in cases if translate.fits(case, query)),
            next_page=page + 1 if more else 0,
        )

    async def changes(self, cursor: str | None, limit: int = 200) -> ChangeBatch:
        return await understood(self._feed, cursor, limit)

    def _alone(self, name: str) -> asyncio.Lock:
        """One task of this process at a time for the same name."""
        return self._locks.setdefault(name, asyncio.Lock())

    async def _with_reference(self, ref: CaseRef) -> tuple[TicketRow, ...]:
        """The oldest first, without those that live on in another one."""
        rows = await self._client.search(translate.with_reference(ref))
        return tuple(row for row in rows if row.canonical_id == ref and row.state != translate.MERGED)

    async def _settled(self, case: CanonicalCase, made: str) -> Created:
        """Two makers look the one after the other, so that the later one sees both tickets, and makes them one."""
        held = await self._with_reference(case.ref)
        if not held:
            raise MisconfiguredError(
                f"Zammad did not keep the number of case {case.ref} (ticket {made}): it needs the attribute "
                f"{translate.REFERENCE!r}"
            )
        first = held[0]
        for other in held[1:]:
            if not await self._client.merge(_id(other), first.number):
                raise RejectedError(f"Zammad did not merge ticket {other.id} into {first.id}: do it there")
        if _id(first) != made:
            return Created(id=_id(first), created=False)
        lost = translate.dropped(case, first)
        if lost:
            raise RejectedError(
                f"Zammad made case {case.ref} without {', '.join(lost)}: check the object Ticket"
            )
        return Created(id=_id(first), created=True)


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory; opens no connection."""
    checked = parsed(Settings, settings, tools.name)
    client = ZammadClient(checked)
    feed = Feed(client, timedelta(seconds=checked.overlap_seconds))
    tracker = Zammad(client, feed, checked.customer)
    return tracker_adapter(tracker, feed, tools, poll_seconds=checked.poll_seconds, close=client.close)


def _readable(row: TicketRow, articles: Collection[ArticleRow] = ()) -> TrackerCase:
    try:
        return translate.to_case(row, articles)
    except NotUnderstoodError as error:
        raise MisconfiguredError(f"case {row.canonical_id}: {error.what}") from error


def _id(row: TicketRow) -> TrackerId:
    return TrackerId(str(row.id))


def _file_id(article: ArticleRow, file: int) -> str:
    """As Zammad's own address of it: ticket, article, file."""
    return f"{article.ticket_id}/{article.id}/{file}"
