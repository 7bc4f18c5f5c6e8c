"""Bringing a journal's tables to this version of the hub. Forward only; may be repeated."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from journal.database import open_engine
from journal.reach import verdict
from ports.errors import MisconfiguredError

_FOLDER = Path(__file__).parent / "migrations"


def migrate(engine: Engine) -> None:
    """Run what is missing, in one transaction; several processes may do so at once."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7310587)"))
        config = Config()
        config.set_main_option("script_location", str(_FOLDER))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def bring_up_to_date(url: str) -> None:
    """Run what is missing in the database there.

    `TransientError` when it is away for a while, `MisconfiguredError` when waiting would not help.
    """
    engine = open_engine(url)
    try:
        migrate(engine)
    except OperationalError as error:
        raise verdict(error) from error
    except CommandError as error:
        raise MisconfiguredError(
            f"the tables were made by a newer version of Wegwijzer ({error}): install that one, or put back a copy from before"
        ) from error
    except ProgrammingError as error:
        raise MisconfiguredError(
            f"the tables are not up to date and this login may not change them ({error.orig}): "
            "run `wegwijzer migrate` as the owner of the database"
        ) from error
    finally:
        engine.dispose()
