"""What tests need from npm, installed by lock files: servers that run in a process of their own, and plain packages."""

import fcntl
import json
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.servers.missing import missing
from tests.servers.private import leashed

PATIENCE = 60


@contextmanager
def npm_server(folder: Path, script: str, settings: Mapping[str, Any]) -> Iterator[None]:
    """Run a script of a folder with a lock file; it reads its settings as a line of JSON, and says when it is ready."""
    node = shutil.which("node")
    if node is None:
        missing("node")
    installed(folder)
    process = subprocess.Popen(
        leashed([node, script]),
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        _await_ready(process, script)
        yield
    finally:
        process.kill()
        process.communicate()


def installed(folder: Path) -> Path:
    """Where the modules are that the lock file names: installed once for each state of it, the hashes in it checked."""
    npm = shutil.which("npm")
    if npm is None:
        missing("npm")
    with (folder / "package-lock.json").open("rb") as turn:  # tests in other processes want them as well
        fcntl.flock(turn, fcntl.LOCK_EX)
        return _installed(npm, folder)


def _installed(npm: str, folder: Path) -> Path:
    lock = sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    modules = folder / "node_modules"
    note = modules / ".installed"
    if note.exists() and note.read_text() == lock:
        return modules
    done = subprocess.run(
        [npm, "ci", "--omit=dev"], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        missing(f"npm's {folder.name} ({done.stderr[-300:]})")
    note.write_text(lock)
    return modules


def _await_ready(process: subprocess.Popen[str], script: str) -> None:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
    line = process.stdout.readline() if readable else ""
    if line.strip() != "ready":
        process.kill()
        raise TimeoutError(f"{script} did not start: {process.communicate()[1][-2000:]}")
