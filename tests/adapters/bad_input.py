"""Bad input for doors, and what every answer to it must be: Hypothesis strategies and the promise that they put to the test."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

PERSONAL = "Zwaantje-0471998877"
"""Stands for what a sender tells of people: in every text that is made here, and never in a log."""
FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""How long a door is fuzzed in a test run."""

ODD_TIMES = (
    "0001-01-01T00:00:00+02:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-10:00",
    "1969-12-31T23:59:59",
    "2026-02-30T10:00:00",
    "26:61",
    PERSONAL,
)
TEXTS = st.sampled_from(("", PERSONAL, f"{PERSONAL}\0", "\ud800", "é€😀", "x" * 25_000, "-1", *ODD_TIMES))
_ENDLESS = "a number of five thousand digits"
NUMBERS = st.sampled_from((0, -1, 1.5, 1e308, 2**63, 10**30, _ENDLESS))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
DEEP = b"[" * 3_000, b'{"a":' * 3_000
DEEP_XML = b"<a>" * 3_000, b'<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>', b"<a b='1' b='2'/>"
GARBAGE = st.sampled_from((b"", b"\0", b"\xff\xfe", b"null", b"[]", b'"x"', b"7", *DEEP)) | st.binary(
    max_size=60
)


@st.composite
def changed(draw: st.DrawFn, good: dict[str, Any]) -> dict[str, Any]:
    """The good document with some of its members taken away or become something else."""
    document = dict(good)
    for name in draw(st.sets(st.sampled_from(sorted(good)), max_size=3)):
        if draw(st.booleans()):
            del document[name]
        else:
            document[name] = draw(VALUES)
    return document


def written(document: object) -> bytes:
    """As JSON. Python itself would not write a number of so many digits; a sender may."""
    return json.dumps(document).replace(f'"{_ENDLESS}"', "9" * 5000).encode()


@st.composite
def spoilt(draw: st.DrawFn, good: bytes, places: Sequence[bytes] = ()) -> bytes:
    """The good message cut off, doubled, or with one of these places become something else."""
    kind = draw(st.sampled_from(("cut", "swapped", "doubled", "place")))
    where = draw(st.integers(0, len(good)))
    match kind:
        case "cut":
            return good[:where]
        case "swapped":
            return good[:where] + draw(st.binary(min_size=1, max_size=8)) + good[where + 1 :]
        case "doubled":
            return good + good
        case _:
            place = draw(st.sampled_from([*places, b">"]))
            return good.replace(place, draw(TEXTS).encode("utf-8", "surrogatepass"), 1)


def played(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Play one example, and see to it that no log tells of people."""
    with quiet():
        asyncio.run(play())


@contextmanager
def quiet():
    """Nothing that is logged meanwhile holds `PERSONAL`, from whatever library."""
    heard: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: heard.append(f"{record.getMessage()} {record.exc_info}")  # type: ignore[method-assign]
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with capture_logs() as logged:
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    told = [line for line in (*heard, *map(repr, logged)) if PERSONAL in line]
    assert not told, told[:1]


def is_clear(answer: httpx.Response) -> bool:
    """Whether it was taken, or refused as the sender's fault and in words that do not repeat what was sent."""
    assert answer.status_code < 500, answer.text[:500]
    assert PERSONAL not in answer.text
    return answer.status_code < 400 or bool(answer.text.strip())
