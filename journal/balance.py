"""The daily balance sheet: everything that came in, and every effect written down, is accounted for.

Read from the tallies that are kept with each change, in the same transaction; never counted over messages or
effects. Days are in UTC: the day on which a message was received, or an effect written down.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from journal.instants import DAY, micros
from journal.schema import tally, target_tally

DAYS: Final = 14
"""How many days a sheet shows."""

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceDay:
    """One day of one source: what it handed over, and what became of it."""

    day: date
    source: str
    received: int
    done: int
    waiting: int
    parked: int
    quarantined: int
    dropped: int

    @property
    def difference(self) -> int:
        """What is not accounted for: 0, or something is lost."""
        return self.received - self.done - self.waiting - self.parked - self.quarantined - self.dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetDay:
    """One day of one target: the effects written down for it, and what became of them. `skipped`: given up."""

    day: date
    target: str
    written: int
    applied: int
    waiting: int
    parked: int
    skipped: int

    @property
    def difference(self) -> int:
        """What is not accounted for: 0, or something is lost."""
        return self.written - self.applied - self.waiting - self.parked - self.skipped


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSheet:
    """Newest day first, then by name."""

    sources: tuple[SourceDay, ...]
    targets: tuple[TargetDay, ...]

    @property
    def difference(self) -> int:
        """How many messages and effects are not accounted for."""
        return sum(abs(row.difference) for row in self.sources) + sum(
            abs(row.difference) for row in self.targets
        )


def balance_sheet(connection: Connection, now: datetime, *, day: date | None = None) -> BalanceSheet:
    """The sheet of one day, or of the last `DAYS` days."""
    return BalanceSheet(
        sources=tuple(
            SourceDay(
                day=on,
                source=name,
                received=counts["received"],
                done=counts["done"],
                waiting=counts["waiting"],
                parked=counts["parked"],
                quarantined=counts["quarantined"],
                dropped=counts["dropped"],
            )
            for (on, name), counts in _counted(connection, tally, tally.c.source, now, day).items()
        ),
        targets=tuple(
            TargetDay(
                day=on,
                target=name,
                written=counts["written"],
                applied=counts["applied"],
                waiting=counts["waiting"],
                parked=counts["parked"],
                skipped=counts["skipped"],
            )
            for (on, name), counts in _counted(
                connection, target_tally, target_tally.c.target, now, day
            ).items()
        ),
    )


def _counted(
    connection: Connection, table: Any, name: ColumnElement[str], now: datetime, day: date | None
) -> Mapping[tuple[date, str], Counter[str]]:
    today = micros(now) // DAY
    first, last = ((day - _EPOCH).days,) * 2 if day else (today - DAYS + 1, today)
    rows = connection.execute(
        select(table.c.day, name.label("name"), table.c.state, func.sum(table.c.count).label("number"))
        .where(table.c.day >= first, table.c.day <= last)
        .group_by(table.c.day, name, table.c.state)
    ).all()
    sheet: dict[tuple[date, str], Counter[str]] = defaultdict(Counter)
    for row in sorted(rows, key=lambda row: (-row.day, row.name)):
        sheet[_EPOCH + timedelta(days=row.day), row.name][row.state] += int(row.number)
    return sheet
