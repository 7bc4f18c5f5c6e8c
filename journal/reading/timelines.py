"""The timeline of a case: everything that happened to it and is still to come, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from journal.instants import moment
from journal.reading.bounds import MOST
from journal.reading.effects import EffectRow
from journal.reading.messages import MessageRow
from journal.schema import case_history, timers


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusStep:
    """One step of a case's history."""

    at: datetime
    status: str
    group: str
    caused_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRow:
    """A date that was noted for a case."""

    name: str
    due_at: datetime
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a case's timeline. `what` is a code for a text; `message_id` or `effect_id` leads on."""

    at: datetime
    lane: str
    what: str
    subject: str = ""
    detail: str = ""
    message_id: str = ""
    effect_id: str = ""
    still_to_come: bool = False


def history_of(connection: Connection, ref: str) -> tuple[StatusStep, ...]:
    """The statuses and groups that the case had, the oldest first."""
    rows = connection.execute(
        select(case_history).where(case_history.c.case_ref == ref).order_by(case_history.c.at).limit(MOST)
    )
    return tuple(
        StatusStep(at=moment(row.at), status=row.status, group=row.handler_group, caused_by=row.caused_by)
        for row in rows
    )


def timers_of(connection: Connection, ref: str) -> tuple[TimerRow, ...]:
    """The dates that are noted for the case, the nearest first."""
    rows = connection.execute(select(timers).where(timers.c.case_ref == ref).order_by(timers.c.due_at))
    return tuple(TimerRow(name=row.name, due_at=moment(row.due_at), round=row.round) for row in rows)


def lanes_of(its_messages: Sequence[MessageRow], its_effects: Sequence[EffectRow]) -> tuple[str, ...]:
    """Where its steps took place: the sources, the case itself, the targets."""
    sources = dict.fromkeys(row.source for row in its_messages)
    targets = dict.fromkeys(effect.target for effect in its_effects)
    return tuple(dict.fromkeys([*sources, "case", *targets]))


def timeline_of(
    history: Sequence[StatusStep],
    its_messages: Sequence[MessageRow],
    its_effects: Sequence[EffectRow],
    its_timers: Sequence[TimerRow],
) -> tuple[Step, ...]:
    """All steps in the order of time, those still to come last."""
    steps = [
        *(_arrival_step(row) for row in its_messages),
        *_history_steps(history),
        *(step for effect in its_effects for step in _effect_steps(effect)),
        *(_timer_step(timer) for timer in its_timers),
    ]
    return tuple(sorted(steps, key=lambda step: (step.still_to_come, step.at)))


def _arrival_step(row: MessageRow) -> Step:
    return Step(
        at=row.received_at,
        lane=row.source,
        what="arrived",
        subject=row.kind,
        detail=row.reason,
        message_id=row.id,
    )


def _history_steps(history: Sequence[StatusStep]) -> Iterable[Step]:
    before: StatusStep | None = None
    for step in history:
        if before is None or step.status != before.status:
            yield Step(at=step.at, lane="case", what="status", subject=step.status, message_id=step.caused_by)
        if before is None or step.group != before.group:
            yield Step(at=step.at, lane="case", what="group", subject=step.group, message_id=step.caused_by)
        before = step


def _effect_steps(effect: EffectRow) -> Iterable[Step]:
    blank = Step(
        at=effect.created_at, lane=effect.target, what="planned", subject=effect.action, effect_id=effect.id
    )
    yield replace(blank, message_id=effect.message_id)
    for attempt in effect.attempts:
        if attempt.outcome != "applied":
            yield replace(blank, at=attempt.ended_at, what=f"attempt_{attempt.outcome}", detail=attempt.what)
    if effect.finished_at and effect.settled:
        yield replace(blank, at=effect.finished_at, what=effect.state, detail=effect.outside_id)
    if not effect.settled and effect.state != "parked" and effect.due_at > effect.created_at:
        yield replace(blank, at=effect.due_at, what="next_try", still_to_come=True)


def _timer_step(timer: TimerRow) -> Step:
    return Step(at=timer.due_at, lane="case", what="timer", subject=timer.name, still_to_come=True)
