"""What replaying an effect would do, found out before anything is done.

One judgement for the preview of a single effect, for the rows of a plan when it is frozen, and once more at
the moment that a row is released: between the two, the world may have moved on.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from journal.schema import data_keys, effects

SKIP: Final = "skip"
"""It was applied, or given up: nothing happens."""
UNDER_WAY: Final = "under_way"
"""The hub is still at it by itself: nothing is added."""
SEND: Final = "send"
"""The target gets it for the first time."""
PROBE: Final = "probe"
"""The target is asked first, and gets it only when it does not have it."""
DECIDE: Final = "decide"
"""Nobody can tell whether it was done: a person says what happens."""
ERASED: Final = "erased"
"""Its content is gone."""
AGAIN: Final = "again"
"""A message that was never decided about is decided about now."""

VERDICTS: Final = (SEND, PROBE, AGAIN, DECIDE, UNDER_WAY, SKIP, ERASED)
RELEASED_BY_ITSELF: Final = frozenset({SEND, PROBE, AGAIN})
"""Verdicts on which a plan acts without asking about the row."""
NOBODY_KNOWS: Final = "UncertainError"
"""The error of a parked effect whose target can't be asked whether it was done."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a replay of one effect will do."""

    effect_id: str
    target: str
    action: str
    verdict: str


def verdict_of(connection: Connection, effect_id: str) -> Verdict | None:
    """What replaying this effect would do; None when it does not exist."""
    row = connection.execute(
        select(effects, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.message_id == effects.c.key_id, isouter=True)
        .where(effects.c.id == effect_id)
    ).one_or_none()
    return Verdict(row.id, row.target, row.action, judge(row)) if row else None


def judge(row: Any) -> str:
    """The verdict on an effect's row with its `wrapped` key (None = erased)."""
    if row.state in ("applied", "skipped"):
        return SKIP
    if row.wrapped is None:
        return ERASED
    if row.state != "parked":
        return UNDER_WAY
    if row.error == NOBODY_KNOWS:
        return DECIDE
    return PROBE if row.attempts else SEND
