"""Puts the counters together: the clerks' page, the queue system as a source, the appointments."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import structlog

from adapters.counter.appointments import AppointmentClient
from adapters.counter.callbacks import Callbacks
from adapters.counter.client import Present, QueueClient
from adapters.counter.room import Room, source_of
from adapters.counter.settings import Queue, Settings
from adapters.counter.tickets import Tickets
from adapters.counter.visits import Observation, Stage
from adapters.counter.webhook import Counter
from ports.adapter import Adapter, Tools
from ports.clock import Clock
from ports.errors import AdapterError
from ports.settings import parsed

log = structlog.get_logger()

_NO_PRODUCTS = "clerks have no products to choose from: list them under `products`, or add a catalogue (ipdc)"


class QueueSource:
    """The queue system. Every round: ask for callbacks again and read back who is there, then hand over.

    What callbacks told is handed over even when the queue system can't be reached.
    """

    def __init__(self, queue: Queue, room: Room, client: QueueClient, clock: Clock) -> None:
        self._queue = queue
        self._room = room
        self._client = client
        self._clock = clock
        self._refreshed: datetime | None = None

    @property
    def name(self) -> str:
        return self._room.source

    async def poll(self) -> int:
        await self._room.open()
        await self._room.take_callbacks_in()
        away = await self._refresh()
        await self._room.save()
        try:
            new = await self._room.hand_over()
        finally:
            await self._room.save()
        if away:
            raise away
        return new

    async def wait(self, seconds: float) -> None:
        due = self._room.next_due()
        if due:
            seconds = min(seconds, max(0.0, (due - self._clock.now()).total_seconds()))
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, max(self._queue.refresh_seconds, 0.1))):
                await self._room.callbacks.arrival()

    async def close(self) -> None:
        await self._client.close()
        self._room.leave()

    async def _refresh(self) -> AdapterError | None:
        now = self._clock.now()
        if self._refreshed and now < self._refreshed + timedelta(seconds=self._queue.refresh_seconds):
            return None
        try:
            await self._client.ask_for_callbacks()
            for branch in self._queue.branches:
                await self._reconcile(branch)
        except AdapterError as error:
            return error
        self._refreshed = now
        return None

    async def _reconcile(self, branch: str) -> None:
        """What no callback told: who came, who was called, and who is no longer there."""
        before = self._room.going_on(branch)
        present = {one.visit: one for one in await self._client.present(branch)}
        now = self._clock.now()
        gone = [
            Observation(at=now, visit=visit, branch=branch, stage=Stage.GONE)
            for visit in before
            if visit not in present
        ]
        unheard = [seen for one in present.values() for seen in self._unheard(branch, one, now)]
        self._room.observe([*gone, *unheard])
        if gone or unheard:
            log.info(
                "counter_callbacks_missed", source=self.name, branch=branch, seen=len(gone) + len(unheard)
            )

    def _unheard(self, branch: str, one: Present, now: datetime) -> list[Observation]:
        found: list[Observation] = []
        stages = self._room.stages(branch, one.visit)
        for stage, is_there in ((Stage.CREATED, True), (Stage.CALLED, one.called)):
            if is_there and stage not in stages:
                found.append(
                    Observation(
                        at=now,
                        visit=one.visit,
                        branch=branch,
                        stage=stage,
                        ticket=one.ticket,
                        service=one.service,
                    )
                )
        return found


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The counters. Raises `MisconfiguredError` that names the setting, never its value."""
    checked = parsed(Settings, settings, tools.name)
    callbacks, tickets = Callbacks(tools.checkpoints), Tickets(tools, source_of(tools))
    appointments = AppointmentClient(checked.appointments, tools.clock) if checked.appointments else None
    source, client = None, None
    if checked.queue:
        client = QueueClient(checked.queue, callback_of(checked.queue))
        room = Room(checked, tools, checked.queue, callbacks, tickets)
        source = QueueSource(checked.queue, room, client, tools.clock)

    async def check() -> tuple[str, ...]:
        found = await _findings(checked, client, appointments)
        if not (checked.products or tools.products.available):
            return (_NO_PRODUCTS, *found)
        return found

    async def close() -> None:
        for one in (source, appointments):
            if one:
                await one.close()

    return Adapter(
        check=check,
        close=close,
        sources=(source,) if source else (),
        webhook=Counter(checked, tools, callbacks, tickets, appointments).router(),
    )


def callback_of(queue: Queue) -> str:
    """Where the queue system must post to; a secret."""
    return f"{queue.callback_url.rstrip('/')}/queue/{queue.token.get_secret_value()}"


async def _findings(
    settings: Settings, client: QueueClient | None, appointments: AppointmentClient | None
) -> tuple[str, ...]:
    found: list[str] = []
    if settings.queue and not settings.queue.services:
        found.append(
            "no visit is ever reminded of: name the services that must be registered in `queue.services`"
        )
    try:
        for branch in settings.queue.branches if settings.queue and client else ():
            await client.present(branch) if client else ()
        if appointments:
            await appointments.log_in()
    except AdapterError as error:
        found.append(error.what)
    return tuple(found)
