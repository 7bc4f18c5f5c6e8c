"""How inbound adapters hand over what came in."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from canonical_model.attachment import Attachment
from canonical_model.events import Event
from canonical_model.value import Hidden, Value
from ports.errors import MessageError


class File(Value, frozen=True, kw_only=True):
    """An attachment with its bytes, on its way into the journal."""

    attachment: Attachment
    content: Hidden[bytes]


class Inbound(Value, frozen=True, kw_only=True):
    """One message as it came in.

    `source` is the adapter instance (and mailbox), `source_ref` the sender's own id for this message: the pair
    makes it unique for ever. `raw` is kept as it is. Exactly one of `event` (what the translator made of it)
    and `problem` (why it could not) is set. `bulk`: nobody waits for it, others may go first. `traceparent`: the
    sender's trace, as it told it (W3C), or "".
    """

    source: str
    source_ref: str
    raw: Hidden[bytes]
    media_type: str
    event: Event | None = None
    problem: MessageError | None = None
    files: tuple[File, ...] = ()
    bulk: bool = False
    traceparent: str = ""


class Receipt(Value, frozen=True, kw_only=True):
    """Proof that a message is safely stored. `duplicate`: it had been handed over before, nothing new happened."""

    message_id: str
    duplicate: bool = False


class Accept(Protocol):
    """Stores a message durably; only after it returns may the sender be answered."""

    async def __call__(self, inbound: Inbound) -> Receipt:
        """May be repeated: the same (source, source_ref) gives the same receipt and nothing else.

        Raises `TransientError` when it could not be stored now (disk full, database away, too much waiting):
        the sender keeps the message and comes back.
        """
        ...


class Checkpoints(Protocol):
    """What an adapter remembers for itself: how far it read, what it waits for. Every process of the hub sees the same.

    Save only after what was read is accepted. What stands under a name with a case number in it (`sent/LEU-2026-000123.01`) is
    forgotten when the hub forgets that case. All may raise `TransientError`: nothing was remembered, or forgotten.
    """

    async def load(self, name: str) -> str | None:
        """The last value saved under this name, or None."""
        ...

    async def save(self, name: str, value: str) -> None:
        """Remember a value, durably."""
        ...

    async def replace(self, name: str, known: str | None, value: str) -> bool:
        """Save a value in the place of the one that is known (None: there is none).

        False, and nothing is changed, when something else stands there: another process went on meanwhile.
        """
        ...

    async def saved(self, prefix: str) -> Mapping[str, str]:
        """What is remembered under names that begin so, by name, the one that was saved first before the others;
        without what was emptied (saved as "").
        """
        ...

    async def forget(self, names: Iterable[str]) -> None:
        """These are gone, durably; those that are not there are no error."""
        ...
