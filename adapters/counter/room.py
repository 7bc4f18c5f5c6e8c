"""The waiting room: visits that go on or await their registration, and which tickets were registered.

Saved as a checkpoint before a callback is answered or a registration is handed over; no personal data is in it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

import msgspec
import structlog

from adapters.counter.settings import Queue, Settings
from adapters.counter.translate import reminder
from adapters.counter.visits import Observation, Stage, Visit, assemble, ticket_key, visit_id
from ports.adapter import Tools
from ports.errors import NotUnderstoodError, RejectedError
from ports.intake import Inbound

log = structlog.get_logger()

_REMEMBERED = timedelta(days=3)
_BRUSSELS = "Europe/Brussels"


class Settled(msgspec.Struct, frozen=True):
    """A visit that is done with, and why."""

    at: datetime
    key: str
    verdict: str


class Kept(msgspec.Struct, kw_only=True):
    """The room as it is saved. `registered`: a visit's key -> when a clerk registered it."""

    seen: dict[str, set[Observation]] = {}
    settled: dict[str, Settled] = {}
    registered: dict[str, datetime] = {}
    unreadable: dict[str, tuple[bytes, str]] = {}


class Room:
    """One instance's waiting room."""

    def __init__(self, settings: Settings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self._checkpoint = f"visits/{tools.name}"
        self._zone = ZoneInfo(settings.queue.time_zone if settings.queue else _BRUSSELS)
        self._opening, self._saving, self._turn = asyncio.Lock(), asyncio.Lock(), asyncio.Lock()
        self._opened = False
        self._version, self._saved_version = 0, 0
        self.source = f"{tools.name}/queue"
        self.told = asyncio.Event()
        """Set when a callback told something."""
        self.kept = Kept()

    async def open(self) -> None:
        """Go on where an earlier life stopped; only once."""
        async with self._opening:
            if not self._opened:
                saved = await self._tools.checkpoints.load(self._checkpoint)
                self.kept = msgspec.json.decode(saved, type=Kept) if saved else self.kept
                self._opened = True

    async def save(self) -> None:
        """Return when the room, as it stood when this was called or later, is durable. Shares writes."""
        version = self._version
        async with self._saving:
            if self._saved_version >= version:
                return
            version = self._version
            await self._tools.checkpoints.save(self._checkpoint, msgspec.json.encode(self.kept).decode())
            self._saved_version = version

    def observe(self, observations: Iterable[Observation]) -> None:
        """Put down what was seen; twice is once, and what is said of a settled visit is too late."""
        for one in observations:
            id_ = visit_id(one.branch, one.visit)
            seen = self.kept.seen.get(id_, set())
            if id_ not in self.kept.settled and one not in seen:
                self.kept.seen[id_] = {*seen, one}
                self._changed()

    def keep_unreadable(self, body: bytes, why: str) -> None:
        """Put down a callback that nobody understands, until it is handed over."""
        self.kept.unreadable[f"unreadable:{sha256(body).hexdigest()}"] = (body, why)
        self._changed()

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

    def key(self, at: datetime, branch: str, ticket: str) -> str:
        """The key of a ticket that a clerk names; "" without a ticket."""
        queue = self._settings.queue
        if not ticket or queue is None:
            return ""
        place = branch or next(iter(queue.branches))
        return ticket_key(at.astimezone(self._zone).date().isoformat(), place, ticket)

    @asynccontextmanager
    async def registering(self, key: str) -> AsyncGenerator[str]:
        """While a clerk's registration of this visit is handed over: no reminder of it goes out, nor ever after.

        Gives the case that reminded of it already, or "". A registration that fails was none.
        """
        async with self._turn if key else nullcontext():
            joins = await self._reminding_case(key)
            before = self.kept.registered.get(key)
            self._note_registered(key, self._tools.clock.now())
            await self.save()
            try:
                yield joins
            except BaseException:
                self._note_registered(key, before)
                raise

    async def hand_over(self) -> int:
        """What was not understood, and the visits whose time has come; how many messages were new."""
        new = 0
        for ref, (raw, why) in tuple(self.kept.unreadable.items()):
            new += await self._accepted(ref, raw, why)
            del self.kept.unreadable[ref]
            self._changed()
        for id_ in tuple(self.kept.seen):
            async with self._turn:
                new += await self._settle(id_, self.kept.seen[id_])
        self._forget()
        return new

    def next_due(self) -> datetime | None:
        """When the next visit's time comes; None = no visit is known."""
        return min((self._due(self._visit(seen)) for seen in self.kept.seen.values()), default=None)

    def today(self) -> Counter[str]:
        """What became of the visits of the last 24 hours, by verdict."""
        since = self._tools.clock.now() - timedelta(days=1)
        return Counter(one.verdict for one in self.kept.settled.values() if one.at >= since)

    async def _settle(self, id_: str, seen: set[Observation]) -> int:
        visit, now = self._visit(seen), self._tools.clock.now()
        if self._due(visit) > now:
            return 0
        verdict = self._verdict(visit)
        new = await self._remind(id_, visit) if verdict == "reminded" else 0
        del self.kept.seen[id_]
        self.kept.settled[id_] = Settled(now, visit.key, verdict)
        self._changed()
        log.info("counter_visit_settled", source=self.source, verdict=verdict)
        return new

    def _verdict(self, visit: Visit) -> str:
        """Why a visit needs nothing more, or `reminded`: it was for a product, and nobody registered it."""
        if visit.outcome is None:
            return "never_ended"
        if visit.outcome is not Stage.SERVED:
            return visit.outcome.value
        if visit.key in self.kept.registered:
            return "registered"
        return "reminded" if visit.service in self._queue.services else "no_product"

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

    async def _reminding_case(self, key: str) -> str:
        ids = [id_ for id_, one in self.kept.settled.items() if one.key == key]
        ids += [id_ for id_, seen in self.kept.seen.items() if key and self._visit(seen).key == key]
        for id_ in ids:
            outcome = await self._tools.cases.outcome(self.source, id_)
            if outcome and outcome.case:
                return outcome.case.ref
        return ""

    def _note_registered(self, key: str, at: datetime | None) -> None:
        if not key:
            return
        if at is None:
            self.kept.registered.pop(key, None)
        else:
            self.kept.registered[key] = at
        self._changed()

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
        if visit.ended is None:
            return visit.began + timedelta(hours=self._queue.forgotten_hours)
        if visit.outcome is Stage.SERVED:
            return visit.ended + timedelta(minutes=self._queue.registration_minutes)
        return visit.ended

    def _visit(self, seen: Iterable[Observation]) -> Visit:
        return assemble(seen, self._zone)

    @property
    def _queue(self) -> Queue:
        queue = self._settings.queue
        assert queue is not None  # noqa: S101 - without a queue system there are no visits
        return queue

    def _forget(self) -> None:
        before = self._tools.clock.now() - _REMEMBERED
        for old in [id_ for id_, one in self.kept.settled.items() if one.at < before]:
            del self.kept.settled[old]
            self._changed()
        for key in [key for key, at in self.kept.registered.items() if at < before]:
            del self.kept.registered[key]
            self._changed()

    def _changed(self) -> None:
        self._version += 1
        self.told.set()
