"""The demo as the README tells it: one command, a morning, an exact balance."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from demo.reckoning import expected_letters
from demo.scenes import read_scenes
from tests.flows.city import WEGWIJZER
from tests.servers.missing import engines_installed


@pytest.mark.parametrize("how", [(), ("--distributed",)], ids=["one process", "distributed"])
def test_a_morning_played_once_has_an_exact_balance(tmp_path: Path, how):
    if how:
        engines_installed()
    done = subprocess.run(
        [WEGWIJZER, "demo", "--once", "--json", "--no-browser", "--folder", tmp_path, *how],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )

    told = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, f"{told['wrong']}\n{done.stderr[-3000:]}"
    assert told["wrong"] == []
    balance = told["balance"]
    assert balance["waiting"] == 0
    assert balance["received"] == balance["done"] + balance["parked"] + balance["dropped"]
    assert balance["received"] == sum(told["received_by_door"].values())
    scenes = read_scenes()
    assert told["cases"] == sum(scene.opens_case for scene in scenes)
    assert told["mails_to_citizens"] == expected_letters(scenes)
    assert told["seconds_to_first_case"] < 60
    assert nobody_works_in(tmp_path)


def test_a_morning_that_is_interrupted_leaves_nothing_running(tmp_path: Path):
    process = subprocess.Popen(
        [WEGWIJZER, "demo", "--no-browser", "--folder", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        told = [line for line, _ in zip(process.stdout, range(8), strict=False)]
        assert any("console   http://127.0.0.1:" in line for line in told), told

        os.killpg(process.pid, signal.SIGINT)

        assert process.wait(60) == 130
    assert nobody_works_in(tmp_path)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL], ids=lambda sign: sign.name)
def test_a_distributed_morning_that_is_ended_leaves_nothing_running(tmp_path: Path, sign):
    engines_installed()
    process = subprocess.Popen(
        [WEGWIJZER, "demo", "--distributed", "--no-browser", "--folder", tmp_path],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        told = [line for line, _ in zip(process.stdout, range(8), strict=False)]
        assert any("console   http://127.0.0.1:" in line for line in told), told
        family = descendants(process.pid)
        assert len(family) > 10

        process.send_signal(sign)

        assert process.wait(60) == (130 if sign is signal.SIGTERM else -signal.SIGKILL)
        left = all_gone(family)
        assert not left, [Path(f"/proc/{pid}/cmdline").read_text() for pid in left]


def test_without_its_engines_the_distributed_demo_says_what_to_install(tmp_path: Path):
    folders = [
        folder for folder in os.environ["PATH"].split(":") if not Path(folder, "rabbitmq-server").exists()
    ]
    code = "import pathlib; pathlib.Path.exists = lambda *_: False; import hub; hub.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "demo", "--distributed", "--no-browser", "--folder", tmp_path],
        env={"PATH": ":".join(folders)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert "apt-get install --no-install-recommends postgresql rabbitmq-server" in done.stderr


def descendants(pid: int) -> set[int]:
    """All processes that this one started, and those that they started."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def all_gone(family: set[int]) -> set[int]:
    """Who of them is still alive after a while."""
    end = time.monotonic() + 20
    while time.monotonic() < end and any(Path(f"/proc/{pid}").exists() for pid in family):
        time.sleep(0.2)
    return {pid for pid in family if Path(f"/proc/{pid}").exists()}


def nobody_works_in(folder: Path) -> bool:
    """Whether soon no process has a file of this folder open: each that the demo starts has its log there."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if not any(name.startswith(str(folder)) for name in open_files()):
            return True
        time.sleep(0.2)
    return False


def open_files() -> Iterator[str]:
    """Of all processes."""
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            yield str(handle.readlink())
