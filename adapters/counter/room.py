"""The waiting room: visits that go on, or that wait to be registered.

Saved as a checkpoint before the door's callbacks are thrown away; no personal data is in it.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec
import structlog

from adapters.counter.callbacks import Callbacks
from adapters.counter.settings import Queue, Settings
from adapters.counter.tickets import REMEMBERED, Tickets
from adapters.counter.translate import reminder
from adapters.counter.visits import Observation, Stage, Visit, assemble, visit_id
from ports.adapter import Tools
from ports.errors import NotUnderstoodError, RejectedError, TransientError
from ports.intake import Inbound

log = structlog.get_logger()


def source_of(tools: Tools) -> str:
    """The queue system's name among the hub's sources."""
    return f"{tools.name}/queue"


class Settled(msgspec.Struct, frozen=True):
    """A visit that is done with, and why."""

    at: datetime
    verdict: str


class Kept(msgspec.Struct, kw_only=True):
    """The room as it is saved."""

    seen: dict[str, set[Observation]] = {}
    settled: dict[str, Settled] = {}
    unreadable: dict[str, tuple[bytes, str]] = {}


def _checkpoint(tools: Tools) -> str:
    return f"visits/{tools.name}"


async def visits_of_today(tools: Tools) -> Counter[str]:
    """What became of the visits of the last 24 hours, by verdict, as far as the source has saved it."""
    saved = await tools.checkpoints.load(_checkpoint(tools))
    kept = msgspec.json.decode(saved, type=Kept) if saved else Kept()
    since = tools.clock.now() - timedelta(days=1)
    return Counter(one.verdict for one in kept.settled.values() if one.at >= since)


class Room:
    """One instance's waiting room: the source's own. Another process that took over is noticed, never overwritten."""

    def __init__(
        self, settings: Settings, tools: Tools, queue: Queue, callbacks: Callbacks, tickets: Tickets
    ) -> None:
        self._settings = settings
        self._tools = tools
        self._queue = queue
        self._tickets = tickets
        self._zone = ZoneInfo(queue.time_zone)
        self._checkpoint = _checkpoint(tools)
        self.source = source_of(tools)
        self.callbacks = callbacks
        self.leave()

    def leave(self) -> None:
        """Another process may go on: what is known here is read again before going on."""
        self.kept = Kept()
        self._saved: str | None = None
        self._is_open = False
        self._has_changed = False

    async def open(self) -> None:
        """Go on where an earlier life, or another process, stopped."""
        if self._is_open:
            return
        saved = await self._tools.checkpoints.load(self._checkpoint)
        self.kept = msgspec.json.decode(saved, type=Kept) if saved else Kept()
        self._saved, self._is_open = saved, True
        await self._tickets.forget_old()

    async def save(self) -> None:
        """Return when the room is durable. `TransientError`: another process went on from what was saved last."""
        if not self._has_changed:
            return
        now = msgspec.json.encode(self.kept).decode()
        if not await self._tools.checkpoints.replace(self._checkpoint, self._saved, now):
            self.leave()
            raise TransientError(f"{self.source}: another process has taken the visits over")
        self._saved, self._has_changed = now, False

    async def take_callbacks_in(self) -> None:
        """What the door heard, into our own keeping."""
        letters = await self.callbacks.all()
        for told in letters.values():
            self.observe([told.seen] if told.seen else [])
            if told.why:
                self._keep_unreadable(told.unreadable, told.why)
        await self.save()
        await self.callbacks.clear(letters)

    def observe(self, observations: Iterable[Observation]) -> None:
        """Put down what was seen; twice is once, and what is said of a settled visit is too late."""
        for one in observations:
            id_ = visit_id(one.branch, one.visit)
            seen = self.kept.seen.get(id_, set())
            if id_ not in self.kept.settled and one not in seen:
                self.kept.seen[id_] = {*seen, one}
                self._has_changed = True

    def _keep_unreadable(self, body: bytes, why: str) -> None:
        self.kept.unreadable[f"unreadable:{sha256(body).hexdigest()}"] = (body, why)
        self._has_changed = True

    def going_on(self, branch: str) -> dict[str, Visit]:
        """The visits at a branch whose end was not seen, by their number there."""
        return {
            next(iter(seen)).visit: visit
            for seen in self.kept.seen.values()
            if (visit := self._visit(seen)).branch == branch and visit.outcome is None
        }

    def stages(self, branch: str, visit: str) -> frozenset[Stage]:
        """What was seen of this visit; everything, when it is settled."""
        id_ = visit_id(branch, visit)
        if id_ in self.kept.settled:
            return frozenset(Stage)
        return frozenset(one.stage for one in self.kept.seen.get(id_, ()))

    async def hand_over(self) -> int:
        """What was not understood, and the visits whose time has come; how many messages were new."""
        new = 0
        for ref, (raw, why) in tuple(self.kept.unreadable.items()):
            new += await self._accepted(ref, raw, why)
            del self.kept.unreadable[ref]
            self._has_changed = True
        for id_, seen in tuple(self.kept.seen.items()):
            new += await self._settle(id_, self._visit(seen))
        self._forget()
        return new

    def next_due(self) -> datetime | None:
        """When the next visit's time comes; None = no visit is known."""
        return min((self._due(self._visit(seen)) for seen in self.kept.seen.values()), default=None)

    async def _settle(self, id_: str, visit: Visit) -> int:
        now = self._tools.clock.now()
        if self._due(visit) > now:
            return 0
        verdict = await self._verdict(id_, visit)
        new = await self._remind(id_, visit) if verdict == "reminded" else 0
        del self.kept.seen[id_]
        self.kept.settled[id_] = Settled(now, verdict)
        self._has_changed = True
        log.info("counter_visit_settled", source=self.source, verdict=verdict)
        return new

    async def _verdict(self, id_: str, visit: Visit) -> str:
        """Why a visit needs nothing more, or `reminded`: it was for a product, and nobody registered it."""
        if visit.outcome is None:
            return "never_ended"
        if visit.outcome is not Stage.SERVED:
            return visit.outcome.value
        if visit.service in self._queue.services:
            return "reminded" if await self._tickets.remind(visit.key, id_) else "registered"
        return "registered" if await self._tickets.is_registered(visit.key) else "no_product"

    async def _remind(self, id_: str, visit: Visit) -> int:
        product = self._queue.services[visit.service]
        told = {"visit": id_, "ticket": visit.ticket, "service": visit.service, "product": product}
        inbound = Inbound(
            source=self.source,
            source_ref=id_,
            raw=msgspec.json.encode(told),
            media_type="application/json",
            event=reminder(visit, product, self._settings),
        )
        try:
            return not (await self._tools.accept(inbound)).duplicate
        except RejectedError:  # an earlier life handed it over, when less was known of it
            return 0

    async def _accepted(self, ref: str, raw: bytes, why: str) -> int:
        receipt = await self._tools.accept(
            Inbound(
                source=self.source,
                source_ref=ref,
                raw=raw,
                media_type="application/json",
                problem=NotUnderstoodError(why),
            )
        )
        return not receipt.duplicate

    def _due(self, visit: Visit) -> datetime:
        """When it is settled. An end is given time too: what tells of it for certain may come after a look at who is there."""
        if visit.ended is None:
            return visit.began + timedelta(hours=self._queue.forgotten_hours)
        return visit.ended + timedelta(minutes=self._queue.registration_minutes)

    def _visit(self, seen: Iterable[Observation]) -> Visit:
        return assemble(seen, self._zone)

    def _forget(self) -> None:
        before = self._tools.clock.now() - REMEMBERED
        for old in [id_ for id_, one in self.kept.settled.items() if one.at < before]:
            del self.kept.settled[old]
            self._has_changed = True
