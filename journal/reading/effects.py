"""Effects, with every attempt at them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from journal.instants import is_id, moment, moment_or_none
from journal.reading.bounds import LOOK_BACK, MOST
from journal.schema import attempts, effects


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One try of an effect."""

    number: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    error: str
    what: str
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """One intended action. `state`: due, claimed, unknown, parked, applied or skipped."""

    id: str
    key: str
    case_ref: str
    message_id: str
    target: str
    action: str
    seq: int
    blocking: bool
    state: str
    attempt_count: int
    due_at: datetime
    outside_id: str
    error: str
    reason: str
    created_at: datetime
    finished_at: datetime | None
    attempts: tuple[AttemptRow, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether nothing more happens by itself or by a person."""
        return self.state in ("applied", "skipped")


def one_effect(connection: Connection, effect_id: str) -> EffectRow | None:
    """An effect with its attempts; None when there is no such effect."""
    if not is_id(effect_id):
        return None
    found = connection.execute(select(effects).where(effects.c.id == effect_id)).all()
    return next(iter(_with_attempts(connection, found)), None)


def effects_of_case(connection: Connection, ref: str, *, message_id: str = "") -> tuple[EffectRow, ...]:
    """The effects of a case, in order, with their attempts; of one message only when it is named."""
    only = [effects.c.message_id == message_id] if message_id else []
    rows = connection.execute(
        select(effects).where(effects.c.case_ref == ref, *only).order_by(effects.c.seq).limit(MOST)
    ).all()
    return _with_attempts(connection, rows)


def _with_attempts(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[EffectRow, ...]:
    tries: dict[str, list[AttemptRow]] = defaultdict(list)
    if rows:
        found = connection.execute(
            select(attempts)
            .where(attempts.c.effect_id.in_([row.id for row in rows]))
            .order_by(attempts.c.effect_id, attempts.c.number)
            .limit(LOOK_BACK)
        )
        for attempt in found:
            tries[attempt.effect_id].append(_attempt_row(attempt))
    return tuple(_effect_row(row, tuple(tries[row.id])) for row in rows)


def _attempt_row(row: Row[Any]) -> AttemptRow:
    return AttemptRow(
        number=row.number,
        started_at=moment(row.started_at),
        ended_at=moment(row.ended_at),
        outcome=row.outcome,
        error=row.error,
        what=row.what,
        worker=row.worker,
    )


def _effect_row(row: Row[Any], tries: tuple[AttemptRow, ...]) -> EffectRow:
    return EffectRow(
        id=row.id,
        key=row.key,
        case_ref=row.case_ref,
        message_id=row.message_id,
        target=row.target,
        action=row.action,
        seq=row.seq,
        blocking=row.blocking,
        state=row.state,
        attempt_count=row.attempts,
        due_at=moment(row.due_at),
        outside_id=row.outside_id,
        error=row.error,
        reason=row.reason,
        created_at=moment(row.created_at),
        finished_at=moment_or_none(row.finished_at),
        attempts=tries,
    )
