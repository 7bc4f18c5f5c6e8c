"""A system that effects are applied to, as the worker sees it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

from canonical_model.attachment import Attachment
from canonical_model.commands import Command

Fetch = Callable[[Attachment], Awaitable[bytes]]
"""Gets the bytes of an attachment from the journal (Claim Check)."""


class Idempotency(StrEnum):
    """What a target can do about a second try.

    `NATIVE_KEY`: it refuses or recognises our key itself. `PROBE`: we can look whether it was done.
    `NONE`: nobody can tell; an unknown outcome goes to a person.
    """

    NATIVE_KEY = "native-key"
    PROBE = "probe"
    NONE = "none"


class Target(Protocol):
    """Applies commands."""

    @property
    def idempotency(self) -> Idempotency:
        """What may be done after an unknown outcome."""
        ...

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """Do it and return the other side's own id. `key` identifies the effect for ever.

        Raises the errors of `ports.errors`; anything else counts as an unknown outcome.
        """
        ...

    async def find(self, key: str, command: Command) -> str | None:
        """The other side's id when the effect was applied completely, None when it was not (or only in part)."""
        ...
