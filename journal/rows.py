"""Many rows in one go: statements written once, rows as plain values.

SQLite's driver runs one statement for each row in a loop of its own. To PostgreSQL the rows go as one array per column,
so that the server parses, plans and answers once for all of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql

_POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class InsertRows:
    """Rows for a table; `ignoring` leaves rows that are there already alone."""

    table: Table
    ignoring: bool = False

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows that all have the same columns, in the same order."""
        if rows:
            columns = tuple(rows[0])
            _send(connection, _insert(self, columns, connection.dialect.name), rows, columns)


@dataclass(frozen=True)
class PutRows:
    """Rows for a table that replace those with the same `key`; columns in `added` are added up instead."""

    table: Table
    key: tuple[str, ...]
    added: tuple[str, ...] = ()

    def run(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows that all have the same columns, in the same order, and each key once."""
        if rows:
            columns = tuple(rows[0])
            _send(connection, _put(self, columns, connection.dialect.name), rows, columns)


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
            _send(connection, _update(self, connection.dialect.name), rows, wanted)


def _send(
    connection: Connection, statement: str, rows: Sequence[dict[str, Any]], columns: tuple[str, ...]
) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement, [tuple([row[name] for name in columns]) for row in rows])
    else:
        connection.exec_driver_sql(statement, tuple([[row[name] for row in rows] for name in columns]))


@cache
def _insert(what: InsertRows, columns: tuple[str, ...], dialect: str) -> str:
    conflict = " ON CONFLICT DO NOTHING" if what.ignoring else ""
    return f"{_into(what.table, columns, dialect)}{conflict}"


@cache
def _put(what: PutRows, columns: tuple[str, ...], dialect: str) -> str:
    name = what.table.name
    new = {column: f'excluded."{column}"' for column in columns if column not in what.key}
    new |= {column: f'"{name}"."{column}" + excluded."{column}"' for column in what.added}
    setting = ", ".join(f'"{column}" = {value}' for column, value in new.items())
    conflict = f" ON CONFLICT ({_quoted(what.key)}) DO UPDATE SET {setting}"
    return f"{_into(what.table, columns, dialect)}{conflict}"


@cache
def _update(what: UpdateRows, dialect: str) -> str:
    name = what.table.name
    if dialect == "sqlite":
        setting = ", ".join(f'"{column}" = ?' for column in what.columns)
        return f'UPDATE "{name}" SET {setting} WHERE "{what.key}" = ?'  # noqa: S608 - our own names
    columns = (*what.columns, what.key)
    setting = ", ".join(f'"{column}" = new."{column}"' for column in what.columns)
    rows = f"{_unnested(what.table, columns)} AS new({_quoted(columns)})"
    return f'UPDATE "{name}" SET {setting} FROM {rows} WHERE "{name}"."{what.key}" = new."{what.key}"'  # noqa: S608


def _into(table: Table, columns: tuple[str, ...], dialect: str) -> str:
    into = f'INSERT INTO "{table.name}" ({_quoted(columns)})'
    if dialect == "sqlite":
        return f"{into} VALUES ({', '.join('?' * len(columns))})"
    return f"{into} SELECT * FROM {_unnested(table, columns)} WHERE true"  # noqa: S608 - our own names


def _unnested(table: Table, columns: tuple[str, ...]) -> str:
    """One array per column, of the column's own type."""
    types = [table.c[name].type.compile(_POSTGRESQL) for name in columns]
    return f"unnest({', '.join(f'%s::{type_}[]' for type_ in types)})"


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
