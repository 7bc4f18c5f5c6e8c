"""Whether the journal's database answers."""

from typing import Final

from sqlalchemy.exc import OperationalError

from journal.database import open_engine
from ports.errors import MisconfiguredError, TransientError

_FOR_A_PERSON: Final = (
    "does not support SSL",
    "certificate",
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "does not exist",
)
"""Words of libpq and PostgreSQL about a line that stays shut until somebody mends it; others come from a restart."""


def reach(url: str) -> None:
    """Connect once. `TransientError` when it is away for a while, `MisconfiguredError` when waiting would not help."""
    engine = open_engine(url)
    try:
        engine.connect().close()
    except OperationalError as error:
        reason = str(error.orig)
        if engine.dialect.name == "sqlite" or any(words in reason for words in _FOR_A_PERSON):
            raise MisconfiguredError(f"the journal's database can't be used: {reason}") from error
        raise TransientError(f"the journal's database does not answer: {reason}") from error
    finally:
        engine.dispose()
