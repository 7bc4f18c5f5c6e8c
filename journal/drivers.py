"""The database's own driver under a connection of SQLAlchemy, for the statements of the busiest path.

Each time anew, SQLAlchemy would spend more on such a statement than the database, and look up what the columns of every answer are.
"""

from typing import Any

from psycopg import RawCursor
from sqlalchemy import Connection

_CURSOR = "journal.cursor"


def driver(connection: Connection) -> Any:
    """What carries statements out, in a transaction: takes `execute` with the driver's own placeholders.

    They are `?` on SQLite, `$1`, `$2` and so on for PostgreSQL. Its errors come as they are, not as SQLAlchemy's.
    """
    if not connection.in_transaction():
        connection.begin()
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        return raw
    kept = connection.info  # lives as long as the driver's connection
    if _CURSOR not in kept:
        kept[_CURSOR] = RawCursor(raw)
    return kept[_CURSOR]
