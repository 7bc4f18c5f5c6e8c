"""The default hand-off, within one process."""

import pytest

from broker.in_process import ROOM, InProcessBroker
from tests.broker.contract import BrokerContract


class TestInProcessBroker(BrokerContract):
    @pytest.fixture
    async def brokers(self):
        broker = InProcessBroker()
        await broker.start()
        yield broker, broker
        await broker.close()


async def test_an_id_that_waits_already_is_kept_once():
    broker = InProcessBroker()

    await broker.hand_out(["a", "b", "a"])
    await broker.hand_out(["a"])

    assert await broker.take(10, 0.1) == ["a", "b"]


async def test_what_finds_no_room_is_left_to_the_sweeper():
    broker = InProcessBroker()

    await broker.hand_out([str(number) for number in range(ROOM + 10)])

    assert len(await broker.take(ROOM + 10, 0.1)) == ROOM
