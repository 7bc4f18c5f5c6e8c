"""The systems around the hub: how each one stands, and its outages."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from journal.instants import DAY, micros, moment, moment_or_none
from journal.reading.bounds import LOOK_BACK, PAGE
from journal.schema import effects, incidents, systems, target_tally

LATELY: Final = 30
"""Days after which nobody knows any more whether a target works, when nothing went there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """How one system stands. `waiting` stops at `MOST`; `state`: up, down, paused, or untried: nothing went there for `LATELY` days."""

    name: str
    state: str
    paused_by: str
    paused_reason: str
    failures: int
    open_until: datetime | None
    down_since: datetime | None
    last_ok_at: datetime | None
    last_error_at: datetime | None
    last_error: str
    waiting: int
    oldest_waiting: datetime | None

    @property
    def is_well(self) -> bool:
        """Nothing is known to be wrong."""
        return self.state in ("up", "untried")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One outage, from its first sign to its end."""

    id: str
    system: str
    kind: str
    what: str
    opened_at: datetime
    closed_at: datetime | None
    waiting: int = 0


def systems_board(connection: Connection, now: datetime) -> tuple[SystemRow, ...]:
    """Every target, with what waits for it."""
    tried, waiting = _tried_lately(connection, now), _waiting_per_target(connection)
    return tuple(
        replace(row, state="untried")
        if row.state == "up" and not row.last_ok_at and row.name not in tried
        else row
        for row in _systems(connection, waiting=waiting, now=now)
    )


def _tried_lately(connection: Connection, now: datetime) -> frozenset[str]:
    """Targets at which something came to an end that was written down in the last days."""
    ended = select(target_tally.c.target).where(
        target_tally.c.day > micros(now) // DAY - LATELY,
        target_tally.c.state.in_(("applied", "parked", "skipped")),
        target_tally.c.count > 0,
    )
    return frozenset(connection.execute(ended.distinct()).scalars())


def systems_by_name(connection: Connection) -> dict[str, SystemRow]:
    """Every target that is known, without what waits for it and without what its circuit breaker holds."""
    return {row.name: row for row in _systems(connection)}


def recent_incidents(connection: Connection, *, size: int = PAGE) -> tuple[IncidentRow, ...]:
    """The newest outages, open ones first, each with how much waits for its system now."""
    rows = connection.execute(select(incidents).order_by(incidents.c.opened_at.desc()).limit(size)).all()
    waiting = _waiting_per_target(connection) if any(row.closed_at is None for row in rows) else {}
    found = [
        IncidentRow(
            id=row.id,
            system=row.system,
            kind=row.kind,
            what=row.what,
            opened_at=moment(row.opened_at),
            closed_at=moment_or_none(row.closed_at),
            waiting=waiting.get(row.system, (0, None))[0] if row.closed_at is None else 0,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda incident: incident.closed_at is not None))


def _waiting_per_target(connection: Connection) -> dict[str, tuple[int, int | None]]:
    """Per target: how many effects are on their way, and since when the oldest is. Looks at `LOOK_BACK`."""
    recent = (
        select(effects.c.target, effects.c.created_at)
        .where(effects.c.handout_at.is_not(None))
        .order_by(effects.c.bulk, effects.c.handout_at)
        .limit(LOOK_BACK)
        .subquery("recent")
    )
    rows = connection.execute(
        select(
            recent.c.target, func.count().label("number"), func.min(recent.c.created_at).label("oldest")
        ).group_by(recent.c.target)
    )
    return {row.target: (row.number, row.oldest) for row in rows}


def _systems(
    connection: Connection,
    *,
    waiting: dict[str, tuple[int, int | None]] | None = None,
    now: datetime | None = None,
) -> tuple[SystemRow, ...]:
    since = incidents.c.opened_at.label("down_since")
    rows = connection.execute(
        select(systems, since, incidents.c.closed_at)
        .outerjoin(incidents, incidents.c.id == systems.c.incident_id)
        .order_by(systems.c.name)
    ).all()
    counts = waiting or {}
    known = tuple(_system_row(row, counts.get(row.name, (0, None)), now) for row in rows)
    silent = sorted(counts.keys() - {row.name for row in known})
    return known + tuple(_silent_system(name, counts[name]) for name in silent)


def _system_row(row: Row[Any], waiting: tuple[int, int | None], now: datetime | None) -> SystemRow:
    down = row.incident_id is not None and row.closed_at is None
    broken = now is not None and row.open_until > micros(now)
    return SystemRow(
        name=row.name,
        state="paused" if row.paused else "down" if down or broken else "up",
        paused_by=row.paused_by,
        paused_reason=row.paused_reason,
        failures=row.failures,
        open_until=moment_or_none(row.open_until),
        down_since=moment_or_none(row.down_since) if down else None,
        last_ok_at=moment_or_none(row.last_ok_at),
        last_error_at=moment_or_none(row.last_error_at),
        last_error=row.last_error,
        waiting=waiting[0],
        oldest_waiting=moment_or_none(waiting[1]),
    )


def _silent_system(name: str, waiting: tuple[int, int | None]) -> SystemRow:
    return SystemRow(
        name=name,
        state="up",
        paused_by="",
        paused_reason="",
        failures=0,
        open_until=None,
        down_since=None,
        last_ok_at=None,
        last_error_at=None,
        last_error="",
        waiting=waiting[0],
        oldest_waiting=moment_or_none(waiting[1]),
    )
