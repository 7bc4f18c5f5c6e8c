"""A copy of the journal while the hub works, and putting one back. SQLite by itself, PostgreSQL by its own tools."""

import os
import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from ports.errors import MisconfiguredError, RejectedError, TransientError

if TYPE_CHECKING:  # the same module, but with types
    import sqlite3
else:
    from journal.sqlite import sqlite as sqlite3

PATIENCE = 60.0
"""Seconds that a copy waits for a writer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A finished copy: where, how large, and its SHA-256."""

    file: str
    bytes: int
    sha256: str


def back_up(url: str, folder: Path, now: datetime) -> Copy:
    """A complete copy of the journal at one moment, checked and on disk; the hub may go on meanwhile.

    Raises `RejectedError` when the copy is not sound, `TransientError` when there is no room or no database,
    `MisconfiguredError` when there can be no such folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise MisconfiguredError(f"no copy can be made in {folder}: {error.strerror}") from error
    sqlite = url.startswith("sqlite")
    done = folder / f"journal-{now:%Y%m%dT%H%M%SZ}.{'db' if sqlite else 'dump'}"
    part = done.with_suffix(".part")
    part.unlink(missing_ok=True)
    try:
        _copy_sqlite(url, part) if sqlite else _dump_postgresql(url, part)
        part.chmod(0o600)
        _make_durable(part)
        part.replace(done)
        _make_durable(folder)
    except (sqlite3.OperationalError, OSError) as error:
        raise TransientError(f"no copy was made: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    with done.open("rb") as file:
        return Copy(file=str(done), bytes=done.stat().st_size, sha256=file_digest(file, "sha256").hexdigest())


def put_back(url: str, copy: Path, now: datetime) -> Path | None:
    """Put a SQLite copy where the journal is; where the journal that was there lies now. Only while no hub runs.

    Nothing is thrown away: an earlier file is set aside. `RejectedError` when the copy is not sound.
    """
    if not url.startswith("sqlite"):
        raise MisconfiguredError(
            "this journal is on PostgreSQL: put it back with pg_restore or a base backup, then run "
            "`wegwijzer restore` without a file"
        )
    _refuse_unsound(copy)
    journal = _file(url)
    aside = journal.with_name(f"{journal.name}.{now:%Y%m%dT%H%M%SZ}") if journal.exists() else None
    if aside:
        journal.rename(aside)
    for ending in ("-journal", "-wal", "-shm"):  # these belong to the file that was there
        left = journal.with_name(journal.name + ending)
        if left.exists() and aside:
            left.rename(aside.with_name(aside.name + ending))
        left.unlink(missing_ok=True)
    shutil.copyfile(copy, journal)
    journal.chmod(0o600)
    _make_durable(journal)
    _make_durable(journal.parent)
    return aside


def _copy_sqlite(url: str, part: Path) -> None:
    """`VACUUM INTO` reads one moment; page by page, a copy under load would begin again and again."""
    source = f"file:{_file(url)}?mode=ro"
    with closing(sqlite3.connect(source, uri=True, timeout=PATIENCE, isolation_level=None)) as connection:
        connection.execute("VACUUM INTO ?", (str(part),))
    _refuse_unsound(part)


def _refuse_unsound(file: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            said = connection.execute("PRAGMA integrity_check").fetchall()
            connection.execute("SELECT id FROM messages LIMIT 1")
    except sqlite3.DatabaseError as error:
        raise RejectedError(f"{file} is no sound copy of a journal: {error}") from error
    if said != [("ok",)]:
        raise RejectedError(f"{file} is damaged: {said[0][0]}")


def _dump_postgresql(url: str, part: Path) -> None:
    """`pg_dump` reads one moment too. The password goes by a file: a command line can be seen by others."""
    address = make_url(url)
    passwords = part.with_suffix(".pgpass")
    query = dict(address.query)
    if address.password:
        passwords.touch(mode=0o600)
        passwords.write_text(f"*:*:*:*:{_escaped(str(address.password))}\n")
        query["passfile"] = str(passwords)
    plain = address.set(drivername="postgresql", password=None, query=query).render_as_string()
    command = ["pg_dump", "--format=custom", "--no-owner", f"--file={part}", "--no-password", plain]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise MisconfiguredError("pg_dump is not installed (Debian package: postgresql-client)") from error
    finally:
        passwords.unlink(missing_ok=True)
    if done.returncode:
        raise TransientError(f"pg_dump made no copy: {done.stderr.strip()}")


def _escaped(password: str) -> str:
    return password.replace("\\", "\\\\").replace(":", "\\:")


def _file(url: str) -> Path:
    return Path(make_url(url).database or "")


def _make_durable(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
