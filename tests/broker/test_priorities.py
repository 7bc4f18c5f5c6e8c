"""Two hand-outs in one: urgent ids never stand behind the others."""

import asyncio

import pytest

from broker.in_process import InProcessBroker
from broker.priorities import TwoPriorities
from tests.broker.contract import BrokerContract


@pytest.fixture
async def broker():
    both = TwoPriorities(InProcessBroker(), InProcessBroker())
    await both.start()
    yield both
    await both.close()


class TestTwoPriorities(BrokerContract):
    @pytest.fixture
    async def brokers(self, broker):
        return broker, broker


async def test_what_is_urgent_is_taken_first(broker):
    await broker.bulk.hand_out([f"bulk {number}" for number in range(1000)])
    await broker.hand_out(["urgent 1", "urgent 2"])

    assert await broker.take(3, 1) == ["urgent 1", "urgent 2", "bulk 0"]


@pytest.mark.parametrize("priority", ["urgent", "bulk"])
async def test_who_waits_is_woken_by_either(broker, priority):
    waiting = asyncio.create_task(broker.take(5, 5))
    await asyncio.sleep(0.05)

    await (broker if priority == "urgent" else broker.bulk).hand_out(["a"])

    assert await asyncio.wait_for(waiting, 1) == ["a"]


async def test_who_gives_up_waiting_takes_nothing_along(broker):
    waiting = asyncio.create_task(broker.take(5, 5))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0)

    await broker.hand_out(["a"])
    await broker.bulk.hand_out(["b"])

    assert await broker.take(5, 1) == ["a", "b"]
