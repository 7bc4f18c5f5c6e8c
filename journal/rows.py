"""Many rows in one call of the driver: statements written once, rows as plain values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table


@dataclass(frozen=True)
class InsertRows:
    """Rows for a table; `ignoring` leaves rows that are there already alone."""

    table: Table
    ignoring: bool = False

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows that all have the same columns, in the same order."""
        if rows:
            statement = _insert(self, tuple(rows[0]), connection.dialect.name)
            connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows])


@dataclass(frozen=True)
class PutRows:
    """Rows for a table that replace those with the same `key`; columns in `added` are added up instead."""

    table: Table
    key: tuple[str, ...]
    added: tuple[str, ...] = ()

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows that all have the same columns, in the same order."""
        if rows:
            statement = _put(self, tuple(rows[0]), connection.dialect.name)
            connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows])


@dataclass(frozen=True)
class UpdateRows:
    """New values for rows of a table, found by their `key` column."""

    table: Table
    key: str
    columns: tuple[str, ...]

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Set the columns of each row; rows may hold more than these."""
        if rows:
            wanted = (*self.columns, self.key)
            values = [tuple([row[name] for name in wanted]) for row in rows]
            connection.exec_driver_sql(_update(self, connection.dialect.name), values)


@cache
def _insert(what: InsertRows, columns: tuple[str, ...], dialect: str) -> str:
    values = ", ".join([_PLACE[dialect]] * len(columns))
    conflict = " ON CONFLICT DO NOTHING" if what.ignoring else ""
    return f'INSERT INTO "{what.table.name}" ({_quoted(columns)}) VALUES ({values}){conflict}'  # noqa: S608 - our own names


@cache
def _put(what: PutRows, columns: tuple[str, ...], dialect: str) -> str:
    name = what.table.name
    new = {column: f'excluded."{column}"' for column in columns if column not in what.key}
    new |= {column: f'"{name}"."{column}" + excluded."{column}"' for column in what.added}
    setting = ", ".join(f'"{column}" = {value}' for column, value in new.items())
    return f"{_insert(InsertRows(what.table), columns, dialect)} ON CONFLICT ({_quoted(what.key)}) DO UPDATE SET {setting}"


@cache
def _update(what: UpdateRows, dialect: str) -> str:
    place = _PLACE[dialect]
    setting = ", ".join(f'"{name}" = {place}' for name in what.columns)
    return f'UPDATE "{what.table.name}" SET {setting} WHERE "{what.key}" = {place}'  # noqa: S608 - our own names


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)


_PLACE = {"sqlite": "?", "postgresql": "%s"}
"""How each driver marks the place of a value."""
