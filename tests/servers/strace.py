"""strace: makes the system calls of a running program fail, as a failing disk does, and writes down what it asks of a disk."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.missing import missing

PATIENCE = 20.0
_SYNCS = "fsync,fdatasync"


def program() -> str:
    """Where it is."""
    found = shutil.which("strace")
    if found is None:
        missing("strace")
    return found


@contextmanager
def failing_syncs(*pids: int) -> Iterator[None]:
    """Nothing that these processes write gets to the disk any more: the kernel says EIO, and does not even try."""
    tracer = subprocess.Popen(
        [
            *(program(), "-f", "-qq", "-o", os.devnull, "-e", f"trace={_SYNCS}"),
            *("-e", f"inject={_SYNCS}:error=EIO"),
            *(word for pid in pids for word in ("-p", str(pid))),
        ],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _wait_until_traced(tracer, pids)
        yield
    finally:
        tracer.terminate()  # it lets go of them
        tracer.communicate(timeout=PATIENCE)


def _wait_until_traced(tracer: "subprocess.Popen[str]", pids: Sequence[int]) -> None:
    end = time.monotonic() + PATIENCE
    while not all(map(_is_traced, pids)):
        if tracer.poll() is not None or time.monotonic() > end:
            tracer.kill()
            missing(f"the right to trace other processes: {tracer.communicate()[1].strip()}")
        time.sleep(0.02)


def _is_traced(pid: int) -> bool:
    """All its threads are, or it is gone."""
    threads = Path(f"/proc/{pid}/task").glob("*/status")
    return all("TracerPid:\t0" not in _read(status) for status in threads)


def _read(status: Path) -> str:
    """Nothing, of a thread that ended since it was listed."""
    try:
        return status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def recording(files: Sequence[Path], into: Path) -> list[str]:
    """What to run a program under, so that all that it asks of these files is written down, see `recorded`.

    The program stays the child of whoever starts it; strace is its grandchild.
    """
    return [
        *(program(), "-D", "-f", "-ff", "-q", "-ttt", "-T", "-y", "-xx", "-s", "1000000"),
        *("-o", str(into / "calls"), "-e", "trace=pwrite64,write,ftruncate,fsync,fdatasync,unlink"),
        *(word for file in files for word in ("-P", str(file))),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One system call that succeeded: when it began and ended (seconds since 1970), on which file.

    `data` go to the place `number`; of an ftruncate, `number` is the new length.
    """

    began: float
    ended: float
    name: str
    file: Path
    number: int = 0
    data: bytes = field(default=b"", repr=False)


def recorded(folder: Path) -> list[Call]:
    """What was written down until the program ended, in order of time."""
    logs = [_whole(file) for file in folder.glob("calls.*")]
    calls = (_call(line) for log in logs for line in log.splitlines())
    return sorted((call for call in calls if call), key=lambda call: call.began)


def _whole(file: Path) -> str:
    end = time.monotonic() + PATIENCE
    while "+++" not in (text := file.read_text()):
        if time.monotonic() > end:
            raise TimeoutError(f"the thread of {file.name} goes on")
        time.sleep(0.05)
    return text


def _call(line: str) -> Call | None:
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    place = found["place"]
    began = float(found["began"])
    return Call(
        began=began,
        ended=began + float(found["took"]),
        name=found["name"],
        file=Path(_bytes(found["file"]).decode()),
        number=int(place) if place else 0,
        data=_bytes(found["data"] or "")[: int(found["result"])],
    )


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


_LINE = re.compile(
    r"(?P<began>[0-9.]+) (?P<name>\w+)\((?:[0-9]+<|\")(?P<file>[^>\"]+)[>\"]"
    r"(?:, \"(?P<data>[^\"]*)\", [0-9]+)?(?:, (?P<place>[0-9]+))?\) += (?P<result>[0-9]+) <(?P<took>[0-9.]+)>"
)
