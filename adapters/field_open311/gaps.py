"""Stretches of time whose updates the planning can't show: narrowed down, read around, asked for again, left to people in the end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from adapters.field_open311.answers import Update
from adapters.field_open311.client import FailedError, PlanningClient
from adapters.field_open311.orders import Orders
from ports.clock import Clock

log = structlog.get_logger()

_NARROWEST = timedelta(minutes=1)
"""A stretch that is not narrowed any more."""
_LONGEST = timedelta(days=7)
"""What can't be shown for so long is left to people."""
_MOST_FAILURES = 40
"""Failures in one look; then the rest waits for the next one."""
_AT_ONCE = 3
"""Gaps that are asked for again in one look."""


class Gap(msgspec.Struct, frozen=True):
    """A stretch that can't be shown, `since` when (all UTC). `told`: people know, and it is not asked for again."""

    start: datetime
    end: datetime
    since: datetime
    told: bool = False

    @property
    def name(self) -> str:
        """As the planning is asked for it."""
        return "/".join(f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in (self.start, self.end))


_GAPS = msgspec.json.Decoder(tuple[Gap, ...])


class Gaps:
    """The gaps of one planning, kept in its checkpoints.

    One record that breaks their list must not hold up all others. Where a small question is answered and a large one
    is not, the large one is halved until what is left is a minute that breaks; it is read around from then on.
    """

    def __init__(self, client: PlanningClient, orders: Orders, clock: Clock) -> None:
        self._client = client
        self._orders = orders
        self._clock = clock
        self._gaps: list[Gap] = []
        self._failures = 0
        self.failure: FailedError | None = None
        """What this look could not read, for the outage that it is."""

    async def open(self, start: datetime) -> None:
        """Begin a look that goes back to `start`: what people know of, and lies before it, is forgotten."""
        saved = await self._orders.gaps()
        known = _GAPS.decode(saved) if saved else ()
        self._gaps = [gap for gap in known if not gap.told or gap.end > start]
        self._failures, self.failure = 0, None

    async def around(self, start: datetime, end: datetime) -> list[Update]:
        """The updates of a stretch but for its gaps, old and new. Raises the errors of the client."""
        before = tuple(self._gaps)
        try:
            parts = list(self._without_gaps(start, end))
            return [update for part in parts for update in await self._narrowed(*part)]
        finally:
            if tuple(self._gaps) != before:
                await self._save()

    async def asked_again(self) -> "list[tuple[Gap, tuple[Update, ...] | None]]":
        """A few of the gaps, each in its turn, with what the planning shows now; None = it still can't."""
        waiting = [gap for gap in self._gaps if not gap.told][:_AT_ONCE]
        self._gaps = [gap for gap in self._gaps if gap not in waiting] + waiting
        return [(gap, await self._shown(gap)) for gap in waiting]

    def is_hopeless(self, gap: Gap) -> bool:
        """Whether people must look."""
        return self._clock.now() - gap.since > _LONGEST

    async def close(self, gap: Gap) -> None:
        """What was in it is handed over."""
        self._gaps.remove(gap)
        await self._save()

    async def leave_to_people(self, gap: Gap) -> None:
        """They know of it."""
        self._gaps[self._gaps.index(gap)] = msgspec.structs.replace(gap, told=True)
        await self._save()

    async def _shown(self, gap: Gap) -> tuple[Update, ...] | None:
        try:
            return await self._client.updates(gap.start, gap.end)
        except FailedError as error:
            if not self.is_hopeless(gap):
                self._note(gap, error)
            return None

    async def _narrowed(self, start: datetime, end: datetime) -> list[Update]:
        try:
            return list(await self._client.updates(start, end))
        except FailedError as error:
            await self._see_that_others_are_shown(error)
            if end - start <= _NARROWEST:
                gap = Gap(start=start, end=end, since=self._clock.now())
                self._gaps.append(gap)
                self._note(gap, error)
                log.warning("updates_cannot_be_shown", stretch=gap.name, reason=error.what)
                return []
        middle = start + (end - start) / 2
        return [*await self._narrowed(start, middle), *await self._narrowed(middle, end)]

    async def _see_that_others_are_shown(self, error: FailedError) -> None:
        """Raises when the planning can't show anything: then it is away, and nothing is wrong with this stretch."""
        now = self._clock.now()
        if not self._failures:
            await self._client.updates(now - _NARROWEST, now)
        self._failures += 1
        if self._failures > _MOST_FAILURES:
            raise error

    def _without_gaps(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        for gap in sorted(self._gaps, key=lambda gap: gap.start):
            if gap.end <= start or gap.start >= end:
                continue
            if start < gap.start:
                yield start, gap.start
            start = max(start, gap.end)
        if start < end:
            yield start, end

    def _note(self, gap: Gap, error: FailedError) -> None:
        self.failure = FailedError(f"updates of {gap.name}: {error.what}", detail=error.detail)

    async def _save(self) -> None:
        await self._orders.keep_gaps(msgspec.json.encode(self._gaps).decode())
