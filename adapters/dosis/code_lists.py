"""The phases and codes that DOSIS knows, read again now and then: what it does not know is not sent."""

import structlog

from adapters.digitaal_vlaanderen.statuses import Step
from adapters.dosis.client import DosisClient, Known
from ports.clock import Clock
from ports.errors import AdapterError

log = structlog.get_logger()

_SOONEST = 60.0
"""Seconds between two readings, however often an unknown code comes along."""


class CodeBook:
    """What DOSIS said last. Without lists everything is let through: DOSIS judges for itself."""

    def __init__(self, client: DosisClient, clock: Clock, *, hours: float) -> None:
        self._client = client
        self._clock = clock
        self._seconds = hours * 3600
        self._known: Known | None = None
        self._read_at = float("-inf")

    async def complaint(self, step: Step) -> str:
        """What DOSIS does not know of this step, "" when it knows it. New lists are read before anybody is told so."""
        await self._renew(older_than=self._seconds)
        if _complaint(step, self._known):
            await self._renew(older_than=_SOONEST)
        return _complaint(step, self._known)

    async def _renew(self, *, older_than: float) -> None:
        now = self._clock.monotonic()
        if now - self._read_at < older_than:
            return
        self._read_at = now
        try:
            self._known = await self._client.known()
        except AdapterError as error:
            log.warning("dosis_code_lists_not_read", reason=error.what)


def _complaint(step: Step, known: Known | None) -> str:
    if known and known.phases and step.phase not in known.phases:
        return f"DOSIS does not know the phase {step.phase!r}"
    if known and known.codes and step.code not in known.codes:
        return f"DOSIS does not know the code {step.code!r}"
    return ""
