"""One Roundup for all tests of its adapter."""

import pytest

from adapters.roundup.client import RoundupClient
from tests.servers import roundup


@pytest.fixture(scope="session")
def running_tracker():
    with roundup.running() as tracker:
        yield tracker


@pytest.fixture
async def client(running_tracker):
    client = RoundupClient(roundup.settings(running_tracker))
    yield client
    await client.close()


@pytest.fixture
def tracker(client):
    return roundup.tracker_on(client)


@pytest.fixture
async def handler(running_tracker):
    handler = roundup.RoundupHandler(running_tracker)
    yield handler
    await handler.client.close()
