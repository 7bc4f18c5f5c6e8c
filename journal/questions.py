"""What the busiest path asks: SQLAlchemy words a question once, and the database's driver gets it as it is."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg

from journal.drivers import driver

_DIALECTS: Final[dict[str, Dialect]] = {
    "sqlite": sqlite.dialect(paramstyle="qmark"),
    "postgresql": psycopg.dialect(paramstyle="numeric_dollar"),  # type: ignore[no-untyped-call]
}


class _Worded(NamedTuple):
    """The text, what stands in it for ever, and by name what goes in its places, as their types send it."""

    text: str
    always: dict[str, Any]
    places: tuple[tuple[str, Callable[[Any], Any] | None], ...]


class Question:
    """A question with named values. Its rows are plain: truth values may be 0 and 1."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self.statement = statement
        self._worded: dict[str, _Worded] = {}

    def ask(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        dialect = connection.dialect.name
        if dialect not in self._worded:
            self._worded[dialect] = _worded(self.statement, _DIALECTS[dialect])
        text, always, places = self._worded[dialect]
        values |= always
        given = [sent(values[name]) if sent else values[name] for name, sent in places]
        rows: list[tuple[Any, ...]] = driver(connection).execute(text, given).fetchall()
        return rows


def _worded(statement: Select[*tuple[Any, ...]], dialect: Dialect) -> _Worded:
    compiled = statement.compile(dialect=dialect)
    binds = [(name, compiled.binds[name]) for name in compiled.positiontup or ()]
    return _Worded(
        text=str(compiled),
        always={name: compiled.params[name] for name, bind in binds if not bind.required},
        places=tuple((name, bind.type.dialect_impl(dialect).bind_processor(dialect)) for name, bind in binds),
    )
