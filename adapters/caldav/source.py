"""Polling Consumer of a task list: what changed since a token, compared with what was told of each task."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from msgspec.structs import replace

from adapters.caldav.client import Changes, Item, StaleTokenError, TaskListClient
from adapters.caldav.memory import Memory, Told, hash_of, told_since
from adapters.caldav.settings import Settings
from adapters.caldav.translate import Sent, Work, name_of, order_in, to_work
from canonical_model.events import WorkOrderChanged
from canonical_model.work_order import ENDED, OrderState, order_id
from ports.adapter import Tools
from ports.errors import AdapterError, MessageError, NotSupportedError, NotUnderstoodError, TransientError
from ports.evidence import Evidence
from ports.files import Upload
from ports.intake import File, Inbound

log = structlog.get_logger()

DELETED = "Uit de takenlijst verwijderd"
"""What handlers read when the crew threw a task away."""
_PATIENCE = 3
"""As many tasks in a row that can't be read are the server's trouble: the others are not tried now."""
_LONGEST = timedelta(days=7)
"""A task that can't be read for so long is left to people."""


class _UnreadError(TransientError):
    """The server does not give this task now, and is asked for it again."""


class _PhotoAwaitedError(TransientError):
    """A photo can't be fetched now, and is worth waiting for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What changed in a task since it was told last, and how it is told from then on."""

    told: Told
    text: str
    files: tuple[File, ...] = ()
    problems: tuple[MessageError, ...] = ()

    @property
    def key(self) -> str:
        """The same step has the same key, and no two steps of a task have one."""
        told = self.told
        content = (told.state, str(told.planned), told.note_hash, *told.photos)
        return f"{told.number}-{sha256(repr(content).encode()).hexdigest()[:16]}"


class Tasks:
    """Implements `ports.source.Source`: hands over what the crew did with our orders, once, and nothing else.

    A token that the server forgot, and the first look, mean reading everything: tasks whose version was told are
    passed over, and open orders that are not there any more were thrown away. A task that waits for a photo keeps
    the token where it is; the others go on. So does one that the server can't give: it is asked for after the others,
    and named in the outage that it is, until people get it as a failure.
    """

    def __init__(self, tools: Tools, settings: Settings, client: TaskListClient, memory: Memory) -> None:
        self.name = f"{tools.name}/tasks"
        self._tools = tools
        self._settings = settings
        self._client = client
        self._memory = memory
        self._evidence = Evidence(settings.media_origins, settings)
        self._waiting: dict[str, datetime] = {}
        self._unread: dict[str, datetime] = {}
        self._in_a_row = 0

    async def poll(self) -> int:
        token = await self._memory.token()
        try:
            changes = await self._client.changes(token)
        except StaleTokenError:
            log.warning("task_list_read_anew", adapter=self._tools.name)
            token, changes = "", await self._client.changes("")
        new, awaited, self._in_a_row = 0, False, 0
        failure: _UnreadError | None = None
        for name, etag in self._in_turn(changes):
            try:
                new += await self._changed(name, etag)
            except _UnreadError as error:
                failure = error
                if self._in_a_row >= _PATIENCE or error.retry_after:
                    break
            except _PhotoAwaitedError as error:
                log.info("work_order_photo_awaited", adapter=self._tools.name, reason=error.what)
                awaited = True
        for order in await self._gone(changes, everything=not token):
            new += await self._deleted(order)
        if failure:
            raise failure
        if not awaited:
            await self._memory.remember_token(changes.token)
        return new

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, self._settings.poll_seconds))

    async def close(self) -> None:
        """Let go of the connections to photos elsewhere; the next poll makes new ones."""
        await self._evidence.close()

    def _in_turn(self, changes: Changes) -> Sequence[tuple[str, str]]:
        """By name; what could not be read comes after all others, the longest untried first."""
        last = {name: place for place, name in enumerate(self._unread, start=1)}
        return sorted(changes.changed.items(), key=lambda one: (last.get(one[0], 0), one))

    async def _changed(self, name: str, etag: str) -> int:
        named = order_in(name)
        if named is None:
            return 0  # a task of the crew's own
        order = order_id(*named)
        last = await self._memory.told(order) or Told()
        if etag and etag == last.etag:
            return 0
        try:
            item = await self._item(name, order)
        except NotUnderstoodError as problem:
            return await self._hand_over_problem(order, f"unread-{etag}", b"", problem)
        if item is None:
            return 0  # thrown away in between: the next look says so
        sent = await self._memory.sent(order) or Sent()
        try:
            work = to_work(item.content, sent, self._settings)
        except MessageError as problem:
            return await self._hand_over_problem(order, etag, item.content, problem)
        step = await self._step(order, work, last, sent)
        is_new = _is_news(step.told, last) and not (sent.taken_back and work.state is OrderState.CANCELLED)
        new = await self._hand_over(order, step, item.content) if is_new else 0
        await self._settle(order, replace(step.told, etag=item.etag))
        self._waiting.pop(order, None)
        return new

    async def _item(self, name: str, order: str) -> Item | None:
        """Raises `_UnreadError`, and after a week `NotUnderstoodError`, when the server can't give this task."""
        try:
            item = await self._client.get(name)
        except AdapterError as error:
            now = self._tools.clock.now()
            since = self._unread.pop(name, now)
            if now - since > _LONGEST:
                raise NotUnderstoodError(
                    f"{order}: {error.what}, for a week now: look at the task"
                ) from error
            self._unread[name] = since
            self._in_a_row += 1
            retry_after = error.retry_after if isinstance(error, TransientError) else None
            raise _UnreadError(
                f"{order}: {error.what}", detail=error.detail, retry_after=retry_after
            ) from error
        self._unread.pop(name, None)
        self._in_a_row = 0
        return item

    async def _step(self, order: str, work: Work, last: Told, sent: Sent) -> _Step:
        files, photos, problems = await self._photos(order, work, last)
        now = self._tools.clock.now()
        told_now = Told(
            number=last.number,
            state=work.state,
            at=max(work.changed_at or now, last.at or work.changed_at or now),
            planned=work.planned,
            note_length=len(work.note),
            note_hash=hash_of(work.note),
            photos=photos,
        )
        if _is_news(told_now, last):
            told_now = replace(told_now, number=last.number + 1)
        return _Step(told=told_now, text=told_since(last, work), files=files, problems=problems)

    async def _photos(
        self, order: str, work: Work, last: Told
    ) -> tuple[tuple[File, ...], tuple[str, ...], tuple[MessageError, ...]]:
        """The photos that were not told yet, the marks of all that are there, and why some will never come."""
        files: dict[str, File] = {}
        problems: list[MessageError] = []
        marks: list[str] = []
        uploads: tuple[Upload | str, ...] = (*work.inline, *work.distant)
        for upload in uploads:
            mark = sha256(upload.content if isinstance(upload, Upload) else upload.encode()).hexdigest()
            marks.append(mark)
            if mark in last.photos:
                continue
            try:
                file = await self._file(order, upload, len(files))
                files.setdefault(file.attachment.claim, file)
            except MessageError as problem:
                problems.append(problem)
        return tuple(files.values()), tuple(sorted(marks)), tuple(problems)

    async def _file(self, order: str, upload: Upload | str, had: int) -> File:
        try:
            return await self._evidence.photo(had, upload)
        except TransientError as error:
            now = self._tools.clock.now()
            since = self._waiting.setdefault(order, now)
            if now - since < timedelta(hours=self._settings.media_hours):
                raise _PhotoAwaitedError(error.what) from error
            raise NotUnderstoodError(error.what) from error

    async def _hand_over(self, order: str, step: _Step, raw: bytes) -> int:
        """Gives the step to the hub, and the photos that will never come as failures for people."""
        new = await self._accept(order, step.key, step.told, step.text, raw, step.files)
        for number, problem in enumerate(step.problems, start=1):
            await self._tools.accept(
                self._inbound(f"{order}/{step.key}/photo-{number}", raw, problem=problem)
            )
        return new

    async def _deleted(self, order: str) -> int:
        """The crew threw a task away: unless it had ended, that is a cancellation which people must look at."""
        last = await self._memory.told(order)
        sent = await self._memory.sent(order)
        last_state = last.state if last else OrderState.ORDERED
        if (last is None and sent is None) or last_state in ENDED or (sent and sent.taken_back):
            await self._forget(order)
            return 0
        last = last or Told()
        gone = Told(number=last.number + 1, state=OrderState.CANCELLED, at=self._tools.clock.now())
        new = await self._accept(order, f"{gone.number}-deleted", gone, DELETED, b"")
        await self._settle(order, gone)
        return new

    async def _gone(self, changes: Changes, *, everything: bool) -> Sequence[str]:
        """The orders that are not in the list any more, as far as the server can tell."""
        named = [order_id(*found) for name in changes.gone if (found := order_in(name))]
        if everything:
            named += [order for order in await self._memory.open() if name_of(order) not in changes.changed]
        return sorted(set(named))

    async def _accept(
        self, order: str, key: str, now_told: Told, text: str, raw: bytes, files: tuple[File, ...] = ()
    ) -> int:
        named = order_in(name_of(order))
        case, trip = named or (None, 0)
        event = WorkOrderChanged(
            system=self._tools.name,
            outside_id=name_of(order),
            case=case,
            trip=trip,
            update=key,
            state=now_told.state,
            text=text,
            at=now_told.at or self._tools.clock.now(),
            evidence=tuple(file.attachment for file in files),
        )
        inbound = self._inbound(f"{order}/{key}", raw, event=event, files=files)
        return int(not (await self._tools.accept(inbound)).duplicate)

    async def _hand_over_problem(self, order: str, etag: str, raw: bytes, problem: MessageError) -> int:
        if isinstance(problem, NotSupportedError):
            log.warning("work_order_status_unknown", adapter=self._tools.name, reason=problem.what)
        mark = etag.strip('W/"') or sha256(raw).hexdigest()
        receipt = await self._tools.accept(self._inbound(f"{order}/{mark[:64]}", raw, problem=problem))
        return int(not receipt.duplicate)

    def _inbound(
        self,
        source_ref: str,
        raw: bytes,
        *,
        event: WorkOrderChanged | None = None,
        problem: MessageError | None = None,
        files: tuple[File, ...] = (),
    ) -> Inbound:
        return Inbound(
            source=self.name,
            source_ref=source_ref,
            raw=raw,
            media_type="text/calendar",
            event=event,
            problem=problem,
            files=files,
        )

    async def _settle(self, order: str, now_told: Told) -> None:
        """Remember what was told, and whether the crew still has something to do."""
        await self._memory.remember_told(order, now_told)
        is_open = now_told.state not in ENDED
        before = await self._memory.open()
        after = before | {order} if is_open else before - {order}
        if after != before:
            await self._memory.remember_open(after)

    async def _forget(self, order: str) -> None:
        before = await self._memory.open()
        if order in before:
            await self._memory.remember_open(before - {order})


def _is_news(now_told: Told, last: Told) -> bool:
    """Whether a person would see a difference: state, date, note, or a photo that was not there."""
    return (
        now_told.state is not last.state
        or now_told.planned != last.planned
        or now_told.note_hash != (last.note_hash or hash_of(""))
        or not set(now_told.photos) <= set(last.photos)
    )
