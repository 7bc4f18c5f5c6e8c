"""A second PostgreSQL that follows the first one, and takes over when it is told to."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from demo.engines.postgres import Postgres, plain
from demo.engines.private import LOOPBACK, free_port, private_folder

PATIENCE = 60.0


@contextmanager
def following(primary: Postgres) -> Iterator[Postgres]:
    """A standby without which the first one confirms no commit; gone afterwards."""
    with private_folder(primary.account, "wegwijzer-standby-", primary.folder.parent) as folder:
        standby = Postgres(primary.programs, primary.account, folder, free_port())
        command = ("-h", LOOPBACK, "-p", str(primary.port), "-U", "postgres", "-D", str(folder / "data"))
        subprocess.run(
            [primary.programs / "pg_basebackup", *command, "--write-recovery-conf", "--checkpoint=fast"],
            cwd=folder,
            check=True,
            **primary.account.popen_arguments(),
        )
        standby.start()
        try:
            _wait_for_each_other(primary)
            yield standby
        finally:
            standby.stop()


def _wait_for_each_other(primary: Postgres) -> None:
    with psycopg.connect(plain(primary.address), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        connection.execute("SELECT pg_reload_conf()")
        end = time.monotonic() + PATIENCE
        while connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall() != [("sync",)]:
            if time.monotonic() > end:
                raise TimeoutError("the standby does not follow")
            time.sleep(0.05)


def promote(standby: Postgres) -> None:
    """It is the first one now."""
    with psycopg.connect(plain(standby.address), autocommit=True) as connection:
        connection.execute("SELECT pg_promote()")


def whichever_writes(*servers: Postgres) -> str:
    """The address of a journal on the one of these servers that takes writes."""
    hosts = "&".join(f"host={LOOPBACK}:{server.port}" for server in servers)
    return f"postgresql+psycopg://postgres@/postgres?{hosts}&target_session_attrs=read-write"
