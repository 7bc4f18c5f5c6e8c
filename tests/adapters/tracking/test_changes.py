"""Reading a tracker's changes on, whatever the tracker says."""

import asyncio

import pytest

from adapters.tracking.changes import Batch, ChangeSource
from tests.adapters.given import given


class Stuck:
    """Says that there is more, and does not get on from here."""

    def __init__(self, *cursors):
        self.cursors = list(cursors)
        self.asked = []

    async def read(self, cursor, limit=200):
        self.asked.append(cursor)
        await asyncio.sleep(0)
        return Batch(changes=(), cursor=self.cursors.pop(0) if self.cursors else cursor, more=True)


@pytest.fixture
def tools():
    return given(
        name="tracker",
    )


async def test_a_tracker_that_does_not_get_on_is_left_alone_until_the_next_look(tools):
    feed = Stuck("1", "2")
    source = ChangeSource(feed, tools, poll_seconds=1)

    async with asyncio.timeout(5):
        for _ in range(2):
            assert await source.poll() == 0
            await source.wait(3600)
        assert await source.poll() == 0
    assert feed.asked == [None, "1", "2"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await source.wait(3600)


async def test_what_was_read_stays_read_when_a_long_list_is_cut_off(tools):
    feed = Stuck("1", "2", "3")
    await ChangeSource(feed, tools, poll_seconds=1).poll()
    await ChangeSource(feed, tools, poll_seconds=1).poll()
    assert feed.asked == [None, "1"]
