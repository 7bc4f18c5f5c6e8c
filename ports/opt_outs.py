"""Who does not want notifications: kept for good, by keyed hashes of numbers and addresses, of which none can be read back."""

from collections.abc import Callable, Sequence
from typing import Protocol

from canonical_model.decision import Reference
from ports.errors import MisconfiguredError


class OptOuts(Protocol):
    """All raise `TransientError` when the journal can't be reached; all may be repeated."""

    async def opt_out(self, names: Sequence[Reference]) -> None:
        """Nobody with one of these names wants notifications any more; durable once this returns."""
        ...

    async def opt_in(self, names: Sequence[Reference]) -> None:
        """They want them again."""
        ...

    async def opted_out(self, names: Sequence[Reference]) -> bool:
        """Whether one of these names does not want notifications."""
        ...


class NobodyOptedOut:
    """Nowhere to keep it: nobody can opt out, so nobody did."""

    async def opt_out(self, names: Sequence[Reference]) -> None:
        raise MisconfiguredError("there is no place to keep who opted out")

    async def opt_in(self, names: Sequence[Reference]) -> None:
        raise MisconfiguredError("there is no place to keep who opted out")

    async def opted_out(self, names: Sequence[Reference]) -> bool:
        return False


class WaysOut:
    """The links by which customers end notifications, known to every adapter before there are any."""

    def __init__(self) -> None:
        self._link: Callable[[str], str] | None = None

    def open(self, link: Callable[[str], str]) -> None:
        """From now on, this makes them: the link of who has a mail address."""
        self._link = link

    def link(self, email: str) -> str:
        """Where who has this address ends notifications; "" when this hub has no such page."""
        return self._link(email) if self._link else ""
