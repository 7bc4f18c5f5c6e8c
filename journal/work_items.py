"""Work items: what the contact centre must look into, oldest first, until somebody says it is done."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select, tuple_

from journal.instants import micros, moment
from journal.schema import cases, work_items

PAGE: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRow:
    """Something to look into. `group` has the case; times are UTC, `closed_at` is None while it is open."""

    case_ref: str
    name: str
    what: str
    group: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str

    @property
    def key(self) -> str:
        """Where the next page goes on."""
        return f"{micros(self.opened_at)}/{self.case_ref}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """Oldest first. `newer` is the key of the next page, "" at the end."""

    rows: tuple[ItemRow, ...]
    newer: str = ""


_ITEMS = select(work_items, cases.c.handler_group).join(cases, cases.c.ref == work_items.c.case_ref)
_ORDER = (work_items.c.opened_at, work_items.c.case_ref, work_items.c.name)


def open_items(connection: Connection, *, after: str = "", size: int = PAGE) -> ItemPage:
    """What waits for somebody. `after` is the key of the last row of the page before; nonsense begins anew."""
    query = _ITEMS.where(work_items.c.closed_at.is_(None)).order_by(*_ORDER).limit(size + 1)
    at, _, rest = after.partition("/")
    if at.isascii() and at.isdecimal() and len(at) < 18:
        ref, _, name = rest.partition("/")
        query = query.where(tuple_(*_ORDER) > (int(at), ref, name))
    rows = tuple(_row(row) for row in connection.execute(query))
    return ItemPage(rows=rows[:size], newer=rows[size - 1].key if len(rows) > size else "")


def items_of(connection: Connection, ref: str) -> tuple[ItemRow, ...]:
    """All work items of a case, the oldest first, finished ones too."""
    query = _ITEMS.where(work_items.c.case_ref == ref).order_by(*_ORDER)
    return tuple(_row(row) for row in connection.execute(query))


def _row(row: Row[Any]) -> ItemRow:
    return ItemRow(
        case_ref=row.case_ref,
        name=row.name,
        what=row.what,
        group=row.handler_group,
        opened_at=moment(row.opened_at),
        closed_at=moment(row.closed_at) if row.closed_at else None,
        closed_by=row.closed_by,
    )
