"""What a monitor asks of the journal, small enough to be asked every few seconds.

What waits is read from the tallies of the balance; nothing here counts messages or effects. The age of what
waits longest is looked for among the `LOOK_BACK` effects whose turn comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from journal.balance import balance_sheet
from journal.instants import DAY, micros
from journal.reading.bounds import LOOK_BACK
from journal.schema import effects, leases, systems, tally, target_tally

LISTENERS: Final = "source/"
"""How the names of the leases of listeners begin."""
FAR_BACK: Final = 400 * DAY
"""How far back something may wait and still be seen."""

Standing = Mapping[tuple[str, ...], int]
"""How many, by name and state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemVitals:
    """How one system stands. `held`: its circuit breaker lets nothing through; `down`: in an incident."""

    name: str
    paused: bool
    held: bool
    down: bool
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Vitals:
    """The journal at one moment. Ages and lease times in seconds; a lease of nobody has 0 left.

    `messages`: waiting, parked, quarantined; `effects`: waiting, parked. `unaccounted`: of the last two weeks.
    """

    messages: Standing
    effects: Standing
    oldest_waiting: Mapping[str, float]
    systems: tuple[SystemVitals, ...]
    leases: Mapping[str, float]
    unaccounted: int


def vitals(connection: Connection, now: datetime) -> Vitals:
    """How the journal stands."""
    at = micros(now)
    return Vitals(
        messages=_standing(connection, tally, tally.c.source, ("waiting", "parked", "quarantined"), at),
        effects=_standing(connection, target_tally, target_tally.c.target, ("waiting", "parked"), at),
        oldest_waiting=_oldest_waiting(connection, at),
        systems=tuple(
            SystemVitals(
                name=row.name,
                paused=row.paused,
                held=row.open_until > at,
                down=row.incident_id is not None,
                failures=row.failures,
            )
            for row in connection.execute(select(systems).order_by(systems.c.name))
        ),
        leases={
            row.name.removeprefix(LISTENERS): max(0, row.until - at) / 1e6
            for row in connection.execute(
                select(leases).where(leases.c.name.startswith(LISTENERS)).order_by(leases.c.name)
            )
        },
        unaccounted=balance_sheet(connection, now).difference,
    )


def _standing(
    connection: Connection, table: Any, name: ColumnElement[str], states: tuple[str, ...], now: int
) -> Standing:
    rows = connection.execute(
        select(name.label("name"), table.c.state, func.sum(table.c.count).label("number"))
        .where(table.c.day >= (now - FAR_BACK) // DAY, table.c.state.in_(states))
        .group_by(name, table.c.state)
        .order_by(name, table.c.state)
    )
    return {(row.name, row.state): int(row.number) for row in rows}


def _oldest_waiting(connection: Connection, now: int) -> dict[str, float]:
    began = case((effects.c.attempts == 0, effects.c.due_at), else_=effects.c.created_at)
    first = (
        select(effects.c.target, began.label("began"))
        .where(effects.c.handout_at.is_not(None), or_(effects.c.attempts > 0, effects.c.due_at <= now))
        .order_by(effects.c.handout_at)
        .limit(LOOK_BACK)
        .subquery("recent")
    )
    rows = connection.execute(
        select(first.c.target, func.min(first.c.began).label("oldest")).group_by(first.c.target)
    )
    return {row.target: max(0, now - row.oldest) / 1e6 for row in rows}
