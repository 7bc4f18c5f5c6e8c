"""A field team that lives in memory and obeys the contract: for tests, training and what-if.

It also plays the people (`report`) and can be told to misbehave (`fail_with`, `lose_answer_after`).
"""

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256

from canonical_model.attachment import Attachment, Claim
from canonical_model.case import CaseRef
from canonical_model.codec import encode
from canonical_model.commands import CancelWork, Command, ForgetWork, OrderWork
from canonical_model.events import WorkOrderChanged
from canonical_model.work_order import ENDED, OrderState, WorkOrder, order_id
from ports.adapter import Tools
from ports.clock import Clock, SystemClock
from ports.errors import HubError, NotOfferedError, NotSupportedError, UncertainError
from ports.intake import File, Inbound
from ports.standing import OutsideStanding
from ports.target import Fetch, Idempotency


@dataclass(slots=True, kw_only=True)
class Job:
    """An order as the crew has it; `photos` are those that came with it."""

    id: str
    order: WorkOrder
    photos: tuple[bytes, ...] = ()
    changes: list[tuple[WorkOrderChanged, tuple[File, ...]]] = field(
        default_factory=list[tuple[WorkOrderChanged, tuple[File, ...]]]
    )
    state: OrderState = OrderState.ORDERED


class MemoryCrew:
    """All promises and errors of `ports.crew.Crew`. `jobs` are by our order id, oldest first."""

    def __init__(self, name: str = "memory", clock: Clock | None = None) -> None:
        self.name = name
        self.jobs: dict[str, Job] = {}
        self.news: list[tuple[WorkOrderChanged, tuple[File, ...]]] = []
        self.arrived = asyncio.Event()
        self._clock = clock or SystemClock()
        self._numbers = itertools.count(1)
        self._failures: deque[HubError] = deque()
        self._answers_left: int | None = None

    def fail_with(self, error: HubError, times: int = 1) -> None:
        """The next commands are not taken and this is raised."""
        self._failures.extend([error] * times)

    def lose_answer_after(self, commands: int) -> None:
        """So many commands get their answer; the one after them is done, but says `UncertainError`."""
        self._answers_left = commands

    def resume(self) -> None:
        """Take and answer everything again."""
        self._failures.clear()
        self._answers_left = None

    def report(self, order: str, state: OrderState, text: str = "", photo: bytes = b"") -> None:
        """The crew tells how an order goes; `order` is our order id, `photo` evidence."""
        job = self.jobs[order]
        files = (_evidence(photo),) if photo else ()
        change = WorkOrderChanged(
            system=self.name,
            outside_id=job.id,
            case=job.order.case,
            trip=job.order.trip,
            update=f"{job.id}-{len(job.changes) + 1}",
            state=state,
            text=text,
            at=self._clock.now(),
            evidence=tuple(file.attachment for file in files),
        )
        job.state = state
        job.changes.append((change, files))
        self.news.append((change, files))
        self.arrived.set()

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        if self._failures:
            raise self._failures.popleft()
        match command:
            case OrderWork(order=order):
                done = await self._order(order, fetch)
            case CancelWork():
                done = self._cancel(command)
            case ForgetWork(case=case, trip=trip):
                done = order_id(case, trip)
                self.jobs.pop(done, None)
            case _:
                raise NotSupportedError("a field team takes work orders, and nothing else")
        self._answered()
        return done

    async def find(self, key: str, command: Command) -> str | None:
        match command:
            case OrderWork(order=order):
                job = self.jobs.get(order_id(order.case, order.trip))
                return job.id if job else None
            case CancelWork(case=case, trip=trip):
                job = self.jobs.get(order_id(case, trip))
                return job.id if job and job.state is OrderState.CANCELLED else None
            case ForgetWork(case=case, trip=trip):
                name = order_id(case, trip)
                return name if name not in self.jobs else None
            case _:
                return None

    async def standing(self, case: CaseRef, outside_id: str) -> OutsideStanding | None:
        known = [job for job in self.jobs.values() if job.order.case == case and outside_id in ("", job.id)]
        if not known:
            return None
        job = max(known, key=lambda job: job.order.trip)
        if not job.changes:
            return OutsideStanding(state=job.state, outside_id=job.id)
        last, shown = job.changes[-1]

        async def files() -> tuple[File, ...]:
            return shown

        return OutsideStanding(state=job.state, outside_id=job.id, at=last.at, text=last.text, files=files)

    async def _order(self, order: WorkOrder, fetch: Fetch) -> str:
        name = order_id(order.case, order.trip)
        if name not in self.jobs:
            photos = [await fetch(attachment) for attachment in order.attachments]
            self.jobs[name] = Job(id=f"M-{next(self._numbers)}", order=order, photos=tuple(photos))
        return self.jobs[name].id

    def _cancel(self, command: CancelWork) -> str:
        name = order_id(command.case, command.trip)
        job = self.jobs.get(name)
        if job is None:
            raise NotOfferedError(f"the crew in memory does not know {name}")
        if job.state in ENDED - {OrderState.CANCELLED}:
            raise NotOfferedError(f"the crew in memory has ended {name}: {job.state}")
        job.state = OrderState.CANCELLED
        return job.id

    def _answered(self) -> None:
        if self._answers_left is None:
            return
        self._answers_left -= 1
        if self._answers_left < 0:
            self._answers_left = None
            raise UncertainError("the answer of the crew in memory was lost")


class MemoryCrewChanges:
    """What the crew in memory tells, as a source."""

    def __init__(self, crew: MemoryCrew, tools: Tools) -> None:
        self._crew = crew
        self._accept = tools.accept

    @property
    def name(self) -> str:
        return self._crew.name

    async def poll(self) -> int:
        self._crew.arrived.clear()
        new = 0
        for change, files in tuple(self._crew.news):
            receipt = await self._accept(
                Inbound(
                    source=self.name,
                    source_ref=change.update,
                    raw=encode(change),
                    media_type="application/json",
                    event=change,
                    files=files,
                )
            )
            self._crew.news.pop(0)
            new += not receipt.duplicate
        return new

    async def wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._crew.arrived.wait(), seconds)
        except TimeoutError:
            return

    async def close(self) -> None:
        """Nothing is held open."""


def _evidence(photo: bytes) -> File:
    claim = Claim(sha256(photo).hexdigest())
    attachment = Attachment(claim=claim, name="bewijs.jpg", media_type="image/jpeg", size=len(photo))
    return File(attachment=attachment, content=photo)
