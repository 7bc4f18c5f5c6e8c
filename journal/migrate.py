"""Bringing a journal's tables to this version of the hub. Forward only; may be repeated."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from journal.database import open_engine
from ports.errors import MisconfiguredError, TransientError

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
    """Run what is missing in the database there; `MisconfiguredError` says who can when this login may not."""
    engine = open_engine(url)
    try:
        migrate(engine)
    except OperationalError as error:
        raise TransientError(f"the journal's database can't be used: {error.orig}") from error
    except ProgrammingError as error:
        raise MisconfiguredError(
            f"the tables are not up to date and this login may not change them ({error.orig}): "
            "run `wegwijzer migrate` as the owner of the database"
        ) from error
    finally:
        engine.dispose()
