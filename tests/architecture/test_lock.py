"""The lock file pins every package with its hashes and names no place to fetch it from."""

import re

from tests.shipped import PYPROJECT, ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==", re.MULTILINE)


def test_no_index_or_other_address_in_the_lock_file():
    assert not re.findall(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host", LOCK)


def test_every_pin_has_hashes():
    entries = re.split(r"\n(?=\S)", "\n".join(line for line in LOCK.splitlines() if line.strip()[:1] != "#"))

    assert not [entry.splitlines()[0] for entry in entries if entry.strip() and "--hash=sha256:" not in entry]


def test_every_declared_dependency_is_pinned():
    project, groups = PYPROJECT["project"], PYPROJECT["dependency-groups"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["demo"], *groups["dev"]]

    assert {_distribution(entry) for entry in declared} <= {
        _distribution(pin) for pin in PINNED.findall(LOCK)
    }


def _distribution(requirement):
    return re.match(r"[A-Za-z0-9_.-]+", requirement)[0].lower().replace("_", "-").replace(".", "-")
