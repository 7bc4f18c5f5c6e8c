"""One Request Tracker for all tests of its adapter."""

import pytest

from adapters.request_tracker.client import RequestTrackerClient
from tests.servers import request_tracker


@pytest.fixture(scope="session")
def running_tracker():
    with request_tracker.running() as tracker:
        yield tracker


@pytest.fixture
async def client(running_tracker):
    client = RequestTrackerClient(request_tracker.settings(running_tracker))
    yield client
    await client.close()


@pytest.fixture
def tracker(client):
    return request_tracker.tracker_on(client)


@pytest.fixture
async def handler(running_tracker, client):
    handler = request_tracker.RequestTrackerHandler(running_tracker, client)
    yield handler
    await handler.http.aclose()
