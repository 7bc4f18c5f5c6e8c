"""The files of docker/, read as their programs read them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.shipped import ROOT

DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*/Dockerfile"))
METRIC = re.compile(r"\b((?:wegwijzer|process|python)_[a-z_]+)\b(?!\s*=)")
SUFFIX = re.compile(r"_(?:total|bucket|sum|count)$")


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction of a Dockerfile, with its continuation lines."""

    word: str
    rest: str


def steps(dockerfile: Path) -> list[Step]:
    """The instructions in order."""
    text = re.sub(r"(?m)^\s*#.*\n", "", dockerfile.read_text())
    lines = [line for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]
    return [Step(line.split(None, 1)[0], " ".join(line.split()[1:])) for line in lines]


def final_stage(dockerfile: Path) -> list[Step]:
    """What becomes the image."""
    found = steps(dockerfile)
    last = max(at for at, step in enumerate(found) if step.word == "FROM")
    return found[last:]


def yaml(path: Path) -> Any:
    """A YAML file, its anchors and merges resolved."""
    return YAML(typ="safe").load(path.read_text())


def compose() -> Any:
    """The compose file."""
    return yaml(DOCKER / "compose.yaml")


def metrics_in(expression: str) -> Iterator[str]:
    """The metrics that an expression of Prometheus names, without the suffixes of their series."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    return (SUFFIX.sub("", found) for found in METRIC.findall(bare))
