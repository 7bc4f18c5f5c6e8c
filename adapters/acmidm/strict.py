"""JSON that everybody behind us reads the same way, or not at all: no key twice, no NUL, no NaN, not too deep."""

import json
from typing import Any, TypeAlias

import msgspec

from adapters.acmidm.problems import misfit
from ports.problems import MALFORMED

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"

_DEEPEST = 20


def object_of(body: bytes) -> JsonObject:
    """The body as a JSON object. Raises `SubmissionError` that names the place, never the value."""
    try:
        value: JsonObject = msgspec.json.decode(body, type=dict[str, Any])
        json.loads(body, object_pairs_hook=_without_repeats)
    except msgspec.ValidationError:
        raise misfit("$", "expected a JSON object", problem=MALFORMED) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise misfit("$", "is not JSON in UTF-8", problem=MALFORMED) from None
    _check(value, "$", 0)
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise misfit("$", "holds the same key twice in one object", problem=MALFORMED)
    return found


def _check(value: Json, path: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise misfit("$", "is nested too deeply", problem=MALFORMED)
    if isinstance(value, str) and "\0" in value:
        raise misfit(path, "holds a NUL character: remove it")
    if isinstance(value, dict):
        for one in value.values():
            _check(one, path, depth + 1)
    if isinstance(value, list):
        for one in value:
            _check(one, path, depth + 1)
