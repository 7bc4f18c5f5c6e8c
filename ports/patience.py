"""A limit in time, for what happens with every message.

As `asyncio.timeout`, which on Python 3.11 asks the operating system three times which process this is.
"""

import asyncio
from types import TracebackType


class Patience:
    """`with Patience(seconds):` around awaits of a task; `TimeoutError` when they take longer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._over = False

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise RuntimeError("only a task can be interrupted")
        self._task = task
        self._cancelled_before = task.cancelling()
        self._timer = loop.call_later(self._seconds, self._end)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if not self._over:
            return
        somebody_else_too = self._task.uncancel() > self._cancelled_before
        if not somebody_else_too and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _end(self) -> None:
        self._over = True
        self._task.cancel()
