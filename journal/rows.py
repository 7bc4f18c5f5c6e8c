"""Many rows in one go: statements written once, rows as plain values.

SQLite's driver runs one statement for each row in a loop of its own. To PostgreSQL the rows go as one JSON document,
so that the server parses, plans and answers once for all of them; arrays, one per column, cost both sides several
times as much (docs/decisions/0013). Their bytes go in one piece beside it, and each row tells where its own lie.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from operator import itemgetter
from typing import Any, TypeAlias, cast

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, astuple
from sqlalchemy import Column, Connection, Dialect, LargeBinary, Table
from sqlalchemy.dialects import postgresql

from journal.drivers import driver

_POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
_json = msgspec.json.Encoder().encode

Row: TypeAlias = "dict[str, Any] | Struct"
Rows: TypeAlias = "Sequence[dict[str, Any]] | Sequence[Struct]"
"""Rows of one kind: the same columns in the same order in each. What is written for every message is a Struct."""


@dataclass(frozen=True)
class InsertRows:
    """Rows for a table; `ignoring` leaves rows that are there already alone."""

    table: Table
    ignoring: bool = False

    def run(self, connection: Connection, rows: Rows) -> None:
        """Insert rows that all have the same columns, in the same order."""
        if rows:
            columns = self.sent(rows[0])
            _send(connection, self.table, _insert(self, columns, connection.dialect.name), rows, columns)

    def sent(self, row: Row) -> tuple[str, ...]:
        """The columns of a row that are sent."""
        return _columns(row)


@dataclass(frozen=True)
class PutRows:
    """Rows for a table that replace those with the same `key`; columns in `added` are added up instead."""

    table: Table
    key: tuple[str, ...]
    added: tuple[str, ...] = ()

    def run(self, connection: Connection, rows: Rows) -> None:
        """Write rows that all have the same columns, in the same order, and each key once."""
        if rows:
            columns = self.sent(rows[0])
            _send(connection, self.table, _put(self, columns, connection.dialect.name), rows, columns)

    def sent(self, row: Row) -> tuple[str, ...]:
        """The columns of a row that are sent."""
        return _columns(row)


@dataclass(frozen=True)
class UpdateRows:
    """New values for rows of a table, found by their `key` column."""

    table: Table
    key: str
    columns: tuple[str, ...]

    def run(self, connection: Connection, rows: Rows) -> None:
        """Set the columns of each row; rows may hold more than these."""
        if rows:
            columns = self.sent(rows[0])
            _send(connection, self.table, _update(self, connection.dialect.name), rows, columns)

    def sent(self, _row: Row) -> tuple[str, ...]:
        """The columns of a row that are sent; a Struct has these only, in this order."""
        return (*self.columns, self.key)


Write: TypeAlias = "tuple[InsertRows | PutRows | UpdateRows, Rows]"


def write_together(connection: Connection, writes: Iterable[Write]) -> None:
    """Rows for several tables, each row once. PostgreSQL gets them as one statement: each costs a turn to it and back."""
    wanted = [(what, what.sent(rows[0]), rows) for what, rows in writes if rows]
    if connection.dialect.name == "sqlite":
        for what, _, rows in wanted:
            what.run(connection, rows)
    elif wanted:
        statement = _together(tuple((what, columns) for what, columns, _ in wanted))
        parameters = [_as_document(what.table, columns, rows) for what, columns, rows in wanted]
        driver(connection).execute(statement, tuple(chain.from_iterable(parameters)))


def _send(
    connection: Connection,
    table: Table,
    statement: str,
    rows: Rows,
    columns: tuple[str, ...],
) -> None:
    if connection.dialect.name == "sqlite":
        driver(connection).executemany(statement, map(_values(rows[0], columns), rows))
    else:
        driver(connection).execute(_numbered(statement), _as_document(table, columns, rows))


def _as_document(table: Table, columns: tuple[str, ...], rows: Rows) -> tuple[str] | tuple[str, bytearray]:
    """The rows as JSON; with it, when there are columns of bytes, all their bytes in one piece."""
    sealed = _columns_of_bytes(table, columns)
    if not sealed:
        return (_json(rows).decode(),)
    heap = bytearray()
    told: list[dict[str, Any]] = []
    for row in map(_by_name, rows):
        places: dict[str, int | None] = {}
        for name in sealed:
            data = row[name]
            places[name] = None if data is None else len(heap) + 1
            places[f"{name}_size"] = len(data or b"")
            heap += data or b""
        told.append(row | places)
    return _json(told).decode(), heap


def _columns(row: Row) -> tuple[str, ...]:
    return row.__struct_fields__ if isinstance(row, Struct) else tuple(row)


def _values(row: Row, columns: tuple[str, ...]) -> Callable[[Any], Any]:
    return astuple if isinstance(row, Struct) else cast("Callable[[Any], Any]", itemgetter(*columns))


def _by_name(row: Row) -> dict[str, Any]:
    return asdict(row) if isinstance(row, Struct) else row


@cache
def _columns_of_bytes(table: Table, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in columns if isinstance(table.c[name].type, LargeBinary))


@cache
def _together(writes: tuple[tuple[InsertRows | PutRows | UpdateRows, tuple[str, ...]], ...]) -> str:
    """PostgreSQL carries out each part, whether or not anything asks for its result."""
    parts = [_part(what, columns) for what, columns in writes]
    steps = ", ".join(f"part{number} AS ({part})" for number, part in enumerate(parts))
    return _numbered(f"WITH {steps} SELECT")


@cache
def _numbered(statement: str) -> str:
    """With PostgreSQL's placeholders."""
    numbers = count(1)
    return re.sub(r"\?", lambda _: f"${next(numbers)}", statement)


def _part(what: InsertRows | PutRows | UpdateRows, columns: tuple[str, ...]) -> str:
    match what:
        case InsertRows():
            return _insert(what, columns, "postgresql")
        case PutRows():
            return _put(what, columns, "postgresql")
        case UpdateRows():
            return _update(what, "postgresql")


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
    setting = ", ".join(f'"{column}" = {_value(what.table.c[column])}' for column in what.columns)
    rows = _recordset(what.table, columns)
    return f'UPDATE "{name}" SET {setting} FROM {rows} WHERE "{name}"."{what.key}" = new."{what.key}"'  # noqa: S608


def _into(table: Table, columns: tuple[str, ...], dialect: str) -> str:
    into = f'INSERT INTO "{table.name}" ({_quoted(columns)})'
    if dialect == "sqlite":
        return f"{into} VALUES ({', '.join('?' * len(columns))})"
    values = ", ".join(_value(table.c[name]) for name in columns)
    return f"{into} SELECT {values} FROM {_recordset(table, columns)}"  # noqa: S608 - our own names


def _recordset(table: Table, columns: tuple[str, ...]) -> str:
    """The rows of a JSON document as a table `new` with these columns, beside it a `heap` of their bytes."""
    typed = ", ".join(_typed(table.c[name]) for name in columns)
    rows = f"json_to_recordset(?::json) AS new({typed})"
    return f"{rows}, (SELECT ?::bytea) AS heap(bytes)" if _columns_of_bytes(table, columns) else rows


def _typed(column: Column[Any]) -> str:
    if isinstance(column.type, LargeBinary):
        return f'"{column.name}" integer, "{column.name}_size" integer'
    return f'"{column.name}" {column.type.compile(_POSTGRESQL)}'


def _value(column: Column[Any]) -> str:
    """A column of `new` as this column wants it: of bytes it tells where they begin and how many there are."""
    name = f'new."{column.name}"'
    if isinstance(column.type, LargeBinary):
        return f'substring(heap.bytes, {name}, new."{column.name}_size")'
    return name


def _quoted(columns: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in columns)
