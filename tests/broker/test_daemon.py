"""Blocking work beside the event loop."""

import asyncio
import subprocess
import sys
import threading

import pytest

from broker.daemon import in_thread

FOREVER = """
import asyncio, threading
from broker.daemon import in_thread

async def main():
    in_thread("stuck", threading.Event().wait)

asyncio.run(main())
"""


async def test_the_future_ends_as_the_work_ends():
    done = []

    await in_thread("work", lambda: done.append(threading.current_thread().name))

    assert done == ["work"]


async def test_what_ended_the_work_is_raised():
    with pytest.raises(KeyError, match="gone"):
        await in_thread("work", lambda: {}["gone"])


async def test_who_stopped_waiting_is_not_told():
    go_on = threading.Event()
    waiting = in_thread("work", go_on.wait)

    waiting.cancel()
    go_on.set()
    await asyncio.sleep(0.2)

    assert waiting.cancelled()


def test_work_that_never_ends_keeps_neither_loop_nor_process():
    subprocess.run([sys.executable, "-c", FOREVER], check=True, timeout=20)


def test_work_that_outlives_its_loop_ends_in_silence():
    go_on = threading.Event()

    async def begin():
        in_thread("late", lambda: go_on.wait() and None)

    asyncio.run(begin())
    late = next(thread for thread in threading.enumerate() if thread.name == "late")
    go_on.set()
    late.join(5)

    assert not late.is_alive()
