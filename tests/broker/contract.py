"""What every broker does for the hub, whatever it is made of."""

import asyncio

import pytest

from broker.port import Broker
from tests.broker.taking import Stopwatch, taken

A_MOMENT = 0.5


class BrokerContract:
    """Subclass, and give two started ends of one hand-off; they may be the same object."""

    @pytest.fixture
    def brokers(self) -> tuple[Broker, Broker]:
        raise NotImplementedError("return two ends of the hand-off under test")

    async def test_what_is_handed_out_is_taken(self, brokers):
        one, other = brokers

        await one.hand_out(["a", "b", "c"])

        assert set(await taken(other, ["a", "b", "c"])) == {"a", "b", "c"}

    async def test_who_handed_out_may_take(self, brokers):
        one, _ = brokers

        await one.hand_out(["a"])

        assert "a" in await taken(one, ["a"])

    async def test_an_id_handed_out_again_is_taken_again(self, brokers):
        one, other = brokers
        await one.hand_out(["a"])
        await taken(other, ["a"])

        await one.hand_out(["a"])

        assert "a" in await taken(other, ["a"])

    async def test_who_waits_is_woken(self, brokers):
        one, other = brokers
        waiting = asyncio.create_task(other.take(10, 30))
        await asyncio.sleep(A_MOMENT)

        with Stopwatch() as took:
            await one.hand_out(["a"])
            ids = await waiting

        assert list(ids) == ["a"]
        assert took.seconds < 2

    async def test_nothing_there_is_no_ids_after_the_given_time(self, brokers):
        one, _ = brokers

        with Stopwatch() as took:
            ids = await one.take(10, 0.3)

        assert not ids
        assert 0.25 < took.seconds < 2

    async def test_handing_out_nothing_is_nothing(self, brokers):
        one, other = brokers

        await one.hand_out([])

        assert not await other.take(10, 0.3)

    async def test_never_more_than_asked_for(self, brokers):
        one, other = brokers
        ids = [str(number) for number in range(250)]

        await one.hand_out(ids)

        assert set(await taken(other, ids, limit=7)) == set(ids)

    async def test_who_stopped_waiting_takes_nothing_away(self, brokers):
        one, other = brokers
        waiting = asyncio.create_task(other.take(10, 30))
        await asyncio.sleep(A_MOMENT)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

        await one.hand_out(["a"])

        assert "a" in await taken(other, ["a"])

    async def test_two_takers_share(self, brokers):
        ids = {str(number) for number in range(3000)}
        shares = [set[str](), set[str]()]

        async def take_part(broker: Broker, share: set[str]) -> None:
            while shares[0] | shares[1] < ids:
                share.update(await broker.take(10, 0.2))
                await asyncio.sleep(0)

        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for broker, share in zip(brokers, shares, strict=True):
                group.create_task(take_part(broker, share))
            await asyncio.sleep(A_MOMENT)
            await brokers[0].hand_out(sorted(ids))

        assert shares[0] | shares[1] == ids
        assert all(len(share) > 100 for share in shares)

    async def test_ten_thousand_ids_pass(self, brokers):
        one, other = brokers
        ids = [f"effect-{number}" for number in range(10_000)]

        for first in range(0, len(ids), 500):
            await one.hand_out(ids[first : first + 500])

        assert set(await taken(other, ids, seconds=60)) == set(ids)

    async def test_closing_does_not_wait_for_takers(self, brokers):
        one, other = brokers
        await one.hand_out([str(number) for number in range(5000)])
        await other.take(1, 5)

        with Stopwatch() as took:
            await one.close()
            await other.close()

        assert took.seconds < 10
