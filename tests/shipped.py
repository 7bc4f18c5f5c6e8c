"""What the wheel ships, read from `pyproject.toml`: the one list of our top-level names."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT: str = PYPROJECT["project"]["name"]
SHIPPED: list[str] = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]


def modules() -> Iterator[Path]:
    """Every Python file that ships, except what `ruff` is told to leave alone: homes of other products."""
    excluded = [ROOT / name for name in PYPROJECT["tool"]["ruff"]["extend-exclude"]]
    for name in SHIPPED:
        path = ROOT / name
        found = [path] if path.is_file() else sorted(path.rglob("*.py"))
        yield from (file for file in found if not any(file.is_relative_to(folder) for folder in excluded))


def name(file: Path) -> str:
    """The path as the project spells it, for messages."""
    return file.relative_to(ROOT).as_posix()
