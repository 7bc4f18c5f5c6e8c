"""Which processes of the hub run on this machine, and by which version of the configuration they decide.

Each process keeps a small file in the data folder and holds it locked as long as it lives; so a process number
that the system has given to somebody else since is never signalled.
"""

import asyncio
import fcntl
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a process says of itself. `told`: how often it has said so; `refused`: why it did not reload last."""

    pid: int
    version: str
    told: int = 1
    refused: str = ""


class Presence:
    """The file of this process."""

    def __init__(self, folder: Path, version: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(3)}.json"
        self._lock: TextIO = self._path.with_suffix(".lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._times = 0
        self.tell(version)

    def tell(self, version: str, refused: str = "") -> None:
        """Write down how it stands; readers see the old text or the new one, never half of it."""
        self._times += 1
        said = Told(pid=os.getpid(), version=version, told=self._times, refused=refused)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(said)))
        fresh.replace(self._path)

    def end(self) -> None:
        """This process is gone soon."""
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".lock").unlink(missing_ok=True)
        self._lock.close()


def present(folder: Path) -> Iterator[Told]:
    """The processes that live; files of dead ones are cleared away."""
    for path in sorted(folder.glob("*.json")):
        if _lives(path.with_suffix(".lock")):
            yield Told(**json.loads(path.read_text()))
        else:
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


async def ask_to_reload(folder: Path, patience: float) -> list[Told]:
    """Ask all processes here to read the configuration again; what each said then (or last, after `patience` s)."""
    before = {one.pid: one.told for one in present(folder)}
    for pid in before:
        os.kill(pid, signal.SIGHUP)
    end = time.monotonic() + patience
    while True:
        now = [one for one in present(folder) if one.pid in before]
        if all(one.told > before[one.pid] for one in now) or time.monotonic() > end:
            return now
        await asyncio.sleep(0.05)


def _lives(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
