"""Feeds in memory keep the promises of their port, so tests may lean on them."""

import pytest

from adapters.memory.feeds import MemoryFeeds
from canonical_model.commands import WithdrawStatus
from ports.contracts.feeds import FeedsContract


class TestMemoryFeeds(FeedsContract):
    @pytest.fixture
    def feeds(self, keys):
        feeds = MemoryFeeds()
        feeds.commands = dict.fromkeys(keys, WithdrawStatus(case="LEU-2026-000001", reason="erased"))
        return feeds

    @pytest.fixture
    def keys(self):
        return ("a", "b", "c")
