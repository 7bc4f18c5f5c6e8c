"""Which cases are to be compared with an outside system next, and what came of it.

Every standing has a date for its next look; a case that is long closed has none.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, or_, select, update

from canonical_model.case import CaseRef
from canonical_model.decision import AGAIN
from canonical_model.public_status import PublicStatus
from canonical_model.standing import Standing
from canonical_model.status import CaseStatus
from journal.database import Transaction
from journal.instants import DAY, moment
from journal.schema import OPEN_STATUSES, cases, effects, incidents, standings

AFTERWARDS: Final = 14 * DAY
"""How long after its end a case is still compared."""
LOOK_AHEAD: Final = 2_000
"""How many cases one step of a walk along all of them looks at."""
AT_ONCE: Final = 200
"""How many standings one step puts on today's list."""
_UNFINISHED: Final = ("due", "claimed", "unknown", "parked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A case and how it should stand in a system, to be looked at since `compare_at` (microseconds).

    `busy`: something is under way there, so look later. `over`: nobody need look any more. `told_again`: what went
    there last was meant to heal a difference.
    """

    case: CaseRef
    status: CaseStatus
    standing: Standing
    compare_at: int
    busy: bool
    over: bool
    told_again: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedCase:
    """A case to be compared with the tracker; what is known of it dates from `changed_at` (UTC)."""

    case: CaseRef
    status: CaseStatus
    changed_at: datetime
    busy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedPage:
    """Some such cases; `after` is where the next page goes on, "" when there are no cases beyond."""

    rows: tuple[TrackedCase, ...]
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextLook:
    """When a standing is compared again (microseconds since 1970); None = never. `seen` is when it was to be compared."""

    case: CaseRef
    system: str
    seen: int
    at: int | None


def due(connection: Connection, now: int, settle: int, system: str, limit: int) -> tuple[Comparison, ...]:
    """Standings in a system whose time has come, the longest waiting first. `settle` (microseconds): news is left alone so long."""
    busy = _under_way(standings.c.case_ref, standings.c.system)
    last = (
        select(effects.c.key)
        .where(effects.c.case_ref == standings.c.case_ref, effects.c.target == standings.c.system)
        .order_by(effects.c.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(
            standings,
            cases.c.status,
            cases.c.changed_at,
            cases.c.card.is_(None).label("erased"),
            busy.label("busy"),
            last.label("last"),
        )
        .join(cases, cases.c.ref == standings.c.case_ref)
        .where(
            standings.c.compare_at.is_not(None),
            standings.c.compare_at <= now - settle,
            standings.c.system == system,
        )
        .order_by(standings.c.compare_at)
        .limit(limit)
    )
    return tuple(
        Comparison(
            case=CaseRef(row.case_ref),
            status=CaseStatus(row.status),
            standing=Standing(
                system=row.system,
                state=row.state,
                outside_id=row.outside_id,
                trip=row.trip,
                at=moment(row.at),
            ),
            compare_at=row.compare_at,
            busy=bool(row.busy),
            told_again=(row.last or "").rpartition("/")[2].startswith(AGAIN),
            over=_is_over(row, now),
        )
        for row in connection.execute(query)
    )


def _is_over(row: Any, now: int) -> bool:
    """Long closed; or erased, where only a board must still be seen to have forgotten it."""
    if row.erased and row.state != PublicStatus.WITHDRAWN:
        return True
    return row.status not in OPEN_STATUSES and row.changed_at < now - AFTERWARDS


def tracked_cases(connection: Connection, after: str, settled: int, limit: int) -> TrackedPage:
    """Cases that the tracker holds, by number, from after this one: open, or ended no longer ago than `AFTERWARDS`.

    Those that changed since `settled` (microseconds) are left alone. Long finished cases are most of all: no more
    than `LOOK_AHEAD` are looked at for one page.
    """
    ahead = select(cases.c.ref).where(cases.c.ref > after).order_by(cases.c.ref).limit(LOOK_AHEAD)
    last = connection.execute(select(func.max(ahead.subquery().c.ref))).scalar() or ""
    ours = _tracked(settled).where(cases.c.ref > after, cases.c.ref <= last)
    query = ours.order_by(cases.c.ref).limit(limit)
    rows = tuple(_tracked_case(row, settled) for row in connection.execute(query))
    return TrackedPage(rows=rows, after=rows[-1].case if len(rows) == limit else last)


def tracked_case(connection: Connection, ref: CaseRef, settled: int) -> TrackedCase | None:
    """The same about one case; None when it is long finished or gone."""
    row = connection.execute(_tracked(settled).where(cases.c.ref == ref)).one_or_none()
    return _tracked_case(row, settled) if row else None


def _under_way(case: ColumnElement[str], target: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether anything of a case is under way to a target.

    Asked row by row: PostgreSQL answers EXISTS here by reading all unfinished effects of all cases, LIMIT or not.
    """
    one = select(effects.c.id).where(
        effects.c.case_ref == case, effects.c.target == target, effects.c.state.in_(_UNFINISHED)
    )
    return one.limit(1).scalar_subquery().is_not(None)


def _tracked(settled: int) -> Select[Any, Any, Any, bool]:
    """An end that is erased as well is nothing to compare any more."""
    ended_lately = and_(cases.c.changed_at > settled - AFTERWARDS, cases.c.card.is_not(None))
    busy = _under_way(cases.c.ref, literal("tracker")).label("busy")
    return select(cases.c.ref, cases.c.status, cases.c.changed_at, busy).where(
        or_(cases.c.status.in_(OPEN_STATUSES), ended_lately), cases.c.tracker_id != ""
    )


def _tracked_case(row: Any, settled: int) -> TrackedCase:
    return TrackedCase(
        case=CaseRef(row.ref),
        status=CaseStatus(row.status),
        changed_at=moment(row.changed_at),
        busy=bool(row.busy) or row.changed_at > settled,
    )


def ended_incidents(connection: Connection, since: int) -> tuple[tuple[str, int], ...]:
    """Outages that ended since then: system and end, the oldest first."""
    query = (
        select(incidents.c.system, func.max(incidents.c.closed_at))
        .where(incidents.c.closed_at > since)
        .group_by(incidents.c.system)
        .order_by(func.max(incidents.c.closed_at))
    )
    return tuple((row[0], int(row[1])) for row in connection.execute(query))


def note_looks(tx: Transaction, looks: list[NextLook]) -> list[BaseException | None]:
    """Write down when to look again, unless there is news meanwhile: that has its own date."""
    for look in looks:
        tx.connection.execute(
            update(standings)
            .where(
                standings.c.case_ref == look.case,
                standings.c.system == look.system,
                standings.c.compare_at == look.seen,
            )
            .values(compare_at=look.at)
        )
    return [None] * len(looks)


def look_at_once(tx: Transaction, systems: list[str]) -> list[bool | BaseException]:
    """What is still compared with these systems is compared now, but for news: that must settle first.

    One step for each; whether there is more.
    """
    return [_look_at_once(tx, system) for system in systems]


def _look_at_once(tx: Transaction, system: str) -> bool:
    later = (
        select(standings.c.case_ref)
        .where(standings.c.system == system, standings.c.compare_at > tx.now)
        .limit(AT_ONCE)
    )
    changed = tx.connection.execute(
        update(standings)
        .where(standings.c.system == system, standings.c.case_ref.in_(later))
        .values(compare_at=0)
    )
    return int(changed.rowcount) == AT_ONCE
