"""A private PostgreSQL on loopback, as durable as a real one (`fsync=on`), and fresh databases in it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from tests.servers.missing import missing
from tests.servers.private import Account, free_port, private_folder, stop, unprivileged, wait_for

VARIABLE = "WEGWIJZER_TEST_POSTGRES"
_DIALECT = "postgresql+psycopg://"


@contextmanager
def running() -> Iterator[str]:
    """The SQLAlchemy address of a server with the right to make databases: the given one, or a private one."""
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    account = unprivileged("postgres")
    with private_folder(account, "wegwijzer-postgres-") as folder:
        yield from _served(_programs(), account, folder)


@contextmanager
def fresh_database(server: str, template: str = "template1") -> Iterator[str]:
    """The address of a new database, dropped afterwards whoever is still connected."""
    name = f"test_{uuid4().hex}"
    _execute(server, sql.SQL("CREATE DATABASE {} TEMPLATE {}"), name, template)
    try:
        yield f"{server.rpartition('/')[0]}/{name}"
    finally:
        _execute(server, sql.SQL("DROP DATABASE {} WITH (FORCE)"), name)


def plain(address: str) -> str:
    """The address as psycopg wants it, without SQLAlchemy's dialect."""
    return address.replace(_DIALECT, "postgresql://")


def _served(programs: Path, account: Account, folder: Path) -> Iterator[str]:
    data, log, port = folder / "data", folder / "server.log", free_port()
    _initialise(programs, account, data)
    settings = [
        f"port={port}",
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=on",
        "max_connections=200",
    ]
    command = [str(programs / "postgres"), "-D", str(data), *(f"--{setting}" for setting in settings)]
    address = f"{_DIALECT}postgres@127.0.0.1:{port}/postgres"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **account.popen_arguments(),
        )
    try:
        wait_for(lambda: _answers(address), process, log, 60)
        yield address
    finally:
        stop(process, signal.SIGQUIT)


def _initialise(programs: Path, account: Account, data: Path) -> None:
    subprocess.run(
        [
            programs / "initdb",
            "--pgdata",
            data,
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ],
        cwd=data.parent,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        **account.popen_arguments(),
    )


def _programs() -> Path:
    """Where the newest server's programs are; Debian keeps them off the PATH."""
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True
    )
    if packaged:
        return packaged[0].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else missing("PostgreSQL")


def _answers(address: str) -> bool:
    try:
        psycopg.connect(plain(address), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _execute(server: str, statement: sql.SQL, *names: str) -> None:
    with psycopg.connect(plain(server), autocommit=True) as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))
