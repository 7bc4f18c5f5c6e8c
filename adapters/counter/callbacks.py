"""What the queue system told, on its way from the door to the source: they may be in different processes."""

from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec

from adapters.counter.visits import Observation
from ports.intake import Checkpoints
from ports.letterbox import Letterbox


class Told(msgspec.Struct, frozen=True):
    """A callback: what was seen, or what nobody understood and why."""

    seen: Observation | None = None
    unreadable: bytes = b""
    why: str = ""


class Callbacks:
    """Durable once they are put in; twice is once. Raises `TransientError`."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._box = Letterbox(checkpoints, "queue")

    async def put(self, told: Told) -> None:
        """Keep it until it is taken in."""
        content = msgspec.json.encode(told)
        await self._box.put(sha256(content).hexdigest()[:32], content.decode())

    async def all(self) -> Mapping[str, Told]:
        """What waits, the oldest first."""
        letters = await self._box.all()
        return {name: msgspec.json.decode(content, type=Told) for name, content in letters.items()}

    async def clear(self, names: Iterable[str]) -> None:
        """These were taken in."""
        await self._box.clear(names)

    async def arrival(self) -> None:
        """Return when there may be some."""
        await self._box.arrival()
