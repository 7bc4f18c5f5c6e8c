"""Dependencies point inwards: the contracts in `pyproject.toml`, checked by import-linter itself."""

import subprocess
import sys
from pathlib import Path

from tests.shipped import ROOT


def test_the_import_contracts_are_kept():
    lint_imports = Path(sys.executable).with_name("lint-imports")

    done = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
