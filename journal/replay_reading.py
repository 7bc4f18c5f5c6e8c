"""What people see of replay plans: lists, one plan with its totals, and its rows page by page."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, or_, select

from journal.instants import moment
from journal.replay_ledger import (
    ASIDE,
    CANCELLED,
    DONE,
    FREEZING,
    RELEASED,
    RUNNING,
    WAITING,
    Selection,
)
from journal.schema import replay_plans, replay_rows, replay_totals
from journal.verdicts import DECIDE

PAGE: Final = 50
OVER: Final = frozenset({DONE, CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalRow:
    """So many rows of a plan are alike. `citizen`: a citizen would get it, as a mail or a notice."""

    target: str
    action: str
    verdict: str
    citizen: bool
    state: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan. `pace` in rows per minute, 0 = no limit; `citizens`: mails and notices to citizens among what is to be sent."""

    id: str
    made_at: datetime
    made_by: str
    reason: str
    selection: Selection
    state: str
    rows: int
    waiting: int
    in_flight: int
    released: int
    citizens: int
    canary: int
    pace: int
    approved_by: str
    started_by: str
    note: str
    changed_at: datetime
    finished_at: datetime | None

    @property
    def over(self) -> bool:
        """Nothing more will happen by this plan."""
        return self.state in OVER

    @property
    def needs_approval(self) -> bool:
        """A second person must agree before it can start."""
        return bool(self.citizens) and not self.approved_by and not self.over


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanView:
    """A plan with its totals."""

    plan: PlanRow
    totals: tuple[TotalRow, ...]

    def sums(self, *names: str) -> dict[tuple[Any, ...], int]:
        """Counts by these fields of a total, only what is there."""
        counted: Counter[tuple[Any, ...]] = Counter()
        for total in self.totals:
            counted[tuple(getattr(total, name) for name in names)] += total.count
        return {key: count for key, count in sorted(counted.items()) if count}

    @property
    def finished(self) -> int:
        """Rows that were to be sent and whose end is known, however they ended."""
        return sum(one.count for one in self.totals if one.state not in (WAITING, RELEASED, ASIDE))

    @property
    def to_decide(self) -> int:
        """Rows that wait for a person's decision."""
        return sum(one.count for one in self.totals if one.verdict == DECIDE and one.state == ASIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRow:
    """One row of a plan, with its verdict and what came of it. `kind` is effect or message."""

    number: int
    kind: str
    subject: str
    case_ref: str
    target: str
    action: str
    verdict: str
    citizen: bool
    state: str
    decided_by: str
    released_at: datetime | None
    settled_at: datetime | None
    error: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """Rows in order; `after` gets the next page, 0 = there is none."""

    rows: tuple[ReplayRow, ...]
    after: int


@dataclass(frozen=True, slots=True)
class ActivePlan:
    """A plan that the scheduler has something to do for."""

    id: str
    state: str
    in_flight: int


def active_plans(connection: Connection) -> tuple[ActivePlan, ...]:
    """Plans being frozen, carried out, or with rows under way, the oldest first."""
    query = (
        select(replay_plans.c.id, replay_plans.c.state, replay_plans.c.in_flight)
        .where(or_(replay_plans.c.state.in_((FREEZING, RUNNING)), replay_plans.c.in_flight > 0))
        .order_by(replay_plans.c.id)
    )
    return tuple(ActivePlan(row.id, row.state, row.in_flight) for row in connection.execute(query))


def newest_plans(connection: Connection, *, before: str = "", size: int = PAGE) -> tuple[PlanRow, ...]:
    """Plans, the newest first; `before` an id gets the next page."""
    query = select(replay_plans).order_by(replay_plans.c.id.desc()).limit(size)
    if before:
        query = query.where(replay_plans.c.id < before)
    return tuple(_plan(row) for row in connection.execute(query))


def one_plan(connection: Connection, plan_id: str) -> PlanView | None:
    """A plan with its totals; None when there is none."""
    row = connection.execute(select(replay_plans).where(replay_plans.c.id == plan_id)).one_or_none()
    if row is None:
        return None
    names = ("target", "action", "verdict", "citizen", "state")
    number = replay_totals.c.count.label("number")  # a row has a method called count
    query = select(replay_totals, number).where(replay_totals.c.plan_id == plan_id, replay_totals.c.count > 0)
    totals = tuple(
        TotalRow(
            target=one.target,
            action=one.action,
            verdict=one.verdict,
            citizen=one.citizen,
            state=one.state,
            count=one.number,
        )
        for one in connection.execute(query.order_by(*(replay_totals.c[name] for name in names)))
    )
    return PlanView(plan=_plan(row), totals=totals)


def plan_rows(
    connection: Connection,
    plan_id: str,
    *,
    after: int = 0,
    verdict: str = "",
    state: str = "",
    size: int = PAGE,
) -> RowPage:
    """Rows of a plan behind number `after`, of one verdict or state when that is named."""
    query = select(replay_rows).where(replay_rows.c.plan_id == plan_id, replay_rows.c.number > after)
    if verdict:
        query = query.where(replay_rows.c.verdict == verdict)
    if state:
        query = query.where(replay_rows.c.state == state)
    found = connection.execute(query.order_by(replay_rows.c.number).limit(size + 1)).all()
    rows = tuple(_row(row) for row in found[:size])
    return RowPage(rows=rows, after=rows[-1].number if len(found) > size else 0)


def _plan(row: Any) -> PlanRow:
    return PlanRow(
        id=row.id,
        made_at=moment(row.made_at),
        made_by=row.made_by,
        reason=row.reason,
        selection=msgspec.json.decode(row.selection, type=Selection),
        state=row.state,
        rows=row.row_count,
        waiting=row.waiting,
        in_flight=row.in_flight,
        released=row.released,
        citizens=row.citizens,
        canary=row.canary,
        pace=row.pace,
        approved_by=row.approved_by,
        started_by=row.started_by,
        note=row.note,
        changed_at=moment(row.changed_at),
        finished_at=moment(row.finished_at) if row.finished_at else None,
    )


def _row(row: Any) -> ReplayRow:
    return ReplayRow(
        number=row.number,
        kind=row.kind,
        subject=row.subject,
        case_ref=row.case_ref,
        target=row.target,
        action=row.action,
        verdict=row.verdict,
        citizen=row.citizen,
        state=row.state,
        decided_by=row.decided_by,
        released_at=moment(row.released_at) if row.released_at else None,
        settled_at=moment(row.settled_at) if row.settled_at else None,
        error=row.error,
        what=row.what,
    )
