"""The adapter on a real HTTP server that plays the planning, over a line that can be cut."""

import pytest
from fastapi import FastAPI

from adapters.field_open311.adapter import Planning
from adapters.field_open311.client import PlanningClient
from adapters.field_open311.orders import Orders
from adapters.field_open311.settings import Settings
from adapters.field_open311.shelf import Shelf
from adapters.field_open311.source import Updates
from adapters.field_open311.webhook import photo_door
from demo.field_planning import FieldPlanning, Manners
from tests.adapters import field_teams
from tests.servers.hosted import hosted
from tests.simulators.field_open311 import Field, RunningPlanning

KEY = "a-key-of-the-field-planning"

intake = field_teams.intake
clock = field_teams.clock
checkpoints = field_teams.checkpoints
more_settings = field_teams.more_settings
tools = field_teams.tools
line = field_teams.line
bring_in = field_teams.bring_in


@pytest.fixture
def manners():
    return Manners.STRICT


@pytest.fixture
def planning(manners, clock):
    return FieldPlanning(api_key=KEY, manners=manners, now=clock.now)


@pytest.fixture(scope="session")
def planning_host():
    return hosted()


@pytest.fixture
def server(planning, planning_host):
    planning_host.app = planning.app
    return RunningPlanning(planning, planning_host.address)


@pytest.fixture
def settings(server, more_settings):
    values = {
        "url": server.url,
        "api_key": KEY,
        "services": {"voetpad": "voetpad"},
        "visible_seconds": 0,
        "poll_seconds": 0.01,
    }
    return Settings.model_validate(values | more_settings)


@pytest.fixture
async def client(settings, line):
    client = PlanningClient(settings, line)
    yield client
    await client.close()


@pytest.fixture
def orders(checkpoints):
    return Orders(checkpoints)


@pytest.fixture
def shelf(settings, clock):
    return Shelf(settings.photo_door, clock) if settings.photo_door else None


@pytest.fixture
async def crew(settings, client, orders, shelf, clock):
    crew = Planning(settings, client, orders, shelf, clock)
    yield crew
    await crew.close()


@pytest.fixture
async def source(tools, settings, client, orders):
    source = Updates(tools, settings, client, orders)
    yield source
    await source.close()


@pytest.fixture
def field(planning, line):
    return Field(planning, line)


@pytest.fixture(scope="session")
def door_host():
    return hosted()


@pytest.fixture
def door(door_host, tmp_path):
    """Settings of the photo door; `open_door` puts the shelf behind it."""
    return {"folder": str(tmp_path / "photos"), "address": f"{door_host.address}/in/wegen"}


@pytest.fixture
def open_door(door_host, shelf):
    app = FastAPI()
    app.include_router(photo_door(shelf), prefix="/in/wegen")
    door_host.app = app
