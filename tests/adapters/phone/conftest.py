"""A telephone adapter with an exchange beside it, an intake and checkpoints in memory, and a clock that stands still."""

import base64
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest

from adapters.memory.cases import MemoryCases
from adapters.memory.checkpoints import MemoryCheckpoints
from adapters.memory.looks import MemoryLooks
from adapters.phone import build
from ports.clock import ManualClock
from ports.contracts.source import RecordingIntake
from tests.adapters.given import given
from tests.simulators.asterisk import Asterisk
from tests.simulators.desk import Desk

SEAL = "a seal of more than 24 characters"
TOKEN = "a-token-of-enough-characters"
POP_TOKEN = "a-screen-pop-token-of-enough"
SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so!").decode()


class Memory(MemoryCheckpoints):
    """Counts how often something was saved."""

    def __init__(self):
        super().__init__()
        self.saves = 0

    async def save(self, name, value):
        await super().save(name, value)
        self.saves += 1

    async def replace(self, name, known, value):
        self.saves += 1
        return await super().replace(name, known, value)


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 11, 23, 18, 40, tzinfo=UTC))


@pytest.fixture
def intake():
    return RecordingIntake()


@pytest.fixture
def checkpoints():
    return Memory()


@pytest.fixture
def cases():
    return MemoryCases()


@pytest.fixture
def looks():
    return MemoryLooks()


@pytest.fixture
def staff():
    return Desk()


@pytest.fixture
def tools(intake, checkpoints, clock, cases, looks, staff):
    return given(
        name="phone",
        accept=intake,
        checkpoints=checkpoints,
        clock=clock,
        cases=cases,
        staff=staff,
        looks=looks,
    )


@pytest.fixture
async def asterisk(tmp_path):
    async with Asterisk(records=tmp_path / "Master.csv") as exchange:
        yield exchange


@pytest.fixture
def settings(asterisk):
    return {
        "seal": SEAL,
        "settle_seconds": 0,
        "record_seconds": 0,
        "screen_pop_tokens": {"softphone": POP_TOKEN},
        "systems": {
            "kcc": {
                "asterisk": {
                    "host": "127.0.0.1",
                    "port": asterisk.port,
                    "username": asterisk.username,
                    "secret": asterisk.secret,
                    "timeout": 1,
                    "records": str(asterisk.records),
                    "first_look_back": True,
                    "time_zone": "UTC",
                    "inbound_contexts": ["inkomend"],
                },
                "lines": {"016272001": "callback", "016272004": "voicemail"},
            },
        },
    }


@pytest.fixture
async def phone(settings, tools):
    """Builds the adapter, as often as it is called: each time a new life of the hub."""
    made = []

    def life(**changed):
        made.append(build({**settings, **changed}, tools))
        return made[-1]

    yield life
    for adapter in made:
        await adapter.close()


@pytest.fixture
def source(phone):
    return phone().sources[0]


@pytest.fixture
async def client(cti):
    """A client in front of the doors of `cti`."""
    transport = httpx.ASGITransport(cti.webhook)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        yield client


@pytest.fixture
def cti(tools):
    """An adapter that only has webhooks."""
    return build(
        {
            "seal": SEAL,
            "settle_seconds": 2,
            "screen_pop_tokens": {"softphone": POP_TOKEN},
            "systems": {
                "cloud": {"secrets": [SECRET], "tokens": [TOKEN]},
                "other": {"tokens": ["the-token-of-the-other-one"], "wrap_up_seconds": 300},
            },
        },
        tools,
    )


@asynccontextmanager
async def another_life(tools):
    """The same adapter after the process was killed: new memory, the same checkpoints."""
    adapter = build(
        {"seal": SEAL, "settle_seconds": 2, "systems": {"cloud": {"secrets": [SECRET], "tokens": [TOKEN]}}},
        tools,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(adapter.webhook), base_url="http://hub.test"
    ) as client:
        yield adapter, client
