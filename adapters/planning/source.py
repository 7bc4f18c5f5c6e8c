"""Asks after every order that is out (Polling Consumer): the planning calls nobody.

Each order that went out is remembered by itself, with what was last heard of it, until it has ended.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from adapters.planning import translate
from adapters.planning.client import PlanningClient
from adapters.planning.settings import Settings
from canonical_model.events import WorkOrderChanged
from canonical_model.work_order import ENDED, OrderState
from ports.adapter import Tools
from ports.errors import NotUnderstoodError, TransientError
from ports.intake import Checkpoints, Inbound

log = structlog.get_logger()

_OPEN: Final = "open/"
_GONE: Final = "\0gone"
"""Stands for the status of an order that the planning does not know any more."""
_PATIENCE: Final = 3
"""Orders in a row that get no answer before a round is given up."""


class Heard(msgspec.Struct, frozen=True):
    """What was last heard of an order: how many changes, the id of the last one, since when it is not shown (UTC)."""

    changes: int = 0
    last: str = ""
    gone_since: datetime | None = None


class Watch:
    """Which orders are out. The worker adds them, the listener follows them: each order has a note of its own."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints

    async def begin(self, order: str) -> None:
        """Follow an order from now on; one that is followed, or has ended, stays as it is."""
        if await self._checkpoints.load(f"{_OPEN}{order}") is None:
            await self.note(order, Heard())

    async def heard(self, order: str) -> Heard | None:
        """What was last heard of it; None when it is not followed."""
        saved = await self._checkpoints.load(f"{_OPEN}{order}")
        return msgspec.json.decode(saved, type=Heard) if saved else None

    async def note(self, order: str, heard: Heard) -> None:
        """Remember what was heard."""
        await self._checkpoints.save(f"{_OPEN}{order}", msgspec.json.encode(heard).decode())

    async def end(self, order: str) -> None:
        """Nothing more is to be heard of it."""
        await self._checkpoints.save(f"{_OPEN}{order}", "")

    async def open(self) -> dict[str, Heard]:
        """The orders that are followed."""
        found = await self._checkpoints.saved(_OPEN)
        return {
            name.removeprefix(_OPEN): msgspec.json.decode(value, type=Heard) for name, value in found.items()
        }


class OrderSource:
    """Hands over what changed since the last look, then remembers it: what was cut off in between comes again."""

    def __init__(self, settings: Settings, client: PlanningClient, watch: Watch, tools: Tools) -> None:
        self._settings = settings
        self._client = client
        self._watch = watch
        self._tools = tools

    @property
    def name(self) -> str:
        return f"{self._tools.name}/orders"

    async def poll(self) -> int:
        """One look at every order. One that gets no answer does not hold up the others; several in a row end the round."""
        new = unanswered = 0
        failure: TransientError | None = None
        for order, heard in (await self._watch.open()).items():
            try:
                status = await self._client.status(order)
            except TransientError as error:
                failure, unanswered = error, unanswered + 1
                if unanswered == _PATIENCE:
                    break
                continue
            unanswered = 0
            new += await (
                self._missed(order, heard) if status is None else self._hand_over(order, status, heard)
            )
        if failure:
            raise failure
        return new

    async def wait(self, seconds: float) -> None:
        """The planning does not call, so time is the only sign."""
        await asyncio.sleep(min(seconds, self._settings.poll_seconds))

    async def close(self) -> None:
        """The threads belong to the crew of the same adapter."""

    async def _missed(self, order: str, heard: Heard) -> int:
        """It is not shown now: for a while it may come back, then a person must look."""
        if heard.gone_since is None:
            heard = replace(heard, gone_since=self._tools.clock.now())
            await self._watch.note(order, heard)
        if is_missed_briefly(heard, self._settings, self._tools.clock.now()):
            return 0
        return await self._hand_over(order, _GONE, heard)

    async def _hand_over(self, order: str, status: str, heard: Heard) -> int:
        last = translate.update_id(heard.changes, status)
        if last == heard.last:
            if status != _GONE and heard.gone_since:
                await self._watch.note(order, replace(heard, gone_since=None))
            return 0
        number = heard.changes + 1
        what = self._understood(order, status, number)
        is_news = not (heard.changes == 0 and _is(what, OrderState.ORDERED))
        receipt = await self._tools.accept(self._inbound(order, status, number, what)) if is_news else None
        if isinstance(what, WorkOrderChanged) and what.state in ENDED:
            await self._watch.end(order)
        else:
            gone_since = heard.gone_since if status == _GONE else None
            await self._watch.note(order, Heard(number, translate.update_id(number, status), gone_since))
        return int(receipt is not None and not receipt.duplicate)

    def _understood(self, order: str, status: str, number: int) -> WorkOrderChanged | NotUnderstoodError:
        if status == _GONE:
            return NotUnderstoodError(
                f"the planning does not know order {order} any more: look what became of it"
            )
        try:
            return translate.to_change(
                order,
                status,
                self._settings,
                system=self._tools.name,
                number=number,
                now=self._tools.clock.now(),
            )
        except NotUnderstoodError as problem:
            return problem

    def _inbound(
        self, order: str, status: str, number: int, what: WorkOrderChanged | NotUnderstoodError
    ) -> Inbound:
        told = None if status == _GONE else status
        return Inbound(
            source=self.name,
            source_ref=f"{order}/{translate.update_id(number, status)}",
            raw=msgspec.json.encode({"extern_id": order, "GetStatusResult": told}),
            media_type="application/json",
            event=what if isinstance(what, WorkOrderChanged) else None,
            problem=what if isinstance(what, NotUnderstoodError) else None,
        )


def is_missed_briefly(heard: Heard, settings: Settings, now: datetime) -> bool:
    """Whether an order that the planning does not show may still come back by itself."""
    return now - (heard.gone_since or now) < timedelta(hours=settings.gone_hours)


def _is(what: WorkOrderChanged | NotUnderstoodError, state: OrderState) -> bool:
    return isinstance(what, WorkOrderChanged) and what.state is state
