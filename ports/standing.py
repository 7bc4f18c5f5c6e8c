"""How a case stands over there, asked by the reconciler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from canonical_model.case import CaseRef
from ports.intake import File


async def no_files() -> tuple[File, ...]:
    """Most systems show nothing."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideStanding:
    """What the other side shows. `state`: a `PublicStatus` on a board, an `OrderState` at a field team, "" when it
    can't be told apart. `at` is its own time of the last change (UTC), None when it does not tell. `text` is what a field
    team wrote with it; `files` fetches what it showed, with the errors of `standing`: whoever missed it is told no less than
    whoever heard it.
    """

    state: str
    outside_id: str
    at: datetime | None = None
    text: str = field(default="", repr=False)
    files: Callable[[], Awaitable[tuple[File, ...]]] = field(default=no_files, repr=False, compare=False)


class Standings(Protocol):
    """A system that can be asked how a case stands."""

    async def standing(self, case: CaseRef, outside_id: str) -> OutsideStanding | None:
        """How it stands there now; None when it is not known there. `outside_id` is "" when it never told its own.

        Changes nothing and may be repeated. Raises `TransientError` or `MisconfiguredError` when it can't be asked.
        """
        ...
