"""Whether a journal's database that failed is away for a while, or stays shut until somebody mends it."""

from typing import Final

from sqlalchemy.exc import OperationalError

from ports.errors import AdapterError, MisconfiguredError, TransientError

_FOR_A_PERSON: Final = (
    "does not support SSL",
    "certificate",
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
    "permission denied",
    "is not permitted to log in",
)
"""Words of libpq and PostgreSQL about a line that stays shut until somebody mends it; others come from a restart."""
_PASSING: Final = (5, 6, 13)
"""SQLite: another process holds the file or its table (`BUSY`, `LOCKED`), the disk is full; https://sqlite.org/rescode.html."""


def verdict(error: OperationalError) -> AdapterError:
    """`TransientError` when it is worth waiting for the database, `MisconfiguredError` when waiting would not help."""
    reason = str(error.orig)
    if _is_for_a_person(error.orig, reason):
        return MisconfiguredError(f"the journal's database can't be used: {reason}")
    return TransientError(f"the journal's database does not answer: {reason}")


def _is_for_a_person(cause: BaseException | None, reason: str) -> bool:
    code: int | None = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF not in _PASSING
    return any(words in reason for words in _FOR_A_PERSON)
