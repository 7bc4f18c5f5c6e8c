"""A CityControl that runs, the hub's door on a real port, and an intake that behaves like the journal's."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from adapters.citycontrol import adapter as composition
from adapters.citycontrol.client import CityControlClient
from adapters.citycontrol.ledger import Ledger
from adapters.citycontrol.settings import Settings
from adapters.citycontrol.webhook import StatusDoor
from adapters.memory.checkpoints import MemoryCheckpoints
from demo.outside.citycontrol import (
    OUR_PASSWORD,
    OUR_USERNAME,
    PASSWORD,
    USERNAME,
    CityControl,
)
from ports.clock import ManualClock
from tests.adapters.given import given
from tests.adapters.website.memory_intake import MemoryIntake
from tests.servers.hosted import hosted

FIXTURES = Path(__file__).parent / "fixtures"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def intake():
    return MemoryIntake()


@pytest.fixture
def checkpoints():
    return MemoryCheckpoints()


@pytest.fixture
def tools(intake, checkpoints, clock):
    return given(
        name="wegen",
        accept=intake,
        checkpoints=checkpoints,
        clock=clock,
    )


@pytest.fixture(scope="session")
def system_host():
    return hosted()


@pytest.fixture(scope="session")
def hub_host():
    return hosted()


@pytest.fixture
def citycontrol(system_host):
    """A new one for every test, at the same port."""
    system = CityControl(origin=system_host.address)
    system_host.app = system.app()
    return system


def settings_for(origin, **changes):
    return {
        "url": f"{origin}/OntvangAsynchroon",
        "questions_url": f"{origin}/BeantwoordVraag",
        "username": USERNAME,
        "password": PASSWORD,
        "caller": {"username": OUR_USERNAME, "passwords": [OUR_PASSWORD]},
        "cancelling": "actualiseerZaakstatus",
        "connect_seconds": 2,
        "answer_seconds": 5,
        **changes,
    }


@pytest.fixture
async def crew_with(citycontrol, tools):
    """A crew with these changes in its settings; all of one test remember together."""
    clients = []

    def made(**changes):
        settings = Settings.model_validate(settings_for(citycontrol.origin, **changes))
        clients.append(CityControlClient(settings))
        return composition.CityControl(settings, clients[-1], Ledger(tools.checkpoints), tools.clock)

    yield made
    for client in clients:
        await client.close()


@pytest.fixture
def crew(crew_with):
    return crew_with()


@pytest.fixture
def crew_without_questions(crew_with):
    """The public profile: nobody answers questions, and nothing can be cancelled."""
    return crew_with(questions_url="", cancelling="phone")


@pytest.fixture
def door_with(tools):
    """A client before the hub's door, with these changes in its settings."""

    def made(**changes):
        settings = Settings.model_validate(settings_for("http://127.0.0.1:9", **changes))
        app = FastAPI()
        door = StatusDoor(settings, tools, Ledger(tools.checkpoints))
        app.include_router(door.router(), prefix="/in/wegen")
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub.test/in/wegen")

    return made
