"""The log: events with keys, for machines as JSON lines; never somebody's words.

What goes wrong tells its class and where, but not the words of the error: those of a library may quote what it was
given. Only our own errors (`ports.errors`) are shown in full; they promise to hold no personal data. What libraries
log by themselves comes in the same form, and for the same reason without its words, but for a few that are known.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Any, Final, TextIO

import structlog
from structlog.typing import ExcInfo

from ports.errors import HubError

log = structlog.get_logger()

TRUSTED: Final = ("uvicorn", "opentelemetry")
"""Libraries whose messages name addresses and protocols only."""
DEPTH: Final = 12
"""Frames that are shown of each error, the innermost ones."""


def configure_logging(*, as_json: bool, stream: TextIO) -> None:
    """JSON lines for machines; for people the same events with aligned keys."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_as_data if as_json else _as_lines),
            structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(20),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    for handler in [one for one in logging.root.handlers if isinstance(one, FromLibraries)]:
        logging.root.removeHandler(handler)
    logging.root.addHandler(FromLibraries(logging.WARNING))


def log_the_unforeseen() -> None:
    """Errors that end the process or a thread go to the log as well, instead of being printed with their words."""

    def process_died(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.error("process_died", exc_info=(kind, error, trace))

    def thread_died(what: threading.ExceptHookArgs) -> None:
        if what.exc_value is not None:
            log.error("thread_died", exc_info=(what.exc_type, what.exc_value, what.exc_traceback))

    sys.excepthook = process_died
    threading.excepthook = thread_died


class FromLibraries(logging.Handler):
    """Turns what libraries log into events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        tell = log.error if record.levelno >= logging.ERROR else log.warning
        words = {"words": record.getMessage()} if record.name.startswith(TRUSTED) else {}
        at = f"{record.filename}:{record.lineno} {record.funcName}"
        tell("library_message", library=record.name, at=at, exc_info=record.exc_info, **words)


def _as_data(exc_info: ExcInfo) -> list[dict[str, Any]]:
    return [
        {"error": type(error).__name__, "what": _words(error), "at": _frames(error)}
        for error in _chain(exc_info[1])
    ]


def _as_lines(exc_info: ExcInfo) -> str:
    return "\n".join(
        "\n    ".join([f"{type(error).__name__} {_words(error)}".rstrip(), *_frames(error)])
        for error in _chain(exc_info[1])
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what it holds, and what it came from; each once."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner: tuple[BaseException, ...] = getattr(one, "exceptions", ())
        waiting += [*inner, one.__cause__ or (None if one.__suppress_context__ else one.__context__)]


def _words(error: BaseException) -> str:
    return error.what if isinstance(error, HubError) else ""


def _frames(error: BaseException) -> list[str]:
    frames = extract_tb(error.__traceback__)[-DEPTH:]
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]


def _short(filename: str) -> str:
    return "/".join(Path(filename).parts[-2:])
