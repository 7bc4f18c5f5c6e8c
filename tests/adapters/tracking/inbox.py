"""The hub's side of a tracker's changes: it accepts, remembers, and keeps the place."""

from ports.errors import TransientError
from ports.intake import Inbound, Receipt


class Inbox:
    """Implements `Accept` and the part of `Checkpoints` that a feed needs. `fails_at`: the message that finds the disk full."""

    def __init__(self) -> None:
        self.inbound: list[Inbound] = []
        self.saved: dict[str, str] = {}
        self.fails_at: int | None = None

    async def __call__(self, inbound: Inbound) -> Receipt:
        if len(self.inbound) == self.fails_at:
            self.fails_at = None
            raise TransientError("disk full")
        known = inbound.source_ref in [other.source_ref for other in self.inbound]
        self.inbound.append(inbound)
        return Receipt(message_id="m", duplicate=known)

    async def load(self, name: str) -> str | None:
        return self.saved.get(name)

    async def save(self, name: str, value: str) -> None:
        self.saved[name] = value
