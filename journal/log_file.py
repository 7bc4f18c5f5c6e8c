"""SQLite's write-ahead log as a file that is synced once the turn of its writer is over.

SQLite syncs it within the commit, while nobody else can write. What is in the log may be synced later as well, as long as nobody is answered before:
whatever a later commit builds on stands before it in the same file, so one sync covers both.
"""

import os
from pathlib import Path

from sqlalchemy import make_url


class LogFile:
    """The log of a database, for one thread. A database that is no file of this machine has none, and nothing happens.

    It is kept open, as an error of the disk is told once to everyone who has the file open (https://wiki.postgresql.org/wiki/Fsync_Errors),
    and opened anew when SQLite began another file. SQLite has no locks on it that closing it could lose (https://sqlite.org/walformat.html).
    """

    def __init__(self, url: str) -> None:
        address = make_url(url)
        name = address.database if address.get_backend_name() == "sqlite" else None
        self._path = Path(f"{name}-wal") if name and name != ":memory:" else None
        self._file = -1

    def sync(self) -> None:
        """All that was committed until now, by whatever process, is on the disk; `OSError` when nobody knows whether it is."""
        if self._path is None:
            return
        if self._file < 0 or not os.path.samestat(os.fstat(self._file), self._path.stat()):
            self.close()
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        os.fdatasync(self._file)

    def close(self) -> None:
        """Let go of the file; may be repeated."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
