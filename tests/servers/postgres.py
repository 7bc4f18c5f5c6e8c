"""A private PostgreSQL for tests, or the given one, and fresh databases in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from demo.engines import postgres
from demo.engines.postgres import plain
from demo.engines.private import Account, NotInstalledError
from tests.servers import memory
from tests.servers.missing import missing

VARIABLE = "WEGWIJZER_TEST_POSTGRES"


def programs() -> Path:
    """Where the programs of the server are."""
    try:
        return postgres.programs()
    except NotInstalledError as error:
        missing(str(error))


def initialise(account: Account, data: Path) -> None:
    """Make the data of a new server that its account runs."""
    postgres.initialise(programs(), account, data)


@contextmanager
def running() -> Iterator[str]:
    """The SQLAlchemy address of a server with the right to make databases: the given one, or a private one."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    with breakable(memory.for_a_server()) as server:
        yield server.address


@contextmanager
def breakable(parent: Path | None = None) -> Iterator[postgres.Postgres]:
    """A private server that a test may stop, freeze and start again; on the disk unless told otherwise."""
    try:
        with postgres.running(parent) as server:
            yield server
    except NotInstalledError as error:
        missing(str(error))


@contextmanager
def fresh_database(server: str, template: str = "template1", *, language: str = "") -> Iterator[str]:
    """The address of a new database, dropped afterwards whoever is still connected; in the order of a `language` if any."""
    name = f"test_{uuid4().hex}"
    if language:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE {}")
        _execute(server, made, name, language)
    else:
        _execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)"), name)


def _execute(server: str, statement: sql.SQL, *names: str) -> None:
    with psycopg.connect(plain(server), autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))
