"""Processes that write to one SQLite file take turns.

SQLite lets one of them write at a time, and the others ask again and again, after longer and longer pauses. Whoever
waits for a lock of the operating system sleeps until it is free, and whoever waited first goes first.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from sqlalchemy import make_url


class Turns:
    """The turn of this process. The lock dies with its process; a database that is no file has no turns to wait for.

    The file says whether the disk failed under one of them: then nobody may write before the log is settled anew.
    """

    def __init__(self, url: str) -> None:
        address = make_url(url)
        name = address.database if address.get_backend_name() == "sqlite" else None
        self._path = Path(f"{name}-turn") if name and name != ":memory:" else None
        self._lock: TextIO | None = None

    def begin(self) -> None:
        """Wait for our turn, in a thread; only who writes asks for it."""
        if self._path:
            fcntl.flock(self._opened(self._path), fcntl.LOCK_EX)

    def begin_at_once(self) -> bool:
        """Take our turn unless somebody else has it."""
        try:
            if self._path:
                fcntl.flock(self._opened(self._path), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _opened(self, path: Path) -> TextIO:
        if self._lock is None:
            self._lock = path.open("a")
        return self._lock

    @property
    def broken(self) -> bool:
        """Whether the disk failed under anybody since the log was settled; to be asked in our turn."""
        return self._lock is not None and os.fstat(self._lock.fileno()).st_size > 0

    def warn(self) -> None:
        """Tell the others that the disk failed."""
        if self._lock:
            with suppress(OSError):  # where not even this can be written, they will notice by themselves
                os.write(self._lock.fileno(), b"the disk failed")

    def settled(self) -> None:
        """In our turn: all that counts is on the disk, so everybody may write again."""
        if self._lock:
            os.ftruncate(self._lock.fileno(), 0)

    def end(self) -> None:
        """It is somebody else's turn; may be said twice."""
        if self._lock:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """We write no more."""
        if self._lock:
            self._lock.close()
            self._lock = None
