"""The API over a real journal with the city's routes, a tracker in memory, and a worker for what follows."""

import base64
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from console.api.credentials import Credentials, Scope
from demo.city_hall import city_file, without_crews
from hub import Hub
from journal.database import open_engine
from journal.migrate import migrate
from settings import load, make_secrets
from tests.servers.private import free_port

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so!").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"an older key, of about that size!").decode()
TYPE = "be.wegwijzer.contact.submitted.v1"
CONFIGURATION = """
[hub]
listen = "127.0.0.1:{port}"
[adapters.tracker]
system = "memory"
[api.systems.kassa]
title = "Kassasysteem van het zwembad"
requests_per_minute = 100000
[api.systems.bib]
requests_per_minute = 100000
[api.systems.traag]
requests_per_minute = 3
[api.systems.dosis]
webhook = "http://127.0.0.1:{hook}/hook"
webhook_secrets = ["secret:dosis_webhook", "secret:dosis_webhook_old"]
"""


def a_contact(**changes):
    return {
        "subject": "Ticket niet afgedrukt",
        "message": "De kassa gaf geen ticket.",
        "kind": "report",
        "location": {"postcode": "3010"},
        **changes,
    }


def an_event(id_="k-1", data=None, **changes):
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/kassa/3",
        "type": TYPE,
        "datacontenttype": "application/json",
        "data": a_contact() if data is None else data,
        **changes,
    }


@asynccontextmanager
async def running(folder, hook_port=1, configuration=CONFIGURATION):
    """A hub in this process, without its web server."""
    (folder / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")))
    (folder / "hub.toml").write_text(configuration.format(port=free_port(), hook=hook_port))
    make_secrets(folder / "secrets")
    (folder / "secrets" / "dosis_webhook").write_text(SECRET)
    (folder / "secrets" / "dosis_webhook_old").write_text(OLD_SECRET)
    hub = Hub(load(folder / "hub.toml"))
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


@pytest.fixture(scope="session")
def empty_journal(tmp_path_factory):
    """A journal with its tables, to be copied: to make them takes longer than most tests."""
    file = tmp_path_factory.mktemp("journal") / "journal.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate(engine)
    engine.dispose()
    return file


@pytest_asyncio.fixture
async def hub(tmp_path, empty_journal) -> AsyncIterator[Hub]:
    (tmp_path / "var").mkdir()
    shutil.copy(empty_journal, tmp_path / "var" / "journal.db")
    async with running(tmp_path) as started:
        yield started


async def token_of(hub, system, *scopes, valid=timedelta(days=1)):
    credentials = Credentials(hub.journal.database, hub.clock)
    _, token = await credentials.issue(system, scopes or tuple(Scope), valid)
    return token


def client_of(hub, token):
    transport = httpx.ASGITransport(hub.app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url="http://hub.test/api/v1", headers=headers)


@pytest_asyncio.fixture
async def kassa(hub):
    async with client_of(hub, await token_of(hub, "kassa")) as client:
        yield client


@pytest_asyncio.fixture
async def bib(hub):
    async with client_of(hub, await token_of(hub, "bib")) as client:
        yield client


@pytest.fixture
def post():
    async def posted(client, event, path="/events"):
        return await client.post(path, json=event, headers={"Content-Type": "application/cloudevents+json"})

    return posted
