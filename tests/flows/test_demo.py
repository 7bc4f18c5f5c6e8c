"""The demo as the README tells it: one command, a morning, an exact balance."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from demo.reckoning import expected_letters
from demo.scenes import read_scenes
from tests.flows.city import WEGWIJZER


def test_a_morning_played_once_has_an_exact_balance(tmp_path: Path):
    done = subprocess.run(
        [WEGWIJZER, "demo", "--once", "--json", "--no-browser", "--folder", tmp_path],
        capture_output=True,
        text=True,
        timeout=240,
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
