"""Counters with a queue system and an appointment system beside them, and a clock that stands still."""

import json
import uuid
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from adapters.counter import build
from adapters.memory.cases import MemoryCases
from adapters.memory.checkpoints import MemoryCheckpoints
from adapters.memory.looks import MemoryLooks
from ports.clock import ManualClock
from tests.adapters.given import given
from tests.adapters.website.memory_intake import MemoryIntake
from tests.servers.hosted import hosted
from tests.simulators.desk import CSRF, Desk
from tests.simulators.jcc import Jcc
from tests.simulators.queue_system import QueueSystem

FIXTURES = Path(__file__).parent / "fixtures"
TOKEN = "a-token-of-enough-characters"
DOOR = "http://hub.test/in/counter"
CALLBACK = f"{DOOR}/queue/{TOKEN}"
PRODUCTS = {
    "1234": {
        "name": "Rijbewijs",
        "name_en": "Driving licence",
        "category": "burgerzaken",
        "kind": "question",
    },
    "5678": {"name": "Identiteitskaart", "name_en": "Identity card"},
}


class Memory(MemoryCheckpoints):
    """Looks into the waiting room as well."""

    def room(self):
        """What the waiting room keeps."""
        return json.loads(self.kept.get("visits/counter", '{"seen": {}, "settled": {}, "unreadable": {}}'))


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))


@pytest.fixture
def intake():
    return MemoryIntake()


@pytest.fixture
def checkpoints():
    return Memory()


@pytest.fixture
def cases():
    return MemoryCases()


@pytest.fixture
def staff():
    desk = Desk()
    desk.log_in("kcc_viewer")
    return desk


@pytest.fixture
def looks():
    return MemoryLooks()


@pytest.fixture
def tools(intake, checkpoints, clock, cases, staff, looks):
    return given(
        name="counter",
        accept=intake,
        checkpoints=checkpoints,
        clock=clock,
        cases=cases,
        staff=staff,
        looks=looks,
    )


@pytest.fixture
def hub():
    """Where callbacks arrive; the test puts the adapter in."""
    return FastAPI()


@pytest.fixture
async def queue_system(clock, hub):
    transport = httpx.ASGITransport(hub, client=("10.1.2.3", 4711))
    async with httpx.AsyncClient(transport=transport) as deliver:
        yield QueueSystem(clock=clock, deliver=deliver)


@pytest.fixture(scope="session")
def queue_host():
    return hosted()


@pytest.fixture
def queue_address(queue_host, queue_system):
    """A new queue for every test, at the same port."""
    queue_host.app = queue_system.app()
    return queue_host.address


@pytest.fixture
def jcc():
    return Jcc()


@pytest.fixture(scope="session")
def jcc_host():
    return hosted()


@pytest.fixture
def jcc_address(jcc_host, jcc):
    jcc_host.app = jcc.app()
    return jcc_host.address


@pytest.fixture
def queue_settings(queue_address):
    return {
        "token": TOKEN,
        "allowed": ["10.1.2.0/24"],
        "url": queue_address,
        "callback_url": DOOR,
        "username": "hub",
        "password": "geheim",
        "branches": {"1": "Stadhuis"},
        "services": {"12": "1234"},
        "refresh_seconds": 0,
        "timeout": 2,
    }


@pytest.fixture
def settings(queue_settings, jcc_address):
    return {
        "products": PRODUCTS,
        "queue": queue_settings,
        "appointments": {
            "url": f"{jcc_address}/warp/v1",
            "token_url": f"{jcc_address}/connect/token",
            "client_id": "wegwijzer",
            "client_secret": "geheim",
            "activities": {"act-rijbewijs": "1234"},
            "timeout": 0.5,
        },
    }


@pytest.fixture
async def adapter(settings, tools, hub):
    adapter = build(settings, tools)
    hub.include_router(adapter.webhook, prefix="/in/counter")
    yield adapter
    await adapter.close()


@pytest.fixture
def source(adapter):
    return adapter.sources[0]


@pytest.fixture
async def client(adapter, hub):
    transport = httpx.ASGITransport(hub, client=("10.1.2.3", 4711))
    async with httpx.AsyncClient(transport=transport, base_url=DOOR) as client:
        yield client


@pytest.fixture
def form():
    """A filled-in form, with its token."""

    def filled(**fields):
        usual = {
            "csrf": CSRF,
            "id": str(uuid.uuid4()),
            "kind": "",
            "product": "Rijbewijs (1234)",
            "subject": "Rijbewijs verlengen",
            "text": "Mevrouw wil haar rijbewijs verlengen.",
            "language": "nl",
        }
        return {**usual, **fields}

    return filled
