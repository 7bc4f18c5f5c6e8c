"""How a process that begins waits: until it is done, aloud, and only where waiting helps."""

import asyncio
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from journal.database import StoreBrokenError, StoreUnavailableError
from ports.clock import SystemClock
from ports.errors import MisconfiguredError
from worker.beginning import Beginning


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name, seconds in (("INTERVAL", 0.002), ("SILENCE", 0.02), ("FIRST_PAUSE", 0.02)):
        monkeypatch.setattr(f"worker.beginning.{name}", seconds)


class Step:
    """Meets these errors one after the other, and then works."""

    def __init__(self, *errors: Exception) -> None:
        self.tries = 0
        self._errors = iter(errors)

    async def __call__(self) -> None:
        self.tries += 1
        if error := next(self._errors, None):
            raise error


def away() -> StoreUnavailableError:
    return StoreUnavailableError("the journal is away", detail="connection refused")


async def test_a_journal_that_is_there_is_not_spoken_of():
    step = Step()

    with capture_logs() as logs:
        await Beginning(SystemClock()).until_done(step)

    assert (step.tries, logs) == (1, [])


async def test_it_is_told_at_once_then_ever_more_seldom_and_when_it_is_over():
    step = Step(*(away() for _ in range(100)))

    with capture_logs() as logs:
        await Beginning(SystemClock()).until_done(step)

    assert step.tries == 101
    *waiting, last = logs
    assert {(one["event"], one["reason"], one["detail"]) for one in waiting} == {
        ("journal_is_awaited", "the journal is away", "connection refused")
    }
    moments = [one["seconds"] for one in waiting]
    assert moments[0] == 0.0
    assert 3 <= len(moments) < 10  # after 0, 20, 60, 140 ms ...
    assert last["event"] == "journal_is_there"


async def test_silence_is_told_too():
    async def hang() -> None:
        await asyncio.sleep(3600)

    beginning = Beginning(SystemClock())
    with capture_logs() as logs, suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await beginning.until_done(hang)

    assert {(one["event"], one["reason"]) for one in logs} == {
        ("journal_is_awaited", "the journal's database gives no answer yet")
    }
    assert beginning.waits_for.startswith("waited for since 20")


@pytest.mark.parametrize("error", [MisconfiguredError("wrong password"), StoreBrokenError("the disk failed")])
async def test_what_waiting_does_not_mend_ends_it(error):
    step = Step(away(), error)

    with pytest.raises(type(error)):
        await Beginning(SystemClock()).until_done(step)

    assert step.tries == 2
