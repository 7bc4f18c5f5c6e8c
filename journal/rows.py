"""Many rows in few calls of the driver.

SQLite's driver lets go of Python's global lock for every single row, and has to wait for it again while the
event loop is busy. So on SQLite rows go in by the dozen, as one statement; PostgreSQL's driver sends many
statements in one go by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

_DOZENS = (48, 12, 3, 1)
"""Rows per statement: few sizes, so that the driver finds its prepared statements again."""


@dataclass(frozen=True)
class InsertRows:
    """Rows for a table; `ignoring` leaves rows that are there already alone."""

    table: Table
    ignoring: bool = False

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows that all have the same columns."""
        if not rows:
            return
        columns = tuple(rows[0])
        if connection.dialect.name == "sqlite":
            for dozen in _dozens(rows):
                values = tuple(row[name] for row in dozen for name in columns)
                connection.exec_driver_sql(_insert(self, columns, len(dozen)), values)
        else:
            connection.exec_driver_sql(_insert_one(self, columns), list(rows))


@dataclass(frozen=True)
class UpdateRows:
    """New values for rows of a table, found by their `key` column."""

    table: Table
    key: str
    columns: tuple[str, ...]

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Set the columns of each row; rows may hold more than these."""
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            for dozen in _dozens(rows):
                values = tuple(row[name] for row in dozen for name in (self.key, *self.columns))
                connection.exec_driver_sql(_update(self, len(dozen)), values)
        else:
            wanted = (self.key, *self.columns)
            named = [{name: row[name] for name in wanted} for row in rows]
            connection.exec_driver_sql(_update_one(self), named)


def _dozens(rows: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    start = 0
    while start < len(rows):
        size = next(size for size in _DOZENS if size <= len(rows) - start)
        yield rows[start : start + size]
        start += size


@cache
def _insert(what: InsertRows, columns: tuple[str, ...], rows: int) -> str:
    one = f"({', '.join('?' * len(columns))})"
    return f"{_into(what, columns)} VALUES {', '.join([one] * rows)}{_conflict(what)}"


@cache
def _insert_one(what: InsertRows, columns: tuple[str, ...]) -> str:
    return f"{_into(what, columns)} VALUES ({', '.join(f'%({name})s' for name in columns)}){_conflict(what)}"


def _into(what: InsertRows, columns: tuple[str, ...]) -> str:
    return f'INSERT INTO "{what.table.name}" ({", ".join(_quoted(columns))})'


def _conflict(what: InsertRows) -> str:
    return " ON CONFLICT DO NOTHING" if what.ignoring else ""


@cache
def _update(what: UpdateRows, rows: int) -> str:
    """`column1` is SQLite's name for the first value of a row, and so on."""
    one = f"({', '.join('?' * (1 + len(what.columns)))})"
    setting = ", ".join(f'"{name}" = v.column{at}' for at, name in enumerate(what.columns, 2))
    table = what.table.name
    return (
        f'UPDATE "{table}" SET {setting} FROM (VALUES {", ".join([one] * rows)}) AS v '  # noqa: S608 - our own names
        f'WHERE "{table}"."{what.key}" = v.column1'
    )


@cache
def _update_one(what: UpdateRows) -> str:
    setting = ", ".join(f'"{name}" = %({name})s' for name in what.columns)
    return f'UPDATE "{what.table.name}" SET {setting} WHERE "{what.key}" = %({what.key})s'  # noqa: S608 - our own names


def _quoted(columns: tuple[str, ...]) -> Iterator[str]:
    return (f'"{name}"' for name in columns)
