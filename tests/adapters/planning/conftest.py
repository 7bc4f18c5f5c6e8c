"""A planning that runs, on a real port."""

from datetime import UTC, datetime

import pytest

from adapters.planning import build
from adapters.planning.client import PlanningClient
from adapters.planning.settings import Settings
from demo.outside.planning import PASSWORD, USERNAME, Planning
from ports.clock import ManualClock
from ports.contracts.source import RecordingIntake
from tests.adapters.given import given
from tests.servers.hosted import hosted
from tests.servers.soap_service import soap_service

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def settings_for(origin, **changes):
    return {
        "url": f"{origin}/planning",
        "username": USERNAME,
        "password": PASSWORD,
        "connect_seconds": 1,
        "answer_seconds": 3,
        "connections": 2,
        **changes,
    }


@pytest.fixture(scope="session")
def planning_host():
    return hosted()


@pytest.fixture
def planning(planning_host):
    """A new one for every test, at the same port."""
    system = Planning()
    planning_host.app = system.app()
    return system


@pytest.fixture(scope="session")
def peer():
    """npm's `soap`, one for all tests."""
    with soap_service() as service:
        yield service


@pytest.fixture
async def client(planning, planning_host):
    client = PlanningClient(Settings.model_validate(settings_for(planning_host.address, answer_seconds=0.5)))
    yield client
    await client.close()


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def intake():
    return RecordingIntake()


@pytest.fixture
def tools(intake, clock):
    return given(
        name="groen",
        accept=intake,
        clock=clock,
    )


@pytest.fixture
async def adapter(planning, planning_host, tools):
    adapter = build(settings_for(planning_host.address), tools)
    yield adapter
    await adapter.close()
