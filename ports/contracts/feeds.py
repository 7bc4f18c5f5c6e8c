"""How feeds must behave. Subclass `FeedsContract` and give it feeds, and the keys of three effects that were written down."""

import asyncio

import pytest

from ports.feeds import Feeds


class FeedsContract:
    """Override the fixtures."""

    @pytest.fixture
    def feeds(self) -> Feeds:
        raise NotImplementedError("return empty feeds")

    @pytest.fixture
    def keys(self) -> tuple[str, str, str]:
        raise NotImplementedError("return the keys of three effects that these feeds can tell of")

    async def test_an_empty_feed_stays_where_it_is(self, feeds: Feeds) -> None:
        page = await feeds.read("in/one", 7, 10)

        assert (page.entries, page.next, page.more) == ((), 7, False)

    async def test_effects_are_read_in_the_order_in_which_they_were_appended(
        self, feeds: Feeds, keys: tuple[str, str, str]
    ) -> None:
        positions = [await feeds.append("in/one", key) for key in reversed(keys)]

        page = await feeds.read("in/one", 0, 10)

        assert positions == [1, 2, 3]
        assert [entry.position for entry in page.entries] == positions
        assert [entry.key for entry in page.entries] == list(reversed(keys))
        assert all(entry.command is not None for entry in page.entries)

    async def test_a_reader_goes_on_where_he_left_off(self, feeds: Feeds, keys: tuple[str, str, str]) -> None:
        for key in keys:
            await feeds.append("in/one", key)

        first = await feeds.read("in/one", 0, 2)
        second = await feeds.read("in/one", first.next, 2)

        assert ([entry.key for entry in first.entries], first.more) == (list(keys[:2]), True)
        assert ([entry.key for entry in second.entries], second.more) == ([keys[2]], False)
        assert (await feeds.read("in/one", second.next, 2)).entries == ()

    async def test_the_same_effect_has_one_position(self, feeds: Feeds, keys: tuple[str, str, str]) -> None:
        positions = await asyncio.gather(*[feeds.append("in/one", keys[0]) for _ in range(4)])

        assert set(positions) == {1}
        assert len((await feeds.read("in/one", 0, 10)).entries) == 1

    async def test_each_feed_counts_for_itself(self, feeds: Feeds, keys: tuple[str, str, str]) -> None:
        await feeds.append("in/one", keys[0])

        assert await feeds.append("in/two", keys[1]) == 1
        assert [entry.key for entry in (await feeds.read("in/two", 0, 10)).entries] == [keys[1]]
