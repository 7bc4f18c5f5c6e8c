"""What the busiest path asks: SQLAlchemy words a question once, and SQLite's driver gets it as it is.

Each time anew, SQLAlchemy would spend more on such a question than SQLite on its answer, while everybody waits for the turn to end.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Dialect, Select
from sqlalchemy.dialects import sqlite

from journal.rows import sqlite_driver

_SQLITE: Final[Dialect] = sqlite.dialect(paramstyle="qmark")


class _Worded(NamedTuple):
    """The text, what stands in it for ever, and by name what goes where its question marks are, as their types send it."""

    text: str
    always: dict[str, Any]
    places: tuple[tuple[str, Callable[[Any], Any] | None], ...]


class Question:
    """A question with named values. Its rows are plain: truth values may be 0 and 1."""

    def __init__(self, statement: Select[*tuple[Any, ...]]) -> None:
        self.statement = statement

    def ask(self, connection: Connection, **values: Any) -> list[tuple[Any, ...]]:
        """All rows of the answer."""
        if connection.dialect.name != "sqlite":
            return [tuple(row) for row in connection.execute(self.statement, values)]
        text, always, places = self._worded
        values |= always
        given = [sent(values[name]) if sent else values[name] for name, sent in places]
        rows: list[tuple[Any, ...]] = sqlite_driver(connection).execute(text, given).fetchall()
        return rows

    @cached_property
    def _worded(self) -> _Worded:
        compiled = self.statement.compile(dialect=_SQLITE)
        binds = [(name, compiled.binds[name]) for name in compiled.positiontup or ()]
        return _Worded(
            text=str(compiled),
            always={name: compiled.params[name] for name, bind in binds if not bind.required},
            places=tuple(
                (name, bind.type.dialect_impl(_SQLITE).bind_processor(_SQLITE)) for name, bind in binds
            ),
        )
