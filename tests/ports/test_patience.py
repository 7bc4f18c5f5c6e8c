"""A limit in time: it ends what takes too long, and hides nobody else's cancelling."""

import asyncio

import pytest

from ports.patience import Patience


async def test_what_is_quick_is_left_alone() -> None:
    with Patience(5):
        await asyncio.sleep(0)
        found = "done"

    await asyncio.sleep(0)
    assert found == "done"


async def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError), Patience(0.01):
        await asyncio.sleep(5)

    await asyncio.sleep(0)  # the task goes on as if it had never been cancelled
    assert asyncio.current_task().cancelling() == 0


async def test_errors_come_through() -> None:
    with pytest.raises(LookupError), Patience(5):
        raise LookupError


async def test_somebody_elses_cancelling_stays_one() -> None:
    async def work() -> None:
        with Patience(5):
            await asyncio.sleep(5)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_inner_limit_of_two_counts_for_itself() -> None:
    ends: list[str] = []
    with Patience(5):
        try:
            with Patience(0.01):
                await asyncio.sleep(5)
        except TimeoutError:
            ends.append("inner")
    assert ends == ["inner"]


async def test_the_outer_limit_ends_the_inner_block_too() -> None:
    ends: list[str] = []
    try:
        with Patience(0.01), Patience(5):
            await asyncio.sleep(5)
    except TimeoutError:
        ends.append("outer")
    assert ends == ["outer"]
