"""How many instructions a message costs: `python -m tests.bench.instructions [--keep PROFILE]`.

Seconds differ by a tenth and more between two runs on one machine; the instructions that valgrind's callgrind counts differ by a hundredth,
whatever else the machine does. So this is what says whether a change makes the hub cheaper. It runs one process on SQLite, 1,500 messages to warm
up, then counts. System calls, the disk and other processes are not in it, and SHA-256 is dearer than in reality, as valgrind has no instructions for it.

What `--keep` keeps is read with `callgrind_annotate`; with Debian's python3-dbg the functions of Python itself have names.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench import contestants
from tests.bench.__main__ import load, settle
from tests.bench.contestants import Running, begun, started
from tests.servers.private import free_port

_WARM_UP = 1500
_CONNECTIONS = 32


def main() -> None:
    chosen = _options()
    if not shutil.which("callgrind_control"):
        sys.exit("valgrind must be installed")
    with tempfile.TemporaryDirectory() as folder:
        profile = _counted(Path(folder), chosen.messages)
        print(f"{_total(profile) / chosen.messages / 1000:.0f} thousand instructions per message")
        if chosen.keep:
            shutil.copy(profile, chosen.keep)


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--messages", type=int, default=600, help="messages that are counted")
    options.add_argument("--keep", type=Path, help="a file for callgrind's profile of them")
    return options.parse_args()


def _counted(folder: Path, messages: int) -> Path:
    """Callgrind's profile of a hub while it deals with so many messages."""
    sink, port = free_port(), free_port()
    secret = contestants.configure(folder, sink, (port,), journal="", broker="")
    counting = ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no"]
    counting.append(f"--callgrind-out-file={folder / 'profile'}")
    with (
        started([sys.executable, "-m", "tests.bench.sink", str(sink)], sink),
        begun([*counting, *contestants.hub(folder, port)], port, {"PYTHONHASHSEED": "0"}) as pid,
    ):
        running = Running(ports=(port,), pids=(pid,), secret=secret)
        _deal_with(running, sink, 0, _WARM_UP)
        _control(pid, "--instr=on")
        _deal_with(running, sink, 1_000_000, messages)
        _control(pid, "--dump")
        _control(pid, "--instr=off")
    return folder / "profile.1"


def _deal_with(running: Running, sink: int, first: int, count: int) -> None:
    load(running, first, count, _CONNECTIONS, 0)
    if len(settle(sink, count)) < count:
        sys.exit("not every message was delivered")


def _control(pid: int, what: str) -> None:
    subprocess.run(["callgrind_control", what, str(pid)], check=True, capture_output=True)


def _total(profile: Path) -> int:
    found = re.search(r"^totals: (\d+)", profile.read_text(), re.MULTILINE)
    if not found:
        sys.exit("callgrind counted nothing")
    return int(found[1])


if __name__ == "__main__":
    main()
