"""What is remembered of each task: what we put in it, what was told of it, and which are still open. Nothing personal."""

from datetime import datetime
from hashlib import sha256

import msgspec

from adapters.caldav.translate import Sent, Work, told
from canonical_model.work_order import OrderState
from ports.intake import Checkpoints


class Told(msgspec.Struct, frozen=True):
    """What was handed over last. `number` counts; the note is known by its length and its hash alone."""

    number: int = 0
    etag: str = ""
    state: OrderState = OrderState.ORDERED
    at: datetime | None = None
    planned: datetime | None = None
    note_length: int = 0
    note_hash: str = ""
    photos: tuple[str, ...] = ()


def told_since(last: Told, work: Work) -> str:
    """What the crew wrote since, and when they mean to come if that is new."""
    seen, added = work.note[: last.note_length], work.note[last.note_length :]
    is_as_before = not last.note_length or hash_of(seen) == last.note_hash
    moved = work.planned if work.planned != last.planned else None
    return told(added.strip() if is_as_before else work.note, moved)


def hash_of(note: str) -> str:
    """By which a note is known again."""
    return sha256(note.encode()).hexdigest()


_SENT = msgspec.json.Decoder(Sent)
_TOLD = msgspec.json.Decoder(Told)
_OPEN = msgspec.json.Decoder(frozenset[str])


class Memory:
    """Remembers durably, by our order id. `told` and `open` are written by the one process that polls."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints

    async def sent(self, order: str) -> Sent | None:
        """What we put there; None when we never did."""
        saved = await self._checkpoints.load(f"sent/{order}")
        return _SENT.decode(saved) if saved else None

    async def remember_sent(self, order: str, sent: Sent) -> None:
        """We are about to put this there."""
        await self._checkpoints.save(f"sent/{order}", msgspec.json.encode(sent).decode())

    async def told(self, order: str) -> Told | None:
        """What was handed over last; None when nothing was."""
        saved = await self._checkpoints.load(f"told/{order}")
        return _TOLD.decode(saved) if saved else None

    async def remember_told(self, order: str, told: Told) -> None:
        """This was handed over."""
        await self._checkpoints.save(f"told/{order}", msgspec.json.encode(told).decode())

    async def open(self) -> frozenset[str]:
        """Orders that were seen in the list and have not ended."""
        saved = await self._checkpoints.load("open")
        return _OPEN.decode(saved) if saved else frozenset()

    async def remember_open(self, orders: frozenset[str]) -> None:
        """These are open now."""
        await self._checkpoints.save("open", msgspec.json.encode(sorted(orders)).decode())

    async def token(self) -> str:
        """Up to where the list was read; "" = not at all."""
        return await self._checkpoints.load("token") or ""

    async def remember_token(self, token: str) -> None:
        """Read up to here."""
        await self._checkpoints.save("token", token)
