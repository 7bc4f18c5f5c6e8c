"""Carrying a plan out: rows are released at its pace, and followed until they ended.

To release a row is to make its effect due again, in the transaction that says so on the row: never twice, by
however many schedulers, and never while somebody else has it in hand. The verdict is found once more at that
moment. Everything after that is the usual machinery: claim, probe, try, record.
"""

from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import bindparam, func, select, update

from journal.database import Transaction
from journal.effects import move_messages
from journal.operations import Act, AuditEntry, Operations
from journal.replay_ledger import (
    ALREADY,
    APPLIED,
    ASIDE,
    CANARY,
    CANCELLED,
    DONE,
    EFFECT,
    ELSEWHERE,
    FAILED,
    GIVEN_UP,
    LEFT,
    MESSAGE,
    RELEASED,
    RUNNING,
    WAITING,
    Totals,
    locked_plan,
)
from journal.rows import UpdateRows
from journal.schema import data_keys, effects, messages, replay_plans, replay_rows, replay_totals, systems
from journal.verdicts import DECIDE, RELEASED_BY_ITSELF, SKIP, UNDER_WAY, judge
from ports.errors import HubError

log = structlog.get_logger()

BATCH: Final = 200
"""Rows released at once, and rows of one target that may be under way."""
MESSAGES_AT_ONCE: Final = 25
"""Deciding again about a message costs more than making an effect due."""
STALLED: Final = 300_000_000
"""A row under way for longer than this (5 minutes) no longer keeps others from being released."""
LONGEST: Final = 86_400_000_000
"""A row still under way after a day is left to the hub: the plan can end."""
BURST: Final = 10_000_000
"""What a pace saves up at most (10 s): a plan that could not go for a while does not run to catch up."""
MINUTE: Final = 60_000_000
SCHEDULER: Final = "scheduler"
"""The actor of what happens by itself."""

_AFTER_RELEASE: Final = {"applied": APPLIED, "skipped": GIVEN_UP, "parked": FAILED}


@dataclass(frozen=True, slots=True)
class _End:
    """Where a row goes now."""

    row: Any
    state: str
    error: str = ""
    what: str = ""


class Releasing:
    """Lets rows go."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def release_many(self, tx: Transaction, plan_ids: list[str]) -> list[tuple[str, ...] | BaseException]:
        """The next rows of each plan; the effects to hand out."""
        return [self._release(tx, plan_id) for plan_id in plan_ids]

    def _release(self, tx: Transaction, plan_id: str) -> tuple[str, ...]:
        plan = locked_plan(tx, plan_id)
        if plan is None or plan.state != RUNNING or (plan.citizens and not plan.approved_by):
            return ()
        size = _allowed(tx, plan)
        rows = _next_rows(tx, plan.id, size) if size else []
        started, ends = self._let_go(tx, plan, rows)
        _write(tx, plan, ends)
        _move_on(tx, plan, ends, self._operations)
        return started

    def _let_go(self, tx: Transaction, plan: Any, rows: list[Any]) -> tuple[tuple[str, ...], list[_End]]:
        found = _locked_effects(tx, [row.subject for row in rows if row.kind == EFFECT])
        started: list[str] = []
        ends: list[_End] = []
        for row in rows:
            if row.kind == MESSAGE:
                ids, end = self._decide_again(tx, plan, row)
                started += ids
                ends.append(end)
            elif row.subject in found:  # otherwise somebody holds it this very moment: next time
                ends.append(_judged(row, found[row.subject]))
        going = [end.row.subject for end in ends if end.state == RELEASED]
        self._make_due(tx, plan, [found[subject] for subject in going])
        return (*started, *going), ends

    def _make_due(self, tx: Transaction, plan: Any, going: list[Any]) -> None:
        if not going:
            return
        detail = f"plan {plan.id}: {plan.reason}"
        self._operations.audit_many(
            tx, [AuditEntry(plan.started_by, "effect_replayed", row.id, detail) for row in going]
        )
        for row in going:
            tx.move_effect(row.id, row.target, "parked", "waiting")
        _DUE.run(
            tx.connection,
            [
                {
                    "id": row.id,
                    "state": "unknown" if row.attempts else "due",
                    "deaths": 0,
                    "due_at": tx.now,
                    "handout_at": tx.now,
                }
                for row in going
            ],
        )
        changes: dict[str, list[int]] = {}
        for row in going:
            changes.setdefault(row.message_id, [0, 0])[1] -= 1
        move_messages(tx, changes)

    def _decide_again(self, tx: Transaction, plan: Any, row: Any) -> tuple[tuple[str, ...], _End]:
        """A message that fails takes only what it wrote with it."""
        now = tx.connection.execute(select(messages.c.state).where(messages.c.id == row.subject)).scalar()
        if now != "parked":
            return (), _End(row, ALREADY, what=now or "")
        act = Act(row.subject, plan.started_by, f"plan {plan.id}: {plan.reason}")
        try:
            with tx.part():
                (outcome,) = self._operations.replay_messages(tx, [act])
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one message must not stop the rest
            log.warning("replay.message_failed", message=row.subject, error=type(error).__name__)
            return (), _End(row, FAILED, type(error).__name__, _words(error))
        if isinstance(outcome, BaseException):
            return (), _End(row, FAILED, "route", _words(outcome))
        return outcome, _End(row, APPLIED)


class Following:
    """Writes down how released rows ended."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def follow_many(self, tx: Transaction, plan_ids: list[str]) -> list[int | BaseException]:
        """How many rows of each plan ended."""
        return [self._follow(tx, plan_id) for plan_id in plan_ids]

    def _follow(self, tx: Transaction, plan_id: str) -> int:
        plan = locked_plan(tx, plan_id)
        if plan is None or not plan.in_flight:
            return 0
        ends = [*_ended(tx, plan_id), *_left(tx, plan_id)]
        _write(tx, plan, ends)
        _move_on(tx, plan, ends, self._operations)
        return len(ends)


def _allowed(tx: Transaction, plan: Any) -> int:
    """How many rows the canary and the pace let go now."""
    size: int = min(BATCH, plan.canary - plan.released) if plan.canary else BATCH
    if plan.pace:
        size = min(size, (tx.now - _paced_from(tx, plan)) * int(plan.pace) // MINUTE)
    return max(0, size)


def _paced_from(tx: Transaction, plan: Any) -> int:
    """Since when the pace has been saving up. The first row need not wait."""
    one = -(-MINUTE // int(plan.pace))
    saved_up = max(BURST, one) if plan.paced_at else one
    return max(int(plan.paced_at), tx.now - saved_up)


def _next_rows(tx: Transaction, plan_id: str, size: int) -> list[Any]:
    """The first rows that wait, of targets that stand and have room."""
    rows: list[Any] = []
    for target, room in _room(tx, plan_id).items():
        query = select(replay_rows).where(
            replay_rows.c.plan_id == plan_id, replay_rows.c.state == WAITING, replay_rows.c.target == target
        )
        rows += tx.connection.execute(query.order_by(replay_rows.c.number).limit(min(room, size)))
    return sorted(rows, key=lambda row: row.number)[:size]


def _room(tx: Transaction, plan_id: str) -> dict[str, int]:
    """For each target that rows wait for and that is not held: how many more may be under way."""
    waiting = select(replay_totals.c.target).where(
        replay_totals.c.plan_id == plan_id, replay_totals.c.state == WAITING, replay_totals.c.count > 0
    )
    held = select(systems.c.name).where(systems.c.paused | (systems.c.open_until > tx.now))
    targets = set(tx.connection.execute(waiting).scalars()) - set(tx.connection.execute(held).scalars())
    going = select(replay_rows.c.target, func.count().label("number")).where(
        replay_rows.c.plan_id == plan_id,
        replay_rows.c.state == RELEASED,
        replay_rows.c.released_at > tx.now - STALLED,
    )
    taken = {row.target: row.number for row in tx.connection.execute(going.group_by(replay_rows.c.target))}
    room = {one: (BATCH if one else MESSAGES_AT_ONCE) - taken.get(one, 0) for one in sorted(targets)}
    return {target: left for target, left in room.items() if left > 0}


def _locked_effects(tx: Transaction, ids: list[str]) -> dict[str, Any]:
    """Effects with their keys, held; those that another transaction holds are left out."""
    if not ids:
        return {}
    query = (
        select(effects, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.message_id == effects.c.key_id, isouter=True)
        .where(effects.c.id.in_(ids))
        .order_by(effects.c.id)
        .with_for_update(of=effects, skip_locked=True)
    )
    return {row.id: row for row in tx.connection.execute(query)}


def _judged(row: Any, effect: Any) -> _End:
    """The verdict of this moment decides, not that of the day on which the plan was made."""
    verdict = judge(effect)
    if verdict in RELEASED_BY_ITSELF or (verdict == DECIDE and row.decided_by):
        return _End(row, RELEASED)
    if verdict == SKIP:
        return _End(row, ALREADY, what=effect.state)
    if verdict == UNDER_WAY:
        return _End(row, ELSEWHERE, what=effect.state)
    return _End(row, ASIDE, effect.error, effect.reason)


def _ended(tx: Transaction, plan_id: str) -> list[_End]:
    query = (
        select(
            replay_rows,
            effects.c.state.label("effect_state"),
            effects.c.error.label("effect_error"),
            effects.c.reason.label("effect_reason"),
        )
        .join(effects, effects.c.id == replay_rows.c.subject)
        .where(
            replay_rows.c.plan_id == plan_id,
            replay_rows.c.state == RELEASED,
            effects.c.state.in_(sorted(_AFTER_RELEASE)),
        )
        .limit(BATCH)
    )
    return [
        _End(row, _AFTER_RELEASE[row.effect_state], row.effect_error, row.effect_reason)
        for row in tx.connection.execute(query)
    ]


def _left(tx: Transaction, plan_id: str) -> list[_End]:
    query = (
        select(replay_rows)
        .join(effects, effects.c.id == replay_rows.c.subject)
        .where(
            replay_rows.c.plan_id == plan_id,
            replay_rows.c.state == RELEASED,
            replay_rows.c.released_at <= tx.now - LONGEST,
            effects.c.state.not_in(sorted(_AFTER_RELEASE)),
        )
        .limit(BATCH)
    )
    return [_End(row, LEFT) for row in tx.connection.execute(query)]


def _write(tx: Transaction, plan: Any, ends: list[_End]) -> None:
    """The rows where they are now, and the counts of the plan with them."""
    totals = Totals(plan.id)
    for end in ends:
        totals.move(end.row, end.row.state, end.state)
    if ends:
        tx.connection.execute(_ROW_ENDS, [_end_values(tx, end) for end in ends])
    totals.write(tx)


def _end_values(tx: Transaction, end: _End) -> dict[str, Any]:
    return {
        "of_plan": end.row.plan_id,
        "of_number": end.row.number,
        "state": end.state,
        "released_at": tx.now if end.row.state == WAITING else end.row.released_at,
        "settled_at": None if end.state == RELEASED else tx.now,
        "error": end.error,
        "what": end.what[:500],
    }


def _move_on(tx: Transaction, plan: Any, ends: list[_End], operations: Operations) -> None:
    """Count, and see whether the canary or the whole plan is over."""
    let_go = [end for end in ends if end.row.state == WAITING]
    tried = sum(end.state in (RELEASED, APPLIED, FAILED) for end in let_go)
    arrived = sum(end.row.state == RELEASED for end in ends)
    in_flight = plan.in_flight + sum(end.state == RELEASED for end in let_go) - arrived
    values: dict[str, Any] = {
        "waiting": plan.waiting - len(let_go),
        "in_flight": in_flight,
        "released": plan.released + tried,
    }
    if plan.pace and (tried or not plan.paced_at):
        values["paced_at"] = _paced_from(tx, plan) + tried * MINUTE // plan.pace
    state = _next_state(plan, values)
    tx.connection.execute(
        update(replay_plans)
        .where(replay_plans.c.id == plan.id)
        .values(state=state, changed_at=tx.now if ends else plan.changed_at, **values)
    )
    if state != plan.state:
        _tell(tx, plan, state, operations)


def _next_state(plan: Any, values: dict[str, Any]) -> str:
    if plan.state == CANCELLED or values["in_flight"]:
        return str(plan.state)
    if not values["waiting"]:
        return DONE
    if plan.state == RUNNING and plan.canary and values["released"] >= plan.canary:
        return CANARY
    return str(plan.state)


def _tell(tx: Transaction, plan: Any, state: str, operations: Operations) -> None:
    if state == DONE:
        tx.connection.execute(
            update(replay_plans).where(replay_plans.c.id == plan.id).values(finished_at=tx.now)
        )
    action = "replay_finished" if state == DONE else "replay_canary_over"
    operations.audit_many(tx, [AuditEntry(SCHEDULER, action, plan.id, plan.reason)])


def _words(error: BaseException) -> str:
    return error.what if isinstance(error, HubError) else "it can't be decided again: see the technical log"


_ROW_ENDS = (
    update(replay_rows)
    .where(replay_rows.c.plan_id == bindparam("of_plan"), replay_rows.c.number == bindparam("of_number"))
    .values({name: bindparam(name) for name in ("state", "released_at", "settled_at", "error", "what")})
)
_DUE = UpdateRows(effects, "id", ("state", "deaths", "due_at", "handout_at"))
