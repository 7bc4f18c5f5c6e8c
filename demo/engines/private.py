"""What every private server needs: an unprivileged account, a folder, a free port, patience, and an end."""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
_PORTS = range(15_000, 32_000)
_dice = random.SystemRandom()  # not the one that tests throw the same with


class NotInstalledError(Exception):
    """A server that must come from the system's packages is not there; the message names it."""


class EngineError(Exception):
    """A server did not come up; the message ends with its own last words."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account under which a server runs. `name` is "" for our own."""

    name: str = ""

    def popen_arguments(self) -> dict[str, Any]:
        """How `subprocess` changes to it; nothing when it is our own."""
        if not self.name:
            return {}
        entry = pwd.getpwnam(self.name)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}

    def give(self, folder: Path) -> None:
        """Make it the owner of a folder."""
        if self.name:
            shutil.chown(folder, self.name)


def unprivileged(wanted: str) -> Account:
    """The packaged account when we are root (these servers refuse to run as root), else our own."""
    return Account(wanted if os.geteuid() == 0 else "")


@contextmanager
def private_folder(account: Account, prefix: str, parent: Path | None = None) -> Generator[Path]:
    """A new folder that only this account can enter; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        account.give(folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def leashed(command: Sequence[str], sign: signal.Signals = signal.SIGTERM) -> list[str]:
    """The command, to be sent this signal when the thread that starts it ends, even by SIGKILL.

    Everything that the demo and the tests start and that outlives a call goes on this leash, but for what reads its
    standard input and ends with that. Where `setpriv` (util-linux) is missing, the command as it is.
    """
    if shutil.which("setpriv") is None:
        return list(command)
    return ["setpriv", "--pdeathsig", sign.name.removeprefix("SIG"), "--", *command]


def start(
    command: Sequence[str],
    account: Account,
    folder: Path,
    log: Path,
    settings: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """Run it in its folder under the account, with nothing of our environment but `settings`."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **(settings or {})}
    with log.open("ab") as output:
        return subprocess.Popen(
            leashed(command),
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=False,
            encoding=None,
            errors=None,
            universal_newlines=False,
            start_new_session=True,
            **account.popen_arguments(),
        )


def free_port() -> int:
    """A loopback port that nobody listens on right now.

    Any of so many that others, who look for one at the same time, hardly find the same; and none that a system gives
    to whoever calls somebody (from 32768 on Linux, from 49152 elsewhere), so that it is still free when its server is
    started again.
    """
    while True:
        port = _dice.choice(_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((LOOPBACK, port))
            return port


def wait_for(
    ready: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path, seconds: float
) -> None:
    """Return when `ready`; `EngineError` with the end of the log when the server died or time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise EngineError(f"{process.args!r} died:\n{_tail(log)}")
        if ready():
            return
        threading.Event().wait(0.1)
    raise EngineError(f"{process.args!r} was not ready after {seconds:.0f} s:\n{_tail(log)}")


def stop(process: "subprocess.Popen[bytes]", with_: signal.Signals, seconds: float = 20) -> None:
    """End the server and everything it started (it leads its own process group)."""
    if process.poll() is None:
        os.killpg(process.pid, with_)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:] if log.exists() else "(no log)"
