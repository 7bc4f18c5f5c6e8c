"""The adapter on a real Request Tracker behaves as every tracker must."""

import pytest

from ports.contracts.tracker import TrackerContract
from tests.servers import request_tracker


class TestRequestTracker(TrackerContract):
    paged_cases = 9

    @pytest.fixture
    def tracker(self, client):
        return request_tracker.tracker_on(client)

    @pytest.fixture
    async def handler(self, running_tracker, client):
        handler = request_tracker.RequestTrackerHandler(running_tracker, client)
        yield handler
        await handler.http.aclose()
