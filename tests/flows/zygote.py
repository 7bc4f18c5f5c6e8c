"""Lives of hub processes that a test begins and ends: forked quickly, or from the installed script."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flows.city import WEGWIJZER, City


class Zygote:
    """Begins lives quickly; see `tests.flows.lives`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._one_at_a_time = threading.Lock()

    def begin(self, *arguments: str) -> int:
        """The process id of a new life, `wegwijzer run` with these arguments."""
        return int(self._ask(" ".join(("begin", *arguments))))

    def end(self, pid: int, sign: signal.Signals = signal.SIGKILL) -> int:
        """Send the signal and wait; the exit code, negative for a signal that ended it."""
        os.kill(pid, sign)
        return os.waitstatus_to_exitcode(int(self._ask(f"end {pid}")))

    def live(self, city: City, seconds: float) -> None:
        """One life, ended by SIGKILL."""
        pid = self.begin()
        time.sleep(seconds)
        assert self.end(pid) == -signal.SIGKILL, city.log()

    def _ask(self, order: str) -> str:
        with self._one_at_a_time:
            self._process.stdin.write(f"{order}\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()


@contextmanager
def zygote(city: City) -> Iterator[Zygote]:
    """The process that lives are forked from; all that still live end with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flows.lives", str(city.hub_toml), str(city.folder / "hub.log")],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Zygote(process)
        process.stdin.close()


def live_by_script(city: City, seconds: float) -> None:
    """A life from the installed script, ended by SIGKILL."""
    with (city.folder / "hub.log").open("ab") as log:
        process = subprocess.Popen(
            [WEGWIJZER, "--config", city.hub_toml, "run", "--log-json"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    time.sleep(seconds)
    process.kill()
    assert process.wait(20) == -signal.SIGKILL, city.log()
