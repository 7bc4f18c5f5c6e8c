"""The example areas of the demo, registers that run, and a clock that is set by hand."""

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

from adapters.places import build
from ports.clock import ManualClock
from tests.adapters.given import given
from tests.simulators.basisregisters import KEY, running_basisregisters

FIXTURES = Path(__file__).parent / "fixtures"
AREAS = resources.files("demo") / "city" / "areas.geojson"


class NoneNeeded:
    """An enricher neither hands over nor remembers."""

    async def __call__(self, inbound):
        raise AssertionError(inbound.source)

    async def load(self, name):
        raise AssertionError(name)

    async def save(self, name, value):
        raise AssertionError(name)


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
def clock():
    return ManualClock(datetime(2026, 3, 2, 9, 30, tzinfo=UTC))


@pytest.fixture
def tools(clock):
    return given(
        name="places",
        accept=NoneNeeded(),
        checkpoints=NoneNeeded(),
        clock=clock,
    )


@pytest.fixture
def places(tools):
    """Geometry alone, as it is out of the box."""
    return build({"areas": str(AREAS)}, tools).enricher


@pytest.fixture
async def registers():
    async with running_basisregisters() as registers:
        yield registers


@pytest.fixture
async def informed_adapter(tools, registers):
    """With the registers switched on."""
    adapter = build(
        {
            "areas": str(AREAS),
            "register": {
                "url": f"{registers.origin}/v2",
                "api_key": KEY,
                "nearby_url": f"{registers.origin}/geolocation/v4/Location",
                "seconds": 2.5,
            },
        },
        tools,
    )
    yield adapter
    await adapter.close()


@pytest.fixture
def informed(informed_adapter):
    return informed_adapter.enricher
