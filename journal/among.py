"""`column IN (many values)` with one value that holds them all, so that the statement is always the same text.

With a placeholder for each value it would be another statement for each length: compiled, parsed and planned anew.
"""

from collections.abc import Iterable
from typing import Any, cast

import msgspec
from sqlalchemy import ColumnElement, Dialect, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine


def among(column: ColumnElement[str], name: str) -> ColumnElement[bool]:
    """Whether the column's text is one of those given as parameter `name`."""
    return _Among(column, bindparam(name, type_=_Texts()))


class _Texts(TypeDecorator[Iterable[str]]):
    """Many texts as one: a JSON array."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Iterable[str] | None, dialect: Dialect) -> str:
        return msgspec.json.encode(list(value or ())).decode()


class _Among(FunctionElement[bool]):
    """Without a type: as a Boolean, SQLAlchemy would ask SQLite whether it "= 1", and no index could answer that."""

    name = "among"
    type = cast("TypeEngine[bool]", NullType())
    inherit_cache = True


@compiles(_Among, "postgresql")
def _any(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(cast("Any", one), **options) for one in element.clauses)
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text(CAST({texts} AS json))))"


@compiles(_Among, "sqlite")
def _each(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, texts = (compiler.process(cast("Any", one), **options) for one in element.clauses)
    return f"{column} IN (SELECT CAST(value AS TEXT) FROM json_each({texts}))"  # noqa: S608 - compiled pieces, values stay apart
