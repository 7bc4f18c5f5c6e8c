"""An audit trail of looks in memory, for adapters that show customers' cases."""

from ports.errors import HubError


class MemoryLooks:
    """Keeps (actor, subject, purpose) in order; raises `failure` instead, as long as it is set."""

    def __init__(self) -> None:
        self.noted: list[tuple[str, str, str]] = []
        self.failure: HubError | None = None

    async def note(self, actor: str, subject: str, purpose: str) -> None:
        if self.failure:
            raise self.failure
        self.noted.append((actor, subject, purpose))
