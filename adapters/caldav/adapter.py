"""A task list as a crew: every order is a task under its own number, and the server refuses a second one."""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace

from adapters.caldav.client import ChangedError, Item, TakenError, TaskListClient
from adapters.caldav.memory import Memory, Told, told_since
from adapters.caldav.settings import Settings
from adapters.caldav.source import Tasks
from adapters.caldav.translate import (
    Sent,
    Work,
    name_of,
    order_in,
    to_cancelled,
    to_sent,
    to_task,
    to_work,
    uid_of,
)
from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef
from canonical_model.commands import CancelWork, Command, ForgetWork, OrderWork
from canonical_model.work_order import ENDED, MOST_TRIPS, OrderState, WorkOrder, order_id
from ports.adapter import Adapter, Tools
from ports.clock import Clock
from ports.errors import (
    HubError,
    MessageError,
    NotOfferedError,
    NotSupportedError,
    RejectedError,
    TransientError,
)
from ports.evidence import Evidence
from ports.files import Upload
from ports.intake import File
from ports.settings import parsed
from ports.standing import OutsideStanding
from ports.target import Fetch, Idempotency

log = structlog.get_logger()

_ROUNDS = 5
"""How often a task is read and changed anew because the crew was faster."""


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The list as a crew and as a source. Raises `MisconfiguredError` that names the setting, never its value."""
    checked = parsed(Settings, settings, tools.name)
    client = TaskListClient(checked)
    memory = Memory(tools.checkpoints)
    tasks = Tasks(tools, checked, client, memory)
    crew = TaskList(checked, client, memory, tools.clock)

    async def close() -> None:
        await tasks.close()
        await crew.close()
        await client.close()

    return Adapter(check=crew.check, close=close, sources=(tasks,), crew=crew)


class TaskList:
    """All promises and errors of `ports.crew.Crew`. The outside id is the name of the task in the list."""

    def __init__(self, settings: Settings, client: TaskListClient, memory: Memory, clock: Clock) -> None:
        self._settings = settings
        self._client = client
        self._memory = memory
        self._clock = clock
        self._evidence = Evidence(settings.media_origins, settings)

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        match command:
            case OrderWork(order=order):
                return await self._order(order, fetch)
            case CancelWork(case=case, trip=trip, reason=reason):
                return await self._cancel(order_id(case, trip), reason)
            case ForgetWork(case=case, trip=trip):
                return await self._forget(order_id(case, trip))
            case _:
                raise NotSupportedError("a task list takes work orders, and nothing else")

    async def find(self, key: str, command: Command) -> str | None:
        match command:
            case OrderWork(order=order):
                name = order_id(order.case, order.trip)
                return name_of(name) if await self._is_whole(name) else None
            case CancelWork(case=case, trip=trip):
                name = order_id(case, trip)
                found = await self._found(name)
                return name_of(name) if found and found[1].state is OrderState.CANCELLED else None
            case ForgetWork(case=case, trip=trip):
                name = name_of(order_id(case, trip))
                return name if await self._client.get(name) is None else None
            case _:
                return None

    async def standing(self, case: CaseRef, outside_id: str) -> OutsideStanding | None:
        named = order_in(outside_id)
        name = order_id(*named) if named else await self._last_trip(case)
        try:
            found = await self._found(name) if name else None
        except RejectedError:
            return OutsideStanding(state="", outside_id=name_of(name))
        if found is None:
            return None
        work, last = found[1], await self._memory.told(name) or Told()
        is_told = last.state is work.state
        return OutsideStanding(
            state=work.state,
            outside_id=name_of(name),
            at=work.changed_at,
            text=work.note if is_told else told_since(last, work),
            files=partial(self._photos, work),
        )

    async def close(self) -> None:
        """Let go of the connections to photos elsewhere."""
        await self._evidence.close()

    async def check(self) -> tuple[str, ...]:
        """Whether the list is there, lets us in, takes tasks, and can tell what changed."""
        try:
            return tuple(f"the task list: {words}" for words in await self._client.lacks())
        except HubError as error:
            return (error.what,)

    async def _order(self, order: WorkOrder, fetch: Fetch) -> str:
        name = order_id(order.case, order.trip)
        photos = await self._packed(order, fetch)
        before = await self._memory.sent(name) or Sent()
        await self._memory.remember_sent(name, replace(to_sent(order, photos), taken_back=before.taken_back))
        try:
            etag = await self._client.put_new(name_of(name), to_task(order, photos, self._clock.now()))
        except TakenError:
            etag = ""
        log.info("work_order_put", order=name, new=bool(etag))
        if not etag and not await self._is_whole(name):
            raise RejectedError(f"the task list has {name}, but not as it was put: its photos are missing")
        return name_of(name)

    async def _packed(self, order: WorkOrder, fetch: Fetch) -> list[tuple[Attachment, bytes]]:
        """The photos that go along: the first that fit."""
        room = self._settings.max_photo_bytes if self._settings.photos else -1
        packed: list[tuple[Attachment, bytes]] = []
        for attachment in order.attachments:
            room -= attachment.size
            if room < 0:
                break
            packed.append((attachment, await fetch(attachment)))
        return packed

    async def _is_whole(self, name: str) -> bool:
        """Whether our task lies there with all photos that we put in it."""
        sent = await self._memory.sent(name) or Sent()
        found = await self._found(name)
        return found is not None and set(sent.photos) <= set(found[1].ours)

    async def _found(self, name: str) -> tuple[Item, Work] | None:
        """The task under this name; what is there and is not ours, or can't be read, is a rejection."""
        item = await self._client.get(name_of(name))
        if item is None:
            return None
        try:
            work = to_work(item.content, await self._memory.sent(name) or Sent(), self._settings)
        except MessageError as error:
            raise RejectedError(f"{name} in the task list can't be read: {error.what}") from error
        if work.uid != uid_of(name):
            raise RejectedError(f"something else lies in the task list under the name of {name}")
        return item, work

    async def _photos(self, work: Work) -> tuple[File, ...]:
        """The crew's photos, as far as they can be had; `TransientError` while one can't be fetched."""
        files: dict[str, File] = {}
        photos: tuple[Upload | str, ...] = (*work.inline, *work.distant)
        for photo in photos:
            with suppress(MessageError):
                file = await self._evidence.photo(len(files), photo)
                files.setdefault(file.attachment.claim, file)
        return tuple(files.values())

    async def _cancel(self, name: str, reason: str) -> str:
        for _ in range(_ROUNDS):
            found = await self._found(name)
            if found is None:
                raise NotOfferedError(f"the task list does not hold {name}: there is nothing to take back")
            item, work = found
            if work.state is OrderState.CANCELLED:
                return name_of(name)
            if work.state in ENDED:
                raise NotOfferedError(f"the crew has ended {name} already: {work.state}")
            await self._memory.remember_sent(
                name, replace(await self._memory.sent(name) or Sent(), taken_back=True)
            )
            changed = to_cancelled(item.content, reason, self._clock.now())
            try:
                await self._client.put(name_of(name), changed, item.etag)
            except ChangedError:
                continue
            log.info("work_order_taken_back", order=name)
            return name_of(name)
        raise TransientError(f"the crew keeps changing {name}: later")

    async def _forget(self, name: str) -> str:
        """The task goes, with its words and photos and those of the crew."""
        await self._memory.remember_sent(
            name, replace(await self._memory.sent(name) or Sent(), taken_back=True)
        )
        await self._client.delete(name_of(name))
        log.info("work_order_forgotten", order=name)
        return name_of(name)

    async def _last_trip(self, case: CaseRef) -> str:
        """The highest trip that lies there; "" when there is none."""
        last = ""
        for trip in range(1, MOST_TRIPS + 1):
            name = order_id(case, trip)
            if await self._client.get(name_of(name)) is not None:
                last = name
            elif await self._memory.sent(name) is None:
                break
        return last
