"""First-line resolution: how many cases the contact centre answered while the customer was still there.

Only phone and counter count: there somebody of the city is with the customer. Mails and forms cannot be
answered at once, and their cases pay nothing for this figure: the index leaves them out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, case, func, select, text

from journal.instants import DAY, micros
from journal.schema import cases

GOAL: Final = 60
"""The city's goal, in percent."""
DAYS: Final = 14
_WITH_SOMEBODY: Final = text("channel IN ('counter', 'phone')")
"""Word for word the condition of the partial index: SQLite uses it only then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLine:
    """Cases of a day (UTC) and channel. `share` is in whole percent, rounded down; None without cases."""

    day: date | None
    channel: str
    cases: int
    at_once: int
    share: int | None


def first_line(connection: Connection, now: datetime, *, days: int = DAYS) -> tuple[FirstLine, ...]:
    """Per day and channel, the newest day first; days without such cases are left out."""
    day = (cases.c.opened_at // DAY).label("day")
    at_once = func.sum(case((cases.c.answered_at_once, 1), else_=0))
    rows = connection.execute(
        select(day, cases.c.channel, func.count().label("number"), at_once.label("at_once"))
        .where(_WITH_SOMEBODY, cases.c.opened_at >= (micros(now) // DAY - days + 1) * DAY)
        .group_by(day, cases.c.channel)
    ).all()
    found = [
        _line(date(1970, 1, 1) + timedelta(days=int(row.day)), row.channel, row.number, int(row.at_once))
        for row in rows
    ]
    return tuple(sorted(found, key=lambda line: (-line.day.toordinal() if line.day else 0, line.channel)))


def together(lines: Iterable[FirstLine]) -> FirstLine:
    """All days and channels as one."""
    given = tuple(lines)
    return _line(None, "", sum(line.cases for line in given), sum(line.at_once for line in given))


def _line(day: date | None, channel: str, number: int, at_once: int) -> FirstLine:
    share = at_once * 100 // number if number else None
    return FirstLine(day=day, channel=channel, cases=number, at_once=at_once, share=share)
