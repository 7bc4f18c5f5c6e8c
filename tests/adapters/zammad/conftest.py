"""The adapter on the double."""

from datetime import timedelta

import pytest

from adapters.zammad.adapter import Zammad
from adapters.zammad.client import ZammadClient
from adapters.zammad.feed import Feed
from adapters.zammad.settings import Settings
from tests.adapters.zammad.documented import CUSTOMER, TOKEN, Agent, DocumentedZammad


@pytest.fixture
def settings():
    return Settings(url="https://zammad.example/", token=TOKEN, customer=CUSTOMER)


@pytest.fixture
def zammad():
    return DocumentedZammad()


@pytest.fixture
async def client(zammad, settings):
    client = ZammadClient(settings, zammad.transport)
    yield client
    await client.close()


@pytest.fixture
def tracker(client):
    return Zammad(client, Feed(client, timedelta(seconds=60)), CUSTOMER)


@pytest.fixture
def handler(zammad):
    return Agent(zammad)
