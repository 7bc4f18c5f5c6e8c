"""Where tests keep what need not outlive them: what a disk does to us is the business of tests/faults."""

import shutil
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - fresh folders in it, not names that others know
_A_DATABASE = 2**25
_A_SERVER = 4 * 2**30


def for_a_database() -> Path | None:
    """Memory that looks like a disk, when this system has it; None means the usual place."""
    return _with_room(_A_DATABASE)


def for_a_server() -> Path | None:
    """The same with room for a server with all its logs; containers have little of it."""
    return _with_room(_A_SERVER)


def _with_room(size: int) -> Path | None:
    return _MEMORY if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > size else None
