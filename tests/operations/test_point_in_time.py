"""A journal on PostgreSQL is put back to a moment, with the scripts that the documentation tells to use."""

import asyncio
import shutil
import signal
import subprocess
from contextlib import contextmanager

import psycopg
import pytest

from journal.backup import back_up
from journal.journal import Journal
from journal.migrate import bring_up_to_date
from journal.schema import messages
from ports.clock import SystemClock
from ports.errors import MisconfiguredError, TransientError
from tests.journal.scene import KEYS, city_routes, contact, contact_message, rows
from tests.servers import postgres
from tests.servers.missing import missing
from tests.servers.private import free_port, private_folder, stop, unprivileged, wait_for
from tests.shipped import ROOT

SCRIPTS = ROOT / "docs" / "operations" / "postgresql"


@pytest.fixture
def place():
    """A folder of the account under which PostgreSQL runs, with its own copy of the scripts."""
    account = unprivileged("postgres")
    with private_folder(account, "wegwijzer-point-in-time-") as folder:
        shutil.copytree(SCRIPTS, folder / "scripts")
        for name in ("wal", "base"):
            (folder / name).mkdir()
            if account.name:
                shutil.chown(folder / name, account.name)
        yield account, folder


@contextmanager
def serving(account, data, *settings):
    port, log = free_port(), data.parent / "server.log"
    fixed = (f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on")
    command = [str(postgres.programs() / "postgres"), "-D", str(data)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, *(f"--{one}" for one in (*fixed, *settings))],
            cwd=data.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            **account.popen_arguments(),
        )
    address = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
    try:
        wait_for(lambda: writes(address), process, log, 60)
        yield address, port
    finally:
        stop(process, signal.SIGINT)


def writes(address) -> bool:
    """It answers, and what was to be played back is."""
    try:
        with psycopg.connect(postgres.plain(address), connect_timeout=2) as connection:
            return connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
    except psycopg.OperationalError:
        return False


def script(account, folder, name, *words) -> str:
    programs = postgres.programs()
    done = subprocess.run(
        [folder / "scripts" / name, *map(str, words)],
        cwd=folder,
        env={"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder)},
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        **account.popen_arguments(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def accept(address, *names):
    journal = Journal(address, router=city_routes(), keys=KEYS, clock=SystemClock(), shard="1")
    await journal.start()
    for name in names:
        await journal.accept(contact_message(name, contact()))
    found = [row.source_ref for row in await rows(journal, messages)]
    await journal.close()
    return sorted(found)


async def test_a_journal_is_put_back_to_the_moment_before_a_mistake(place):
    account, folder = place
    data = folder / "data"
    postgres.initialise(account, data)
    archiving = (
        "archive_mode=on",
        f'archive_command={folder}/scripts/archive-wal "%p" "%f" {folder}/wal',
    )
    with serving(account, data, *archiving) as (address, port):
        bring_up_to_date(address)
        await accept(address, "before the base backup")
        plain = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        base = script(account, folder, "base-backup", plain, folder / "base")
        await accept(address, "after the base backup")
        await asyncio.sleep(0.2)
        with psycopg.connect(postgres.plain(address), autocommit=True) as connection:
            (moment,) = connection.execute("SELECT now()::text").fetchone()
            await asyncio.sleep(0.2)
            connection.execute("DROP TABLE messages CASCADE")
            connection.execute("SELECT pg_switch_wal()")
    shutil.rmtree(data)

    script(account, folder, "restore-to", base, folder / "wal", data, moment)
    with serving(account, data, "archive_mode=off") as (address, _):
        found = await accept(address, "life goes on")
    assert found == ["after the base backup", "before the base backup", "life goes on"]


async def test_a_dump_of_a_journal_can_be_put_back(postgres_server, tmp_path):
    if not shutil.which("pg_dump"):
        missing("pg_dump")
    with (
        postgres.fresh_database(postgres_server) as first,
        postgres.fresh_database(postgres_server) as second,
    ):
        bring_up_to_date(first)
        await accept(first, "one", "two")
        copy = back_up(first, tmp_path, SystemClock().now())
        await accept(first, "three")
        words = ["pg_restore", f"--dbname={postgres.plain(second)}", copy.file]
        await asyncio.to_thread(subprocess.run, words, check=True)
        assert await accept(second, "four") == ["four", "one", "two"]
    assert copy.bytes > 1000


def test_where_no_folder_can_be_made_there_is_no_copy_and_the_reason_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MisconfiguredError, match="no copy can be made in"):
        back_up(f"sqlite:///{tmp_path}/journal.db", tmp_path / "file" / "copies", SystemClock().now())


async def test_a_database_that_is_away_gives_no_copy(tmp_path):
    if not shutil.which("pg_dump"):
        missing("pg_dump")
    with pytest.raises(TransientError, match="no copy"):
        back_up(f"postgresql+psycopg://a:geheim@127.0.0.1:{free_port()}/x", tmp_path, SystemClock().now())
    assert list(tmp_path.iterdir()) == []


def test_an_archived_file_is_never_replaced_by_another(place):
    account, folder = place
    one, other = folder / "one", folder / "other"
    one.write_text("one")
    other.write_text("other")
    for path in (one, other):
        path.chmod(0o644)
    assert script(account, folder, "archive-wal", one, "000001", folder / "wal") == ""
    assert script(account, folder, "archive-wal", one, "000001", folder / "wal") == ""
    with pytest.raises(AssertionError, match="there already"):
        script(account, folder, "archive-wal", other, "000001", folder / "wal")
    assert (folder / "wal" / "000001").read_text() == "one"
