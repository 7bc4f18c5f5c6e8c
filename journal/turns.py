"""Processes that write to one SQLite file take turns.

SQLite lets one of them write at a time, and the others ask again and again, after longer and longer pauses. Whoever
waits for a lock of the operating system sleeps until it is free, and whoever waited first goes first.
"""

import fcntl
from pathlib import Path
from typing import TextIO

from sqlalchemy import make_url


class Turns:
    """The turn of this process. The lock dies with its process; a database that is no file has no turns to wait for."""

    def __init__(self, url: str) -> None:
        address = make_url(url)
        name = address.database if address.get_backend_name() == "sqlite" else None
        self._path = Path(f"{name}-turn") if name and name != ":memory:" else None
        self._lock: TextIO | None = None

    def begin(self) -> None:
        """Wait for our turn; only the thread that writes asks for it."""
        if self._path is None:
            return
        if self._lock is None:
            self._lock = self._path.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def end(self) -> None:
        """It is somebody else's turn; may be said twice."""
        if self._lock:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """We write no more."""
        if self._lock:
            self._lock.close()
            self._lock = None
