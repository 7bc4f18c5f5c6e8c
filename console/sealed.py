"""What a seal held, laid out for a person to read. Everything is plain text; mark-up is shown, never obeyed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from journal.revealing import Revealed

LONGEST_RAW = 50_000

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value with the path under which it stands."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The canonical fields, and the beginning of what came in as it came."""

    kind: str
    name: str
    media_type: str
    fields: tuple[Field, ...]
    raw: str
    cut: bool


def shown(revealed: Revealed) -> Shown:
    """Lay a body out: fields that say something, then the raw text."""
    raw = revealed.raw.decode("utf-8", errors="replace")
    canonical: Json = json.loads(revealed.canonical) if revealed.canonical else {}
    return Shown(
        kind=revealed.kind,
        name=revealed.name,
        media_type=revealed.media_type,
        fields=tuple(_fields("", canonical)),
        raw=raw[:LONGEST_RAW],
        cut=len(raw) > LONGEST_RAW,
    )


def _fields(path: str, value: Json) -> Iterable[Field]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _fields(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from _fields(f"{path} {number}", inner)
    elif value not in ("", None):
        yield Field(name=path, value=str(value))
