"""The trace that a message belongs to, on its way through the hub: W3C Trace Context, `traceparent` only.

What a sender told at whatever door is known while its request lasts; whoever calls a system for an effect tells it on. `tracestate` and baggage are
not passed on: they may hold anything.
"""

import re
from collections.abc import Generator, Iterable, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol

from ports.headers import header

HEADER: Final = "traceparent"
_NAME: Final = HEADER.encode()
_FORM: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CURRENT: ContextVar[str] = ContextVar(HEADER, default="")
_TOLD: ContextVar[str] = ContextVar("told", default="")


class Outgoing(Protocol):
    """A request before it is sent, as httpx knows it."""

    @property
    def headers(self) -> MutableMapping[str, str]: ...


def valid(traceparent: str) -> str:
    """What a sender told when it is a trace of version 00, else "": nothing but hexadecimal digits gets in."""
    return traceparent if traceparent and _FORM.fullmatch(traceparent) else ""


@contextmanager
def within(traceparent: str) -> Generator[None]:
    """What is sent in this block belongs to that trace."""
    token = _CURRENT.set(traceparent)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def hear(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """What comes in by this task, from now on, came with these headers (names in lower case)."""
    _TOLD.set(valid(header(headers, _NAME).decode("latin-1")))


def told() -> str:
    """The trace that the sender of what comes in now told; "" = none."""
    return _TOLD.get()


def current() -> str:
    """The trace to tell on to whoever is called now; "" = none."""
    return _CURRENT.get()


async def pass_trace_on(request: Outgoing) -> None:
    """Tell the system that is called about the trace, if there is one: `event_hooks={"request": [pass_trace_on]}`."""
    if traceparent := current():
        request.headers[HEADER] = traceparent
