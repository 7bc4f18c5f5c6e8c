"""What adapters remember, in the journal."""

import pytest

from broker.in_process import InProcessBroker
from ports.contracts.checkpoints import CheckpointsContract
from worker.intake import Doorway


class TestJournalCheckpoints(CheckpointsContract):
    @pytest.fixture
    def checkpoints(self, journal):
        return Doorway(journal, InProcessBroker()).checkpoints("phone")

    async def test_more_than_fit_in_one_statement_are_forgotten(self, checkpoints, journal):
        names = [f"letters/{number}" for number in range(1_200)]
        for name in names:
            await checkpoints.save(name, "x")
        await checkpoints.forget(names)
        assert not await checkpoints.saved("")

    async def test_two_adapters_are_apart(self, checkpoints, journal):
        other = Doorway(journal, InProcessBroker()).checkpoints("counter")
        await other.save("letters/1", "theirs")
        await checkpoints.forget(["letters/1"])
        assert not await checkpoints.saved("letters/")
        assert await checkpoints.replace("letters/1", None, "ours")
        assert await other.saved("letters/") == {"letters/1": "theirs"}
