"""The worker: claim, apply, record. Many effects at a time, one at a time per lane.

Whatever happens in between, the journal knows enough: a claim is durable before the call, the outcome after
it, and a claim that nobody ended becomes an unknown outcome that is looked up before it is repeated.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import structlog
from msgspec.structs import replace

from broker.port import Broker
from canonical_model.attachment import Attachment
from journal.claims import Claimed, ClaimRequest, Ticket
from journal.effects import Outcome, Result
from journal.instants import born, micros
from journal.journal import Journal
from journal.verdicts import NOBODY_KNOWS
from ports.clock import Clock
from ports.errors import HubError, TransientError
from ports.notices import NOT_WANTED
from ports.patience import Patience
from ports.target import Idempotency, Target
from telemetry.instruments import target_meter
from telemetry.traces import Traces
from worker.breaker import Breakers
from worker.pace import Pace
from worker.policy import NOBODY_CAN_TELL, Judgement, RetryPolicy

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetLimits:
    """What a target can take. `budget`: tries per minute over all workers; `rate`: tries per second by this one.

    0 = no limit; `patience` in seconds.
    """

    concurrency: int = 8
    budget: int = 0
    rate: float = 0.0
    patience: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """`name` is unique among all running workers. The lease must outlast the longest patience by far."""

    name: str
    slots: int = 256
    lease: float = 60.0
    limits: Mapping[str, TargetLimits] = field(default_factory=dict[str, TargetLimits])


class Worker:
    """Runs until stopped; `stop` lets what is in flight finish."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        targets: Mapping[str, Target],
        *,
        breakers: Breakers,
        clock: Clock,
        settings: WorkerSettings,
        policy: RetryPolicy | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._journal = journal
        self._broker = broker
        self._targets = targets
        self._breakers = breakers
        self._clock = clock
        self._settings = settings
        self._policy = policy or RetryPolicy()
        self._limits = {name: settings.limits.get(name, _DEFAULT_LIMITS) for name in targets}
        self._paces = {name: Pace(limits.rate, clock) for name, limits in self._limits.items()}
        self._traces = traces
        self._kept_back: dict[str, OrderedDict[str, None]] = {}  # each id once
        self._kept_bulk: dict[str, OrderedDict[str, None]] = {}  # the same, of what lets others go first
        self._in_flight: set[asyncio.Task[None]] = set()
        self._unbudgeted = tuple(name for name, limits in self._limits.items() if not limits.budget)
        self._tickets = 0  # each promises a place at every one of these
        self._room = asyncio.Event()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._stopping = False
        for name in targets:
            breakers.know(name)

    @property
    def in_flight(self) -> int:
        """How many effects are being tried now."""
        return len(self._in_flight)

    def ticket(self) -> Ticket | None:
        """What can start at once for these targets may be claimed for this worker; None: it has no hands free.

        Every ticket must come back by `redeem`.
        """
        if self._stopping or self._at_rest.is_set():
            return None
        if len(self._in_flight) + self._tickets * len(self._unbudgeted) >= self._settings.slots:
            return None
        ready = frozenset([name for name in self._unbudgeted if self._has_room(name)])
        if not ready:
            return None
        self._tickets += 1
        return Ticket(
            owner=self._settings.name,
            lease=int(self._settings.lease * 1e6),
            targets=ready,
            taken_at=self._clock.monotonic(),
        )

    def redeem(self, ticket: Ticket, claimed: tuple[Claimed, ...]) -> None:
        """Begin what was claimed with a ticket."""
        self._tickets -= 1
        for effect in claimed:
            self._start(effect, ticket.taken_at)

    def _has_room(self, target: str) -> bool:
        """Something may go there, nobody waits in line for it, and it can take one more than is promised."""
        if self._breakers.is_held(target) or self._kept_back.get(target):
            return False
        return self._cap(target) > self._tickets

    async def run(self) -> None:
        """Work until `stop` is called."""
        self._at_rest.clear()
        try:
            while not self._stopping:
                await self._round()
        finally:
            self._at_rest.set()

    async def _round(self) -> None:
        free = self._settings.slots - len(self._in_flight)
        if free <= 0:
            self._room.clear()
            await self._room.wait()
            return
        ids = self._take_kept_back(free)
        if free > len(ids):
            soon = ids or any(self._kept_back.values()) or any(self._kept_bulk.values())
            ids += await self._broker.take(free - len(ids), 0.02 if soon else 0.5)
        if ids:
            await self._claim_and_start(tuple(ids))

    async def stop(self, patience: float = 25.0) -> None:
        """Claim nothing more; wait for what is in flight. The rest is found again by its lease."""
        self._stopping = True
        self._room.set()
        try:
            async with asyncio.timeout(patience):
                await self._at_rest.wait()
                while self._in_flight:
                    await asyncio.wait(self._in_flight)
        except TimeoutError:
            log.warning("stopped_in_flight", effects=len(self._in_flight))

    def _take_kept_back(self, room: int) -> list[str]:
        ids: list[str] = []
        caps = {target: self._cap(target) for target in self._kept_back | self._kept_bulk}
        for line in (self._kept_back, self._kept_bulk):
            for target, waiting in line.items():
                ready = min(caps[target], len(waiting), room - len(ids))
                ids += [waiting.popitem(last=False)[0] for _ in range(ready)]
                caps[target] -= ready
        return ids

    def _cap(self, target: str) -> int:
        return self._paces[target].room(self._breakers.cap(target, self._limits[target].concurrency))

    async def _claim_and_start(self, ids: tuple[str, ...]) -> None:
        request = ClaimRequest(
            ids=ids,
            owner=self._settings.name,
            lease=int(self._settings.lease * 1e6),
            held=self._breakers.held(),
            budgets=tuple((name, limits.budget) for name, limits in self._limits.items() if limits.budget),
            caps=tuple((name, self._cap(name)) for name in self._targets),
        )
        asked = self._clock.monotonic()
        try:
            claim = await self._journal.claim(request)
        except TransientError as error:
            log.warning("claim_failed", reason=error.what)
            await asyncio.sleep(1)
            return
        for target, id_ in claim.kept_back:
            line = self._kept_bulk if id_ in claim.bulk else self._kept_back
            line.setdefault(target, OrderedDict())[id_] = None
        for effect in claim.effects:
            self._start(effect, asked)

    def _start(self, effect: Claimed, claimed_at: float) -> None:
        if effect.target in self._targets:
            self._breakers.began(effect.target)
            self._paces[effect.target].began()
        task = asyncio.create_task(self._work(effect, claimed_at))
        self._in_flight.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._room.set()

    async def _work(self, effect: Claimed, claimed_at: float) -> None:
        started, began = micros(self._clock.now()), self._clock.monotonic()
        attempt = self._try if self._traces is None else self._try_traced
        judgement = await attempt(effect, claimed_at)
        seconds = self._clock.monotonic() - began
        if effect.target in self._targets:
            await self._tell_breaker(effect.target, judgement)
            self._breakers.ended(effect.target)
        if await self._record(effect, judgement, started):
            until_start = (started - born(effect.message_id)) / 1e6
            since_accepted = until_start + self._clock.monotonic() - began
            outcome = Outcome.APPLIED if isinstance(judgement, Applied) else judgement.outcome
            target_meter(effect.target).tried(effect.action, outcome, effect.attempt, seconds, since_accepted)

    async def _try_traced(self, effect: Claimed, claimed_at: float) -> "Applied | Judgement":
        assert self._traces is not None  # noqa: S101 - asked only then
        trace = await self._trace_of(effect)
        facts = {"target": effect.target, "action": effect.action, "effect": effect.id}
        with self._traces.attempting(trace, **facts, attempt=effect.attempt) as doing:
            judgement = await self._try(effect, claimed_at)
            if isinstance(judgement, Applied):
                doing.ended("applied")
            else:
                doing.ended(judgement.outcome.value, error=judgement.error)
            return judgement

    async def _trace_of(self, effect: Claimed) -> str:
        try:
            return await self._journal.traceparent(effect.message_id)
        except TransientError as error:
            log.warning("trace_not_found", effect=effect.id, reason=error.what)
            return ""

    async def _try(self, effect: Claimed, claimed_at: float) -> "Applied | Judgement":
        target = self._targets.get(effect.target)
        if target is None:
            return Judgement(Outcome.REJECTED, f"no adapter is configured for {effect.target!r}")
        patience = self._limits[effect.target].patience
        if self._clock.monotonic() - claimed_at > self._settings.lease - 2 * patience:
            return Judgement(
                Outcome.UNKNOWN if effect.probe else Outcome.AGAIN, "the claim had grown too old"
            )

        if target.idempotency is Idempotency.NONE and effect.deaths:
            return Judgement(Outcome.REJECTED, NOBODY_CAN_TELL, error=NOBODY_KNOWS)

        async def fetch(attachment: Attachment) -> bytes:
            return await self._journal.file(effect.message_id, attachment.claim, effect.case_ref)

        try:
            with Patience(patience):
                if effect.probe and target.idempotency is not Idempotency.NONE:
                    found = await target.find(effect.key, effect.command)
                    if found is not None:
                        return Applied(found)
                return Applied(await target.apply(effect.key, effect.command, fetch))
        except Exception as error:  # the one place that meets every error of every adapter
            judgement = self._policy.judge(effect, error, target.idempotency)
            judgement = replace(judgement, error=judgement.error or type(error).__name__)
            log.info(
                "attempt_failed",
                effect=effect.id,
                key=effect.key,
                target=effect.target,
                attempt=effect.attempt,
                outcome=judgement.outcome.value,
                error=type(error).__name__,
                exc_info=not isinstance(error, HubError | TimeoutError),
            )
            return judgement

    async def _record(self, effect: Claimed, judgement: "Applied | Judgement", started: int) -> bool:
        """False when somebody else took the effect over meanwhile."""
        result = self._result(effect, judgement, started)
        while True:
            try:
                recorded = await self._journal.record(result)
            except TransientError as error:
                log.warning("record_failed", effect=effect.id, reason=error.what)
                await asyncio.sleep(1)
                continue
            if recorded.stale:
                log.warning("record_was_stale", effect=effect.id, key=effect.key)
            if recorded.next:
                await self._broker.hand_out(recorded.next)
            return not recorded.stale

    def _result(self, effect: Claimed, judgement: "Applied | Judgement", started: int) -> Result:
        if isinstance(judgement, Applied):
            return Result(
                effect.id,
                effect.attempt,
                self._settings.name,
                Outcome.APPLIED,
                started,
                outside_id=judgement.outside_id,
                refused=effect.command if judgement.outside_id == NOT_WANTED else None,
            )
        return Result(
            effect.id,
            effect.attempt,
            self._settings.name,
            judgement.outcome,
            started,
            error=judgement.error or judgement.outcome.value,
            what=judgement.what,
            retry_at=micros(self._clock.now()) + int(judgement.wait * 1e6),
            refused=effect.command if judgement.outcome is Outcome.REJECTED else None,
        )

    async def _tell_breaker(self, target: str, judgement: "Applied | Judgement") -> None:
        try:
            if isinstance(judgement, Applied):
                await self._breakers.worked(target)
            elif judgement.stop_target:
                await self._breakers.stop(target, judgement.what)
            elif judgement.target_down:
                await self._breakers.failed(target, judgement.what)
            elif judgement.outcome is Outcome.REJECTED:
                await self._breakers.worked(target)
        except TransientError as error:
            log.warning("health_not_recorded", target=target, reason=error.what)


class Applied(msgspec.Struct, frozen=True):
    """It is done; the other side's id."""

    outside_id: str


_DEFAULT_LIMITS = TargetLimits()
