"""What a hub heeds after its journal was put back from an older copy (see `journal.restoring`)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from journal.schema import checkpoints

RESTORED = "restored"
"""The journal's own checkpoint: when it was put back from a copy, and what follows from that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What to heed after a restore. Until `until` (microseconds), what is begun for a case whose number is
    below `first_new` of its year is looked up first. `openings`: the case of a contact, by its hashes.
    """

    until: int = 0
    first_new: Mapping[str, int] = field(default_factory=dict[str, int])
    openings: Mapping[str, str] = field(default_factory=dict[str, str])

    def doubtful(self, ref: str, now: int) -> bool:
        """Whether what is wanted for this case now may have been done before the restore."""
        if now >= self.until:
            return False
        _, year, number = ref.split("-")
        return int(number) < self.first_new.get(year, 0)


def recovery(connection: Connection, openings: Callable[[], Mapping[str, str]], now: int) -> Recovery:
    """What a hub that starts has to heed. `openings` are read only when they are needed."""
    noted = _noted(connection)
    until: int = noted.get("until", 0)
    if now >= until:
        return Recovery()
    return Recovery(until=until, first_new=noted["first_new"], openings=openings())


def restored_below(connection: Connection) -> Mapping[str, int]:
    """By year, the first case number that was not given out before the last restore."""
    first_new: dict[str, int] = _noted(connection).get("first_new", {})
    return first_new


def _noted(connection: Connection) -> dict[str, Any]:
    value = connection.execute(
        select(checkpoints.c.value).where(checkpoints.c.owner == "journal", checkpoints.c.name == RESTORED)
    ).scalar_one_or_none()
    noted: dict[str, Any] = json.loads(value) if value else {}
    return noted
