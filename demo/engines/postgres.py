"""A private PostgreSQL on loopback, as durable as a real one (`fsync=on`)."""

import shutil
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from demo.engines.private import (
    LOOPBACK,
    Account,
    NotInstalledError,
    free_port,
    private_folder,
    start,
    stop,
    unprivileged,
    wait_for,
)

DIALECT = "postgresql+psycopg://"
PATIENCE = 60


@dataclass(slots=True)
class Postgres:
    """One server with its own data; its address stays the same however often it is started."""

    programs: Path
    account: Account
    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        """Where SQLAlchemy finds it."""
        return f"{DIALECT}postgres@{LOOPBACK}:{self.port}/postgres"

    def launch(self) -> None:
        """Begin to start; its data are made on the first start."""
        data = self.folder / "data"
        if not data.exists():
            initialise(self.programs, self.account, data)
        settings = (
            f"port={self.port}",
            f"listen_addresses={LOOPBACK}",
            "unix_socket_directories=",
            "fsync=on",
            "max_connections=200",
        )
        command = [str(self.programs / "postgres"), "-D", str(data), *(f"--{one}" for one in settings)]
        self.process = start(command, self.account, self.folder, self.folder / "server.log")

    def wait(self) -> None:
        """Return when it answers."""
        if self.process is None:
            raise RuntimeError("launch the server first")
        wait_for(self._answers, self.process, self.folder / "server.log", PATIENCE)

    def start(self) -> None:
        """Return when it answers."""
        self.launch()
        self.wait()

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """SIGQUIT: at once, as after a power cut; SIGINT: connections are cut, and all is tidied up."""
        if self.process:
            stop(self.process, how)

    def _answers(self) -> bool:
        try:
            psycopg.connect(plain(self.address), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def initialise(programs: Path, account: Account, data: Path) -> None:
    """Make the data of a new server, whose administrator is `postgres` without a password."""
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


@contextmanager
def prepared(parent: Path | None = None) -> Generator[Postgres]:
    """A server of one's own, not started yet, gone afterwards with all its data. Raises `NotInstalledError`.

    Its folder is made in `parent`, or where temporary folders are made.
    """
    found, account = programs(), unprivileged("postgres")
    with private_folder(account, "wegwijzer-postgres-", parent) as folder:
        server = Postgres(found, account, folder, free_port())
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def running(parent: Path | None = None) -> Generator[Postgres]:
    """A server that answers, see `prepared`. Raises `NotInstalledError`, `EngineError`."""
    with prepared(parent) as server:
        server.start()
        yield server


def plain(address: str) -> str:
    """The address as psycopg wants it, without SQLAlchemy's dialect."""
    return address.replace(DIALECT, "postgresql://")


def programs() -> Path:
    """Where the newest server's programs are; Debian keeps them off the PATH. Raises `NotInstalledError`."""
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True
    )
    if packaged:
        return packaged[0].parent
    found = shutil.which("initdb")
    if found is None:
        raise NotInstalledError("PostgreSQL")
    return Path(found).resolve().parent
