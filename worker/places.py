"""The places of processes on the data folder of an embedded journal: one leads, others may stand beside it.

A place is a lock of the operating system, so it is free again when its process dies, however that happens.
"""

import fcntl
from pathlib import Path
from typing import TextIO

from ports.errors import MisconfiguredError

_BESIDE = "beside.lock"


def alone_on(data: Path) -> TextIO:
    """The place of the process that leads, until the answer is closed. `MisconfiguredError` when another hub has it."""
    lock = _locked(data / "hub.lock", fcntl.LOCK_EX | fcntl.LOCK_NB)
    if lock is None:
        raise MisconfiguredError(
            f"another hub runs on {data}: stop it first, or begin this one "
            "with `--role intake --role worker`, so that it stands beside the other"
        )
    return lock


def beside_on(data: Path) -> TextIO | None:
    """A place beside the one that leads, as many as are asked for; waits while the dead are buried."""
    return _locked(data / _BESIDE, fcntl.LOCK_SH)


def nobody_beside(data: Path) -> TextIO | None:
    """Until it is closed nobody stands beside, nor comes. None: somebody does already."""
    return _locked(data / _BESIDE, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _locked(path: Path, how: int) -> TextIO | None:
    lock = path.open("w")
    try:
        fcntl.flock(lock, how)
    except BlockingIOError:
        lock.close()
        return None
    return lock
