"""The way in, as adapters see it: store durably, then ring the bell for the workers."""

from broker.port import Broker
from journal.claims import Claimed
from journal.journal import Journal
from ports.intake import Inbound, Receipt
from worker.loop import Worker


class Doorway:
    """Implements `ports.intake.Accept` and, per adapter, `ports.intake.Checkpoints`."""

    def __init__(self, journal: Journal, broker: Broker) -> None:
        self._journal = journal
        self._broker = broker
        self._worker: Worker | None = None

    def staff(self, worker: Worker) -> None:
        """A worker of this process takes what can start at once straight from the door."""
        self._worker = worker

    async def __call__(self, inbound: Inbound) -> Receipt:
        ticket = self._worker.ticket() if self._worker else None
        claimed: tuple[Claimed, ...] = ()
        try:
            accepted = await self._journal.accept(inbound, ticket=ticket)
            claimed = accepted.claimed
        finally:
            if self._worker and ticket:
                self._worker.redeem(ticket, claimed)
        if accepted.effects:
            await self._broker.hand_out(accepted.effects)
        return accepted.receipt

    def checkpoints(self, owner: str) -> "JournalCheckpoints":
        """The memory of one adapter."""
        return JournalCheckpoints(self._journal, owner)


class JournalCheckpoints:
    """How far an adapter read, kept in the journal."""

    def __init__(self, journal: Journal, owner: str) -> None:
        self._journal = journal
        self._owner = owner

    async def load(self, name: str) -> str | None:
        return await self._journal.load_checkpoint(self._owner, name)

    async def save(self, name: str, value: str) -> None:
        await self._journal.save_checkpoint(self._owner, name, value)
