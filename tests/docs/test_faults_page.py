"""The page of what can break names tests that exist: a proof that nobody can run proves nothing."""

import re
from pathlib import Path

from tests.shipped import ROOT

PAGE = (ROOT / "docs" / "operations" / "faults.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:tests/)?[\w/]*test_\w+(?:\.py)?)(?:\.\.\.)?`", PAGE)))


def _every_test() -> tuple[dict[str, list[Path]], str]:
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file)
    return by_name, "\n".join(file.read_text() for file in files)


def test_every_test_on_the_page_exists():
    files, source = _every_test()
    missing = [
        name
        for name in NAMED
        if not (_is_file(name, files) if name.endswith(".py") else f"def {name}" in source)
    ]
    assert len(NAMED) > 60
    assert missing == []


def test_every_row_of_the_matrix_is_on_the_page():
    rows = {
        number
        for first, last in re.findall(r"^\| ([0-9]+)(?: to ([0-9]+))?", PAGE, re.MULTILINE)
        for number in range(int(first), int(last or first) + 1)
    }
    rows |= {
        int(number)
        for pair in re.findall(r"^\| ([0-9, ]+) \|", PAGE, re.MULTILINE)
        for number in pair.split(",")
    }
    assert set(range(1, 72)) - rows == set()


def _is_file(name: str, files: dict[str, list[Path]]) -> bool:
    return (ROOT / name).exists() if "/" in name else name in files
