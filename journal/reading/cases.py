"""Cases as the hub's index knows them, and those that are past their promise."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, or_, select, text

from journal.instants import micros, moment, moment_or_none
from journal.reading.bounds import PAGE
from journal.schema import OPEN_CASE, OPEN_STATUSES, cases, effects

_OPEN_CASE: Final = text(OPEN_CASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """A case as the hub's index knows it. Times are UTC."""

    ref: str
    kind: str
    channel: str
    group: str
    status: str
    category: str
    area: str
    tracker_id: str
    opened_at: datetime
    changed_at: datetime
    due: datetime | None

    @property
    def open(self) -> bool:
        """Whether somebody still has to answer."""
        return self.status in OPEN_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCase:
    """An open case past its promise, and on which systems the hub itself still waits."""

    case: CaseRow
    waiting_on: tuple[str, ...]


def one_case(connection: Connection, ref: str) -> CaseRow | None:
    """The index entry of a case; None when there is no such case."""
    found = connection.execute(select(cases).where(cases.c.ref == ref)).one_or_none()
    return case_row(found) if found else None


def late_cases(connection: Connection, now: datetime, *, size: int = PAGE) -> tuple[LateCase, ...]:
    """Open cases past their promise, the longest first."""
    rows = connection.execute(
        select(cases).where(_OPEN_CASE, cases.c.due < micros(now)).order_by(cases.c.due).limit(size)
    ).all()
    found = tuple(map(case_row, rows))
    waiting: dict[str, set[str]] = defaultdict(set)
    if found:
        in_the_way = connection.execute(
            select(effects.c.case_ref, effects.c.target).where(
                effects.c.case_ref.in_([case.ref for case in found]),
                effects.c.state.not_in(("applied", "skipped")),
                or_(effects.c.due_at <= micros(now), effects.c.attempts > 0),
            )
        )
        for ref, target in in_the_way:
            waiting[ref].add(target)
    return tuple(LateCase(case=case, waiting_on=tuple(sorted(waiting[case.ref]))) for case in found)


def case_row(row: Row[Any]) -> CaseRow:
    """A row of the table of cases."""
    return CaseRow(
        ref=row.ref,
        kind=row.kind,
        channel=row.channel,
        group=row.handler_group,
        status=row.status,
        category=row.category,
        area=row.area,
        tracker_id=row.tracker_id,
        opened_at=moment(row.opened_at),
        changed_at=moment(row.changed_at),
        due=moment_or_none(row.due),
    )
