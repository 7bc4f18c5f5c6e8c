"""Known weaknesses in what we depend on, and the list of all of it: `make audit`, into the folder `build`.

An audit without advisory data says "nothing found" as gladly as one that looked. So a version that is known to be
weak is asked about first: when even that passes, nothing was audited, and we say so.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.shipped import ROOT

WEAK = "jinja2==2.11.0"
"""Has had advisories since 2020 (PYSEC-2021-66)."""
PROGRAM = (sys.executable, "-m", "pip_audit")
NOT_AUDITED = "not audited: no advisory data reachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of it, in words; `failed` ends with an error."""

    words: str
    failed: bool = False


def audit(lock: Path, program: tuple[str, ...] = PROGRAM) -> Verdict:
    """Ask about a known weak version, then about all that the lock file names."""
    with tempfile.TemporaryDirectory() as folder:
        weak = Path(folder) / "weak.txt"
        weak.write_text(WEAK + "\n")
        if not _found(_asked(program, weak, "--no-deps")):
            return Verdict(words=NOT_AUDITED)
    answer = _asked(program, lock, "--require-hashes")
    if found := _found(answer):
        return Verdict(words="\n".join(found), failed=True)
    if answer.returncode:
        return Verdict(words=f"the audit did not end well:\n{answer.stderr.strip()}", failed=True)
    return Verdict(words="no known weakness in requirements.lock")


def _asked(program: tuple[str, ...], file: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [*program, "--strict", "--disable-pip", "--format=json", *words, "--requirement", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def _found(answer: "subprocess.CompletedProcess[str]") -> list[str]:
    try:
        report: dict[str, Any] = json.loads(answer.stdout)
    except ValueError:
        return []
    return [
        f"{one['name']} {one['version']}: {weakness['id']}, mended in {', '.join(weakness['fix_versions']) or '?'}"
        for one in report["dependencies"]
        for weakness in one.get("vulns", ())
    ]


def list_parts(target: Path) -> None:
    """The software bill of materials (CycloneDX) of what the lock file names, with its hashes."""
    files = [str(ROOT / "requirements.lock"), "--pyproject", str(ROOT / "pyproject.toml")]
    words = ["requirements", *files, "--output-reproducible", "--output-file", str(target)]
    command = [sys.executable, "-m", "cyclonedx_py", *words]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def main() -> None:
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    list_parts(build / "sbom.cdx.json")
    verdict = audit(ROOT / "requirements.lock")
    (build / "audit.txt").write_text(verdict.words + "\n")
    print(verdict.words)
    sys.exit(verdict.failed)


if __name__ == "__main__":
    main()
