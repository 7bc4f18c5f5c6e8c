"""The adapter on a real Roundup behaves as every tracker must."""

import pytest

from ports.contracts.tracker import TrackerContract
from tests.servers import roundup


class TestRoundupTracker(TrackerContract):
    paged_cases = 30

    @pytest.fixture
    def tracker(self, client):
        return roundup.tracker_on(client)

    @pytest.fixture
    async def handler(self, running_tracker):
        handler = roundup.RoundupHandler(running_tracker)
        yield handler
        await handler.client.close()
