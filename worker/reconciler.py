"""The reconciler: asks every outside system, case by case, whether things stand there as the hub believes.

It works at its own pace beside everything else, and after every outage of a system it looks at once. A difference is
a message like any other: the routes decide what heals it, or who must look.
"""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, Field

from canonical_model.case import CaseRef
from canonical_model.events import DifferenceFound
from canonical_model.public_status import PublicStatus, public_status
from canonical_model.standing import Standing
from canonical_model.status import OPEN, CaseStatus
from journal.comparing import (
    Comparison,
    NextLook,
    TrackedCase,
    due,
    ended_incidents,
    look_at_once,
    note_looks,
    tracked_case,
    tracked_cases,
)
from journal.instants import micros
from journal.journal import Journal
from journal.operations import JOURNAL
from ports.clock import Clock
from ports.errors import HubError, RejectedError, TransientError
from ports.intake import Accept, File, Inbound
from ports.standing import OutsideStanding, Standings
from ports.tracker import Tracker

log = structlog.get_logger()

T = TypeVar("T")

SOURCE = "reconciler"
TRACKER = "tracker"
CUSTOMER = "customer"
LEASE = 60.0
"""Seconds after which another process goes on for one that died."""
PATIENCE = 20.0
"""Seconds until a question counts as unanswered."""
BATCH = 50
"""Cases of the tracker in one round."""
SHARE = 10
"""Cases of each other system in one round: whoever is slow, or has many, keeps nobody waiting for long."""
REST = 60.0
"""Seconds that a system which does not answer is left alone."""
_TOLD = frozenset({PublicStatus.PLANNED, PublicStatus.ANSWERED, PublicStatus.CLOSED})
"""What a customer must have heard; whoever was told `executed` needs no lesser words."""


class ReconcileSection(BaseModel):
    """`[reconcile]`"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hours: float = Field(
        default=6, gt=0, description="Hours until a case is compared again with a system that was told of it."
    )
    settle: float = Field(
        default=15, gt=0, description="Minutes that news is left alone, so that nothing on its way counts."
    )
    rate: float = Field(default=5, gt=0, description="Questions per second, over all systems together.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doubt:
    """A case stood otherwise in the tracker, at this moment of the monotonic clock."""

    ours: CaseStatus
    theirs: CaseStatus | str
    since: float


class Reconciler:
    """Compares, one process at a time, by the settings of the moment. `outside` are the systems that can be asked, by target."""

    def __init__(
        self,
        journal: Journal,
        accept: Accept,
        *,
        outside: Mapping[str, Standings],
        tracker: Tracker | None,
        held: Callable[[], frozenset[str]],
        clock: Clock,
        owner: str,
        settings: Callable[[], ReconcileSection],
    ) -> None:
        self._journal = journal
        self._accept = accept
        self._outside = outside
        self._tracker = tracker
        self._held = held
        self._clock = clock
        self._owner = owner
        self._settings = settings
        self._hours = settings().hours
        self._position: str = ""
        self._walked: float | None = None  # monotonic
        self._resting: dict[str, float] = {}
        self._doubts: dict[CaseRef, _Doubt] = {}
        self._stopping = asyncio.Event()

    async def run(self, interval: float = 5.0) -> None:
        """Go round until `stop` is called; trouble ends a round, never the reconciler."""
        while not self._stopping.is_set():
            try:
                more = await self.look_around()
            except HubError as error:
                log.warning("reconciling_delayed", reason=error.what)
                more = False
            try:
                async with asyncio.timeout(0.01 if more else interval):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    @property
    def _settle(self) -> int:
        return int(self._settings().settle * 60e6)

    def stop(self) -> None:
        """Finish the round."""
        self._stopping.set()

    async def look_around(self) -> bool:
        """One round: what outages left behind, then what is due. True = there may be more at once.

        Who comes first is left to chance: of a process that dies before the end of its rounds, always the same would wait.
        """
        if not await self._may_go_on():
            return False
        await self._after_shortening()
        await self._after_outages()
        looks: list[Callable[[], Awaitable[bool]]] = [
            partial(self._compare_with, system) for system in (CUSTOMER, *self._outside)
        ]
        looks.append(self._compare_with_tracker)
        random.shuffle(looks)
        return any([await look() for look in looks])

    async def _may_go_on(self) -> bool:
        """Whether this process still is the one that compares: a round may last longer than a lease."""
        return not self._stopping.is_set() and await self._journal.lease(SOURCE, self._owner, LEASE)

    def _is_asked(self, system: str) -> bool:
        return system not in self._held() and self._clock.monotonic() >= self._resting.get(system, 0.0)

    async def _after_shortening(self) -> None:
        """Who shortens the term need not wait for the end of the longer one."""
        before, self._hours = self._hours, self._settings().hours
        if self._hours < before:
            for system in (CUSTOMER, *self._outside):
                await self._look_at_all(system)

    async def _look_at_all(self, system: str) -> None:
        while await self._journal.database.write(look_at_once, system):
            pass

    async def _after_outages(self) -> None:
        seen = int(await self._journal.load_checkpoint(SOURCE, "outages") or 0)
        ended = await self._journal.database.read(lambda connection: ended_incidents(connection, seen))
        if not ended:
            return
        names = {system for system, _ in ended}
        if JOURNAL in names:  # whoever told us something meanwhile, was not heard
            names |= {TRACKER, *self._outside}
        names.add(CUSTOMER)  # whatever was away, a word to a customer may have been lost with it
        for system in sorted(names):
            await self._look_at_all(system)
            self._resting.pop(system, None)
        if TRACKER in names:
            self._position, self._walked = "", None
        await self._journal.save_checkpoint(SOURCE, "outages", str(ended[-1][1]))
        log.info("reconciling_after_outage", systems=sorted(names))

    async def _compare_with(self, system: str) -> bool:
        if not self._is_asked(system):
            return False
        now = micros(self._clock.now())
        rows = await self._journal.database.read(
            lambda connection: due(connection, now, self._settle, system, SHARE)
        )
        for row in rows:
            if not self._is_asked(system) or not await self._may_go_on():
                return False
            await self._compare(row)
        return len(rows) == SHARE

    async def _compare(self, row: Comparison) -> None:
        system = row.standing.system
        again = self._clock.now() + timedelta(hours=self._settings().hours)
        if row.over:
            await self._look_again(row, None)
            return
        if row.busy:
            await self._look_again(row, self._clock.now())
            return
        if system == CUSTOMER:
            await self._compare_with_customer(row)
        else:
            try:
                there = await self._asked(self._outside[system].standing(row.case, row.standing.outside_id))
                differs = _differs(row.standing, there)
                files = await self._asked(there.files()) if there and differs else ()
            except HubError as error:
                self._note_trouble(system, row.case, error)
                again = self._clock.now()
            else:
                if differs:
                    await self._tell_difference(row, there, files)
        await self._look_again(row, again)

    def _note_trouble(self, system: str, case: CaseRef, error: HubError) -> None:
        log.info("not_compared", system=system, case=case, reason=error.what)
        if isinstance(error, TransientError):
            self._resting[system] = self._clock.monotonic() + REST

    async def _asked(self, question: Awaitable[T]) -> T:
        await asyncio.sleep(1 / self._settings().rate)
        try:
            async with asyncio.timeout(PATIENCE):
                return await question
        except TimeoutError as error:
            raise TransientError("no answer in time") from error
        except HubError:
            raise
        except (
            Exception
        ) as error:  # one case that an adapter stumbles over may not keep all others from being compared
            log.exception("comparing_stumbled", error=type(error).__name__)
            raise RejectedError(f"an error that nobody foresaw: {type(error).__name__}") from error

    async def _tell_difference(
        self, row: Comparison, there: OutsideStanding | None, files: tuple[File, ...]
    ) -> None:
        await self._tell(
            DifferenceFound(
                case=row.case,
                system=row.standing.system,
                theirs=there.state if there else "",
                ours=row.standing.state,
                outside_id=there.outside_id if there else "",
                text=there.text if there else "",
                at=(there.at if there else None) or self._clock.now(),
                told_again=row.told_again,
                evidence=tuple(file.attachment for file in files),
            ),
            row.standing.at,
            files,
        )

    async def _compare_with_customer(self, row: Comparison) -> None:
        should = public_status(row.status)
        told = row.standing.state
        if should not in _TOLD or told in (should, PublicStatus.EXECUTED) or _is_answered(told, should):
            return
        await self._tell(
            DifferenceFound(case=row.case, system=CUSTOMER, theirs=told, ours=should, at=self._clock.now()),
            row.standing.at,
        )

    async def _compare_with_tracker(self) -> bool:
        monotonic = self._clock.monotonic()
        if self._tracker is None or not self._is_asked(TRACKER):
            return False
        await self._look_at_doubts(self._tracker, monotonic)
        if self._walked is not None and monotonic < self._walked + self._settings().hours * 3600:
            return False
        settled = micros(self._clock.now()) - self._settle
        position = self._position
        page = await self._journal.database.read(
            lambda connection: tracked_cases(connection, position, settled, BATCH)
        )
        for one in page.rows:
            if not self._is_asked(TRACKER) or not await self._may_go_on():
                return False
            if not one.busy:
                await self._compare_case(self._tracker, one)
            self._position = one.case
        self._position = page.after
        if not page.after:
            self._walked = monotonic
        return bool(page.after)

    async def _look_at_doubts(self, tracker: Tracker, monotonic: float) -> None:
        """What differed when it was looked at: its news may have been on the way."""
        since = monotonic - self._settle / 1e6
        settled = micros(self._clock.now()) - self._settle
        for case in [case for case, doubt in self._doubts.items() if doubt.since <= since]:
            if not self._is_asked(TRACKER) or not await self._may_go_on():
                return
            one = await self._journal.database.read(partial(tracked_case, ref=case, settled=settled))
            if one is None or one.busy:
                del self._doubts[case]
            else:
                await self._compare_case(tracker, one)

    async def _compare_case(self, tracker: Tracker, one: TrackedCase) -> None:
        """A difference is told when it is still the same after a while.

        Of a case that ended, only that it is open again: how long a tracker keeps it is its own affair.
        """
        try:
            found = await self._asked(tracker.find(one.case))
        except HubError as error:
            self._note_trouble(TRACKER, one.case, error)
            return
        theirs: CaseStatus | str = found[0].status if found else ""
        before = self._doubts.pop(one.case, None)
        agrees = len(found) == 1 and theirs is one.status
        if agrees or (one.status not in OPEN and theirs not in OPEN):
            return
        doubt = _Doubt(ours=one.status, theirs=theirs, since=self._clock.monotonic())
        if before is None or (before.ours, before.theirs) != (doubt.ours, doubt.theirs):
            self._doubts[one.case] = doubt
            return
        await self._tell(
            DifferenceFound(
                case=one.case,
                system=TRACKER,
                theirs=theirs,
                ours=one.status,
                outside_id=found[0].id if found else "",
                at=self._clock.now(),
            ),
            one.changed_at,
        )

    async def _tell(self, difference: DifferenceFound, since: datetime, files: tuple[File, ...] = ()) -> None:
        """Hand the difference over, once for what is known since then."""
        reference = "/".join(
            (difference.case, difference.system, difference.ours, difference.theirs or "-", since.isoformat())
        )
        log.info("difference_found", case=difference.case, system=difference.system)
        await self._accept(
            Inbound(
                source=SOURCE,
                source_ref=reference,
                raw=json.dumps({"difference": reference}).encode(),
                media_type="application/json",
                event=difference,
                files=files,
            )
        )

    async def _look_again(self, row: Comparison, at: datetime | None) -> None:
        look = NextLook(
            case=row.case,
            system=row.standing.system,
            seen=row.compare_at,
            at=micros(at) if at else None,
        )
        await self._journal.database.write(note_looks, look)


def _differs(ours: Standing, there: OutsideStanding | None) -> bool:
    if there is None:
        return ours.state not in ("", PublicStatus.WITHDRAWN)
    return there.state not in ("", ours.state)


def _is_answered(told: str, should: PublicStatus) -> bool:
    """A customer who has the answer need not hear that the case is closed as well."""
    return told == PublicStatus.ANSWERED and should is PublicStatus.CLOSED
