"""JSON that everybody behind us reads the same way, or not at all.

msgspec is strict about syntax, types, number ranges and surrogates. Three things it lets pass are closed here:
a key that comes twice (readers disagree on which one counts), NUL characters (databases refuse them), and
nesting without end where the shape is free.
"""

import json
import re
from typing import TypeVar

import msgspec

from ports.submission.errors import Flaw, SubmissionError

_T = TypeVar("_T")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PLACE = re.compile(r" - at `(\$[^`]*)`$")
_SAFE = ("Expected `", "Object missing required field `", "Number out of range", "Integer value out of range")


def decoded(decoder: "msgspec.json.Decoder[_T]", body: bytes) -> _T:
    """The body as the decoder's type. Raises `SubmissionError` that names the place, never the value."""
    if b"\\u0000" in body and _NUL.search(body):
        raise SubmissionError("$", "holds a NUL character (\\u0000): remove it")
    try:
        value = decoder.decode(body)
        _LOOKING_FOR_REPEATS.raw_decode(body.decode().lstrip())  # that nothing follows is known by now
    except msgspec.ValidationError as error:
        raise misfit(error) from None
    except msgspec.DecodeError as error:
        raise SubmissionError("$", str(error), flaw=Flaw.MALFORMED) from None
    except UnicodeDecodeError:
        raise SubmissionError("$", "is not UTF-8", flaw=Flaw.MALFORMED) from None
    except RecursionError:
        raise SubmissionError("$", "is nested too deeply", flaw=Flaw.MALFORMED) from None
    return value


def misfit(error: msgspec.ValidationError) -> SubmissionError:
    """msgspec's complaint without anything that the sender wrote."""
    text = str(error)
    place = _PLACE.search(text)
    path = place[1] if place else "$"
    what = _PLACE.sub("", text)
    if what.startswith("Object contains unknown field"):
        return SubmissionError(path, "contains a field that the contract does not have")
    if what.startswith("Invalid enum value"):
        return SubmissionError(path, "is not one of the values that the contract allows")
    if what.startswith(_SAFE):
        return SubmissionError(path, what)
    return SubmissionError(
        path, "does not follow the contract (a date, a file or a number is written wrongly)"
    )


def _without_repeats(pairs: list[tuple[str, object]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise SubmissionError("$", "holds the same key twice in one object", flaw=Flaw.MALFORMED)


_LOOKING_FOR_REPEATS = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_int=str)
"""Numbers stay text: those of fields that nobody reads may have more digits than `int` accepts."""
