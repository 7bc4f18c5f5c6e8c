"""How an erasure stands: what was asked of whom, what came of it, and what a person must do by hand."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from journal.instants import moment
from journal.schema import effects, work_items

_ASKED: Final = "erased"
_BY_HAND: Final = "erased-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something that a system was asked to forget; `state` as of any effect, `reason` why it could not."""

    system: str
    action: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What a person must erase; `closed_at` (UTC) is None until somebody says it is done."""

    name: str
    what: str
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """All of it, in the order asked. Whole when every step is applied and every item is closed."""

    steps: tuple[Step, ...]
    by_hand: tuple[ByHand, ...]


def erasure_of(connection: Connection, ref: str) -> Erasure:
    """How the erasure of a case stands; empty when it was never erased, or nobody else had anything of it."""
    found = connection.execute(select(effects).where(effects.c.case_ref == ref).order_by(effects.c.seq))
    items = connection.execute(
        select(work_items).where(work_items.c.case_ref == ref).order_by(work_items.c.name)
    )
    return Erasure(
        steps=tuple(
            Step(system=row.target, action=row.action, state=row.state, reason=row.reason)
            for row in found
            if row.key.rpartition("/")[2].startswith(_ASKED)
        ),
        by_hand=tuple(
            ByHand(name=row.name, what=row.what, closed_at=moment(row.closed_at) if row.closed_at else None)
            for row in items
            if row.name.startswith(_BY_HAND)
        ),
    )
