"""Blocking work beside the event loop, in a thread that keeps neither the loop nor the process alive."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType


def in_thread(name: str, work: Callable[[], None]) -> "asyncio.Future[None]":
    """Start it; the future ends as the work ends. Unlike the executor's, this thread is never waited for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        with Ending(loop, done):
            work()

    threading.Thread(target=run, name=name, daemon=True).start()
    return done


def in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call it soon, in the loop's own thread; when the loop has ended, nobody waits for it."""
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(call)


class Ending(AbstractContextManager["Ending", bool]):
    """Hands whatever ended the work over to the future, where it is not overlooked."""

    def __init__(self, loop: asyncio.AbstractEventLoop, done: "asyncio.Future[None]") -> None:
        self._loop = loop
        self._done = done

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        in_loop(self._loop, lambda: self._end(error))
        return True

    def _end(self, error: BaseException | None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)
