"""A Request Tracker as the hub's tracker, and its changes as a source."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from weakref import WeakValueDictionary

from adapters.request_tracker import translate
from adapters.request_tracker.client import RequestTrackerClient, StaleError
from adapters.request_tracker.feed import Feed, each, said_on
from adapters.request_tracker.records import TicketRow
from adapters.request_tracker.settings import Settings
from adapters.tracking import subjects, words
from adapters.tracking.assembly import tracker_adapter
from adapters.tracking.changes import understood
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


class RequestTracker:
    """Cases in Request Tracker, through REST 2.0 only. Promises and errors are those of `ports.tracker.Tracker`."""

    def __init__(self, client: RequestTrackerClient, feed: Feed) -> None:
        self._client = client
        self._feed = feed
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def ensure_ready(self, groups: Collection[str]) -> tuple[str, ...]:
        """Log-in, fields with their choices, and these groups. Statuses show only in use: see `update`."""
        try:
            return (*await self._missing_fields(), *await self._missing_queues(groups))
        except MisconfiguredError as error:
            return (error.what,)

    async def create_if_absent(self, case: CanonicalCase) -> Created:
        """Look, make, and look again: what turns out to be a second ticket goes into the first one."""
        async with self._alone(case.ref):
            known = await self._with_reference(case.ref)
            if known:
                return Created(id=_id(known[0]), created=False)
            return await self._settled(case, await self._client.create(translate.to_ticket(case)))

    async def find(self, ref: CaseRef) -> tuple[TrackerCase, ...]:
        return tuple(_readable(row) for row in await self._with_reference(ref))

    async def get(self, id_: TrackerId) -> TrackerCase:
        row = await self._client.ticket(id_)
        said = await said_on(self._client, [_id(row)], translate.SPEAKING)
        notes = translate.to_notes(row, said, await self._client.texts(_id(row)))
        return _readable(row, notes, await self._client.files(_id(row)))

    async def update(self, id_: TrackerId, change: CaseChange, expect: str | None = None) -> TrackerCase:
        """Set fields and read back: RT answers 200 to what it leaves as it was."""
        row = await self._client.ticket(id_)
        if expect is not None and str(row.version) != expect:
            raise Conflict(f"case {row.field(translate.REFERENCE)} is no longer at version {expect}")
        if change.group and change.group not in (await self._client.queues(change.group)).values():
            raise RejectedError(f"Request Tracker has no queue {change.group!r} for the hub: make it there")
        for values in translate.to_steps(change):
            row = await self._set(row, values, expected=expect is not None)
        return _readable(row)

    async def add_note(self, id_: TrackerId, note: Note) -> str:
        async with self._alone(f"{id_} {note.key}"):
            known = await self.find_note(id_, note.key)
            if known:
                return known
            how = "correspond" if note.public else "comment"
            subject, text = subjects.of_note(note), words.content(note.text)
            return str(await self._client.say(id_, how, subject, text))

    async def find_note(self, id_: TrackerId, key: str) -> str | None:
        found = await self._client.messages(id_, subjects.tail(key))
        held = [text.transaction_id for text in found if subjects.is_note_of(key, text.subject)]
        return str(min(held)) if held else None

    async def add_attachment(self, id_: TrackerId, key: str, attachment: Attachment, content: bytes) -> str:
        """RT may cut or drop what is larger than its own limit, and says 201 all the same: look again."""
        async with self._alone(f"{id_} {key}"):
            known = await self.find_attachment(id_, key)
            if known:
                return known
            name = translate.to_file_name(attachment.name)
            media_type = translate.to_media_type(attachment.media_type)
            subject = subjects.of_file(key)
            said = await self._client.attach(id_, subject, name, media_type, content)
            kept = await self._whole(id_, said)
            if kept is None:
                raise RejectedError("Request Tracker did not keep a file whole: raise its $MaxAttachmentSize")
            return kept

    async def find_attachment(self, id_: TrackerId, key: str) -> str | None:
        subject = subjects.of_file(key)
        found = await self._client.messages(id_, subjects.tail(key))
        held = [part.transaction_id for part in found if part.subject == subject]
        for said in sorted(held):
            kept = await self._whole(id_, said)
            if kept is not None:
                return kept
        return None

    async def list(self, query: CaseQuery, *, page: int = 1, size: int = 50) -> Page:
        """Every case is read by itself: a list does not tell its version. A page may hold fewer than `size`."""
        size = min(size, MOST_CASES)
        found = await self._client.ticket_ids(translate.to_search(query), page=page, size=size)
        rows = await each(found.items, lambda one: self._client.ticket(str(one.id)))
        cases = (_readable(row) for row in rows)
        more = page * size < (found.total or 0)
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
        """The oldest first. RT takes capitals and small letters for the same."""
        found = await self._client.ticket_ids(translate.with_reference(ref))
        rows = [await self._client.ticket(str(one.id)) for one in found.items]
        return tuple(row for row in rows if row.field(translate.REFERENCE) == ref)

    async def _settled(self, case: CanonicalCase, made: str) -> Created:
        """Two makers look the one after the other, so that the later one sees both tickets, and makes them one.

        A field with unique values does not stop a second ticket: RT makes it, without its number (a ghost).
        """
        held = await self._with_reference(case.ref)
        if not held:
            raise MisconfiguredError(
                f"Request Tracker did not keep the number of case {case.ref} (ticket {made}): it needs the field "
                f"{translate.REFERENCE!r}"
            )
        first = held[0]
        for other in {made, *(_id(row) for row in held)} - {_id(first)}:
            await self._merge(TrackerId(other), _id(first))
        if _id(first) != made:
            return Created(id=_id(first), created=False)
        lost = translate.dropped(case, first)
        if lost:
            raise RejectedError(
                f"Request Tracker made case {case.ref} without {', '.join(lost)}: check its custom fields"
            )
        return Created(id=_id(first), created=True)

    async def _merge(self, ghost: TrackerId, into: TrackerId) -> None:
        await self._client.change(ghost, {"MergeInto": into})
        if _id(await self._client.ticket(ghost)) != into:
            raise RejectedError(f"Request Tracker did not merge ticket {ghost} into {into}: do it there")

    async def _set(self, before: TicketRow, values: Mapping[str, str], *, expected: bool) -> TicketRow:
        """Other values than ours are a handler's when somebody set the field since: newer, and theirs to set."""
        if not translate.missing(before, values):
            return before
        id_ = _id(before)
        try:
            await self._client.change(id_, values, before.version if expected else None)
        except StaleError as error:
            raise Conflict(f"case {before.field(translate.REFERENCE)} was changed just now") from error
        after = await self._client.ticket(id_)
        unlike = translate.missing(after, values).keys()
        lost = unlike - await self._touched(before) if unlike else unlike
        if lost:
            raise RejectedError(
                f"Request Tracker said yes and left {', '.join(sorted(lost))} of case "
                f"{before.field(translate.REFERENCE)} as it was: check the lifecycle of its queue and the hub's rights"
            )
        return after

    async def _touched(self, before: TicketRow) -> set[str]:
        since = f"id > {before.version} AND {translate.CHANGING}"
        return {one.field or "" for one in await said_on(self._client, [_id(before)], since)}

    async def _whole(self, id_: TrackerId, said: int) -> str | None:
        """The id of the file of a message, unless RT wrote down right after it that it cut or dropped it.

        The length that RT tells is that of what it was sent, whatever it kept.
        """
        after, _ = await self._client.transactions(f"TicketId = {id_} AND id > {said}")
        if after and after[0].type in translate.LOSSES:
            return None
        files = await self._client.parts(said)
        return str(files[0].id) if files else None

    async def _missing_fields(self) -> tuple[str, ...]:
        held = await self._client.ticket_fields()
        wrong = [
            f"make the custom field {name!r} of tickets" for name in translate.FIELDS if name not in held
        ]
        for name, choices in translate.CHOICES.items():
            if name in held:
                known = (await self._client.choices(held[name])).values
                wrong += [f"add {word!r} to the field {name!r}" for word in choices if word not in known]
        return tuple(f"Request Tracker: {what}, for all queues and visible to the hub" for what in wrong)

    async def _missing_queues(self, groups: Collection[str]) -> tuple[str, ...]:
        held = (await self._client.queues("")).values() if groups else ()
        return tuple(
            f"Request Tracker has no queue {group!r} for the hub: make it there"
            for group in groups
            if group not in held
        )


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter's factory; opens no connection."""
    checked = parsed(Settings, settings, tools.name)
    client = RequestTrackerClient(checked)
    feed = Feed(client, timedelta(seconds=checked.late_seconds))
    tracker = RequestTracker(client, feed)
    return tracker_adapter(tracker, feed, tools, poll_seconds=checked.poll_seconds, close=client.close)


def _readable(row: TicketRow, *more: Any) -> TrackerCase:
    try:
        return translate.to_case(row, *more)
    except NotUnderstoodError as error:
        raise MisconfiguredError(f"case {row.field(translate.REFERENCE)}: {error.what}") from error


def _id(row: TicketRow) -> TrackerId:
    return TrackerId(str(row.id))
