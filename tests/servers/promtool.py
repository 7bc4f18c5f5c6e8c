"""Prometheus' own judge of metrics, rules and configurations."""

import shutil
import subprocess
from pathlib import Path

from tests.servers.missing import missing


def promtool(*arguments: str | Path, typed: str = "") -> str:
    """What promtool says; it must be content."""
    program = shutil.which("promtool") or missing("promtool (Debian package prometheus)")
    done = subprocess.run(
        [program, *arguments], input=typed, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
