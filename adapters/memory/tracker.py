"""A tracker that lives in memory and obeys the contract: for tests, training and what-if.

It also plays the handlers (`answer`, `set_status`) and can be told to misbehave (`fail_with`,
`lose_answer_after`).
"""

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from msgspec.structs import replace

from canonical_model.attachment import Attachment
from canonical_model.case import CanonicalCase, CaseRef
from canonical_model.codec import encode
from canonical_model.events import Answer, CaseChanged
from canonical_model.status import OPEN, CaseStatus
from ports.adapter import Tools
from ports.clock import Clock, SystemClock
from ports.errors import HubError, RejectedError, UncertainError
from ports.intake import Inbound
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

CAPABILITIES = Capabilities(
    unique_key="enforced",
    version_check="exact",
)
BATCH = 25
"""Changes in one round."""


@dataclass(slots=True, kw_only=True)
class _Held:
    """A case in the tracker; `notes` and `files` are (id, content) by our key; a handler's text by its id."""

    case: TrackerCase
    notes: dict[str, tuple[str, Note]] = field(default_factory=dict[str, tuple[str, Note]])
    files: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    answers: list[Answer] = field(default_factory=list[Answer])
    version: int = 1


class MemoryTracker:
    """All promises and errors of `ports.tracker.Tracker`. Without `groups`, every group exists."""

    def __init__(self, groups: Collection[str] | None = None, clock: Clock | None = None) -> None:
        self._groups = None if groups is None else frozenset(groups)
        self._clock = clock or SystemClock()
        self._cases: dict[TrackerId, _Held] = {}
        self._by_ref: dict[CaseRef, TrackerId] = {}
        self._contents: dict[str, bytes] = {}
        self._feed: list[CaseChanged] = []
        self._failures: deque[HubError] = deque()
        self._answers_left: int | None = None
        self._last_id = 0

    def fail_with(self, error: HubError, times: int = 1) -> None:
        """The next calls do nothing and raise this."""
        self._failures.extend([error] * times)

    def lose_answer_after(self, writes: int) -> None:
        """So many writes get their answer; the one after them is done, but says `UncertainError`."""
        self._answers_left = writes

    async def answer(self, ref: CaseRef, text: str) -> None:
        """A handler writes to the customer."""
        held = self._held(self._by_ref[ref])
        id_ = self._new_id()
        note = Note(key=id_, text=text, public=True, incoming=False)
        held.notes[id_] = (id_, note)
        held.answers.append(Answer(key=id_, text=text, at=self._clock.now()))
        self._changed(held)

    async def set_status(self, ref: CaseRef, status: CaseStatus) -> None:
        """A handler changes the status."""
        held = self._held(self._by_ref[ref])
        held.case = replace(held.case, status=status)
        self._changed(held)

    async def move(self, ref: CaseRef, group: str) -> None:
        """A handler hands the case to another group."""
        self._refuse_unknown(group)
        held = self._held(self._by_ref[ref])
        held.case = replace(held.case, group=group)
        self._changed(held)

    async def download(self, attachment_id: str) -> bytes:
        """The bytes of an attachment."""
        return self._contents[attachment_id]

    @property
    def cases(self) -> tuple[TrackerCase, ...]:
        """All cases with their notes, in the order in which they were made."""
        return tuple(_shown(held) for held in self._cases.values())

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    async def ensure_ready(self, groups: Collection[str]) -> tuple[str, ...]:
        await self._called()
        if self._groups is None:
            return ()
        return tuple(f"the tracker has no group {group!r}" for group in groups if group not in self._groups)

    async def create_if_absent(self, case: CanonicalCase) -> Created:
        await self._called()
        if case.ref in self._by_ref:
            return Created(id=self._by_ref[case.ref], created=False)
        self._refuse_unknown(case.group)
        held = _Held(case=_new_case(case, TrackerId(self._new_id())))
        self._cases[held.case.id] = held
        self._by_ref[case.ref] = held.case.id
        self._put_note(held, _description(case))
        self._tell(held)
        self._answered()
        return Created(id=held.case.id, created=True)

    async def find(self, ref: CaseRef) -> tuple[TrackerCase, ...]:
        await self._called()
        return (self._cases[self._by_ref[ref]].case,) if ref in self._by_ref else ()

    async def get(self, id_: TrackerId) -> TrackerCase:
        await self._called()
        return _shown(self._held(id_))

    async def update(self, id_: TrackerId, change: CaseChange, expect: str | None = None) -> TrackerCase:
        await self._called()
        held = self._held(id_)
        if expect is not None and held.case.version != expect:
            raise Conflict(f"case {held.case.ref} is no longer at version {expect}")
        if change.group is not None:
            self._refuse_unknown(change.group)
        wanted = replace(
            held.case,
            status=change.status or held.case.status,
            group=change.group or held.case.group,
            due=change.due or held.case.due,
        )
        if wanted != held.case:
            held.case = wanted
            self._changed(held)
        self._answered()
        return held.case

    async def add_note(self, id_: TrackerId, note: Note) -> str:
        await self._called()
        held = self._held(id_)
        if note.key not in held.notes:
            self._put_note(held, note)
            self._changed(held)
        self._answered()
        return held.notes[note.key][0]

    async def find_note(self, id_: TrackerId, key: str) -> str | None:
        await self._called()
        found = self._held(id_).notes.get(key)
        return found[0] if found else None

    async def add_attachment(self, id_: TrackerId, key: str, attachment: Attachment, content: bytes) -> str:
        await self._called()
        held = self._held(id_)
        if key not in held.files:
            file_id = self._new_id()
            self._contents[file_id] = content
            held.files[key] = (file_id, attachment.name)
            self._changed(held)
        self._answered()
        return held.files[key][0]

    async def find_attachment(self, id_: TrackerId, key: str) -> str | None:
        await self._called()
        found = self._held(id_).files.get(key)
        return found[0] if found else None

    async def list(self, query: CaseQuery, *, page: int = 1, size: int = 50) -> Page:
        await self._called()
        found = [held.case for held in self._cases.values() if _fits(held.case, query)]
        start = (page - 1) * size
        return Page(
            cases=tuple(found[start : start + size]),
            next_page=page + 1 if start + size < len(found) else 0,
        )

    async def changes(self, cursor: str | None, limit: int = 200) -> ChangeBatch:
        await self._called()
        start = int(cursor or 0)
        changes = tuple(self._feed[start : start + limit])
        return ChangeBatch(changes=changes, cursor=str(start + len(changes)))

    async def _called(self) -> None:
        """Give way, as every call over a wire does; then fail if told so."""
        await asyncio.sleep(0)
        if self._failures:
            raise self._failures.popleft()

    def _answered(self) -> None:
        if self._answers_left is None:
            return
        self._answers_left -= 1
        if self._answers_left < 0:
            self._answers_left = None
            raise UncertainError("the tracker's answer was lost, as asked")

    def _held(self, id_: TrackerId) -> _Held:
        if id_ not in self._cases:
            raise RejectedError(f"the tracker has no case {id_}")
        return self._cases[id_]

    def _refuse_unknown(self, group: str) -> None:
        if self._groups is not None and group not in self._groups:
            raise RejectedError(f"the tracker has no group {group!r}")

    def _put_note(self, held: _Held, note: Note) -> None:
        held.notes[note.key] = (self._new_id(), note)

    def _changed(self, held: _Held) -> None:
        held.version += 1
        held.case = replace(held.case, version=str(held.version))
        self._tell(held)

    def _tell(self, held: _Held) -> None:
        self._feed.append(
            CaseChanged(
                case=held.case.ref,
                tracker_id=held.case.id,
                version=held.version,
                status=held.case.status,
                group=held.case.group,
                answers=tuple(held.answers),
                changed_at=self._clock.now(),
            )
        )

    def _new_id(self) -> str:
        self._last_id += 1
        return str(self._last_id)


class MemoryChanges:
    """The tracker's changes as a source. The cursor is saved after acceptance only."""

    def __init__(self, tracker: MemoryTracker, tools: Tools, poll_seconds: float = 0.05) -> None:
        self._tracker = tracker
        self._tools = tools
        self._poll_seconds = poll_seconds
        self._more = False

    @property
    def name(self) -> str:
        return f"{self._tools.name}/changes"

    async def poll(self) -> int:
        accepted = 0
        cursor = await self._tools.checkpoints.load(self.name)
        batch = await self._tracker.changes(cursor, BATCH)
        for change in batch.changes:
            receipt = await self._tools.accept(self._inbound(change))
            accepted += not receipt.duplicate
        if batch.changes:
            await self._tools.checkpoints.save(self.name, batch.cursor)
        self._more = len(batch.changes) == BATCH
        return accepted

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(0 if self._more else min(seconds, self._poll_seconds))

    async def close(self) -> None:
        """Nothing is open."""

    def _inbound(self, change: CaseChanged) -> Inbound:
        return Inbound(
            source=self.name,
            source_ref=f"{change.case}/{change.version}",
            raw=encode(change),
            media_type="application/json",
            event=change,
        )


def _new_case(case: CanonicalCase, id_: TrackerId) -> TrackerCase:
    return TrackerCase(
        id=id_,
        ref=case.ref,
        status=CaseStatus.NEW,
        group=case.group,
        subject=case.subject,
        due=case.due,
        party_ref=case.party_ref,
        version="1",
    )


def _description(case: CanonicalCase) -> Note:
    return Note(
        key=f"{case.ref}/description",
        text=case.description,
        public=True,
        incoming=True,
        channel=case.channel,
    )


def _shown(held: _Held) -> TrackerCase:
    return replace(
        held.case,
        notes=tuple(note for _, note in held.notes.values()),
        attachments=tuple(name for _, name in held.files.values()),
    )


def _fits(case: TrackerCase, query: CaseQuery) -> bool:
    return (
        query.group in (None, case.group)
        and query.status in (None, case.status)
        and query.open in (None, case.status in OPEN)
        and query.party_ref in (None, case.party_ref)
        and (query.due_before is None or (case.due is not None and case.due < query.due_before))
    )
