"""The way in, as adapters see it: complete it, store it durably, then ring the bell for the workers."""

import asyncio
from collections.abc import Iterable, Mapping

import structlog
from msgspec.structs import replace

from broker.port import Broker
from canonical_model.contact import Contact
from canonical_model.events import ContactReceived
from journal.claims import Claimed
from journal.journal import Journal
from ports.enricher import Enricher
from ports.errors import RejectedError, TransientError
from ports.intake import Inbound, Receipt
from ports.tracing import told, valid
from telemetry.instruments import source_meter
from telemetry.traces import Traces
from worker.loop import Worker

log = structlog.get_logger()

ENRICHING = 3.0
"""Seconds that an enricher may take; after that the contact goes on without."""


class Doorway:
    """Implements `ports.intake.Accept` and, per adapter, `ports.intake.Checkpoints`."""

    def __init__(self, journal: Journal, broker: Broker, traces: Traces | None = None) -> None:
        self._journal = journal
        self._broker = broker
        self._traces = traces
        self._worker: Worker | None = None
        self._enrichers: tuple[Enricher, ...] = ()

    def complete_with(self, enrichers: tuple[Enricher, ...]) -> None:
        """Ask these, in this order, before a contact is stored."""
        self._enrichers = enrichers

    def staff(self, worker: Worker) -> None:
        """A worker of this process takes what can start at once straight from the door."""
        self._worker = worker

    async def __call__(self, inbound: Inbound) -> Receipt:
        meter = source_meter(inbound.source)
        try:
            receipt = await self._take_in(inbound) if self._traces is None else await self._traced(inbound)
        except RejectedError:
            meter.refused += 1
            raise
        except TransientError:
            meter.turned_away += 1
            raise
        if receipt.duplicate:
            meter.duplicate += 1
        elif inbound.problem:
            meter.not_understood += 1
        else:
            meter.accepted += 1
        return receipt

    async def _traced(self, inbound: Inbound) -> Receipt:
        assert self._traces is not None  # noqa: S101 - asked only then
        with self._traces.accepting(inbound.source, inbound.traceparent or told()) as doing:
            receipt = await self._take_in(replace(inbound, traceparent=doing.traceparent))
            outcome = (
                "duplicate" if receipt.duplicate else "not_understood" if inbound.problem else "accepted"
            )
            doing.ended(outcome, message_id=receipt.message_id)
            return receipt

    async def _take_in(self, inbound: Inbound) -> Receipt:
        if self._enrichers and isinstance(inbound.event, ContactReceived):
            inbound = replace(
                inbound, event=ContactReceived(contact=await self.completed(inbound.event.contact))
            )
        ticket = self._worker.ticket() if self._worker and not inbound.bulk else None
        claimed: tuple[Claimed, ...] = ()
        try:
            accepted = await self._journal.accept(inbound, valid(inbound.traceparent) or told(), ticket)
            claimed = accepted.claimed
        finally:
            if self._worker and ticket:
                self._worker.redeem(ticket, claimed)
        if accepted.effects and not inbound.bulk:  # the scheduler hands those out
            await self._broker.hand_out(accepted.effects)
        return accepted.receipt

    async def completed(self, contact: Contact) -> Contact:
        """What the enrichers make of a contact; one that fails or is slow is passed over."""
        for enricher in self._enrichers:
            try:
                async with asyncio.timeout(ENRICHING):
                    contact = await enricher.enrich(contact)
            except Exception as error:  # noqa: BLE001 - whatever an enricher stumbles over, the contact comes in
                log.warning("contact_not_enriched", enricher=enricher.name, error=type(error).__name__)
        return contact

    async def in_bulk(self, inbound: Inbound) -> Receipt:
        """For adapters whose messages let others go first."""
        return await self(replace(inbound, bulk=True))

    def checkpoints(self, owner: str) -> "JournalCheckpoints":
        """The memory of one adapter."""
        return JournalCheckpoints(self._journal, owner)


class JournalCheckpoints:
    """What an adapter remembers, kept in the journal."""

    def __init__(self, journal: Journal, owner: str) -> None:
        self._journal = journal
        self._owner = owner

    async def load(self, name: str) -> str | None:
        return await self._journal.load_checkpoint(self._owner, name)

    async def save(self, name: str, value: str) -> None:
        await self._journal.save_checkpoint(self._owner, name, value)

    async def replace(self, name: str, known: str | None, value: str) -> bool:
        return await self._journal.replace_checkpoint(self._owner, name, known, value)

    async def saved(self, prefix: str) -> Mapping[str, str]:
        return await self._journal.saved_checkpoints(self._owner, prefix)

    async def forget(self, names: Iterable[str]) -> None:
        await self._journal.forget_checkpoints(self._owner, names)
