"""What is remembered of an order between two tries: when it was first tried, its token, its number."""

from datetime import datetime

import msgspec

from canonical_model.work_order import OrderState
from ports.intake import Checkpoints


class Tried(msgspec.Struct, frozen=True):
    """An order on its way. `since`: the first try; `sent`: the last that may have arrived and told no number (UTC)."""

    since: datetime
    sent: datetime | None = None
    token: str = ""
    id: str = ""


class Known(msgspec.Struct, frozen=True):
    """What the crew told last of an order; `at` in UTC. `handed`: the last updates that were handed over."""

    at: datetime
    state: OrderState
    handed: tuple[str, ...] = ()


_TRIED = msgspec.json.Decoder(Tried)
_KNOWN = msgspec.json.Decoder(Known)


class Orders:
    """Remembers durably; nothing of it is personal."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints

    async def tried(self, order: str) -> Tried | None:
        """How far we came with an order; None when it was never tried."""
        saved = await self._checkpoints.load(f"order/{order}")
        return _TRIED.decode(saved) if saved else None

    async def remember(self, order: str, tried: Tried) -> Tried:
        """So far we came."""
        await self._checkpoints.save(f"order/{order}", msgspec.json.encode(tried).decode())
        return tried

    async def known(self, order: str, request_id: str) -> Known | None:
        """What the crew told last; None when it told nothing."""
        saved = await self._checkpoints.load(f"last/{order}/{request_id}")
        return _KNOWN.decode(saved) if saved else None

    async def learn(self, order: str, request_id: str, known: Known) -> None:
        """The crew told this."""
        await self._checkpoints.save(f"last/{order}/{request_id}", msgspec.json.encode(known).decode())

    async def gaps(self) -> str | None:
        """The stretches whose updates could not be read, as `gaps.py` keeps them."""
        return await self._checkpoints.load("gaps")

    async def keep_gaps(self, gaps: str) -> None:
        """These could not be read."""
        await self._checkpoints.save("gaps", gaps)

    async def mark(self) -> datetime | None:
        """Up to when the updates were read."""
        saved = await self._checkpoints.load("mark")
        return datetime.fromisoformat(saved) if saved else None

    async def move_mark(self, to: datetime) -> None:
        """They are read up to here."""
        await self._checkpoints.save("mark", to.isoformat())
