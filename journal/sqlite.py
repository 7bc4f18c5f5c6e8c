"""SQLite and its driver as the journal uses them, made ready before anybody connects.

The driver leaves two of SQLite's defaults as they are that cost a twentieth of what the journal does for a message (docs/decisions/0260).
"""

import ctypes
import sys
from importlib.util import find_spec
from typing import Final

import structlog
from pysqlite3 import dbapi2 as sqlite  # noqa: TID251 - here it is made ready

__all__ = ["SqliteError", "SqliteRefused", "library", "sqlite"]

log = structlog.get_logger()

SqliteError: type[Exception] = sqlite.Error  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
SqliteRefused: type[Exception] = sqlite.OperationalError  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
"""SQLite can't, as its own driver says it: which the busiest path asks directly."""

_PIECES: Final = 400
"""Small pieces of memory that a connection has at hand, without asking for each: as many as the values that its statements hold on to."""
_PIECE: Final = 1200  # bytes, SQLite's own default
_MEMSTATUS: Final = 9  # https://sqlite.org/c3ref/c_config_covering_index_scan.html
_LOOKASIDE: Final = 13


def library() -> ctypes.CDLL:
    """SQLite itself, with the functions that its driver does not pass on."""
    found = find_spec("pysqlite3._sqlite3")
    return ctypes.CDLL(found.origin if found else None)


def _set_memory() -> None:
    """Nobody asks how much memory SQLite took, so it need not count that under a lock; and connections get more pieces."""
    if sys.platform != "linux":
        return  # elsewhere, functions of many forms are called in other ways
    with_sqlite = library()
    with_sqlite.sqlite3_shutdown()  # the driver has woken it up, and these are for a SQLite that sleeps
    done = (
        with_sqlite.sqlite3_config(_MEMSTATUS, 0),
        with_sqlite.sqlite3_config(_LOOKASIDE, _PIECE, _PIECES),
        with_sqlite.sqlite3_initialize(),
    )
    if any(done):
        log.warning("journal.sqlite_memory_as_it_was", answers=done)


_set_memory()
# What SQLite stores as it is. Untold, its driver looks for an adapter of each such value, and throws an exception away each time.
for _kind, _as_it_is in ((bytes, bytes), (bool, int), (type(None), {None: None}.get)):
    sqlite.register_adapter(_kind, _as_it_is)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
