"""A catalogue that runs, an adapter that reads it, checkpoints that survive the adapter, and a clock that is set by hand."""

from datetime import timedelta
from pathlib import Path

import pytest

from adapters.ipdc import build
from demo.outside.ipdc import KEY, running_ipdc
from ports.clock import ManualClock
from ports.contracts.products import NOW
from ports.contracts.source import RecordingIntake
from tests.adapters.given import given

FIXTURES = Path(__file__).parent / "fixtures"


class Memory:
    """Checkpoints as the journal keeps them; `failure` is raised instead of saving."""

    def __init__(self):
        self.kept = {}
        self.saves = 0
        self.failure = None

    async def load(self, name):
        return self.kept.get(name)

    async def save(self, name, value):
        if self.failure:
            raise self.failure
        self.saves += 1
        self.kept[name] = value


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture
def clock():
    return ManualClock(NOW)


@pytest.fixture
def intake():
    return RecordingIntake()


@pytest.fixture
def checkpoints():
    return Memory()


@pytest.fixture
def tools(clock, intake, checkpoints):
    return given(
        name="ipdc",
        accept=intake,
        checkpoints=checkpoints,
        clock=clock,
    )


@pytest.fixture
async def ipdc():
    async with running_ipdc() as catalogue:
        yield catalogue


@pytest.fixture
def settings(ipdc):
    return {"url": ipdc.origin, "api_key": KEY, "page_size": 3, "seconds": 0.5, "look_up_seconds": 0.5}


@pytest.fixture
async def life(settings, tools):
    """Builds the adapter, as often as it is called: each time a new process of the hub."""
    made = []

    def begin(**changed):
        made.append(build({**settings, **changed}, tools))
        return made[-1]

    yield begin
    for adapter in made:
        await adapter.close()


@pytest.fixture
def read_through(clock):
    """Polls until the end of the feed was seen."""

    async def read(adapter, rounds=1):
        for _ in range(rounds):
            clock.advance(timedelta(minutes=2))
            await adapter.sources[0].poll()
        return adapter

    return read
