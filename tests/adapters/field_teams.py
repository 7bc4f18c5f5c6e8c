"""What the tests of every field team's adapter stand on, as fixtures: `client` and `source` are each adapter's own."""

from datetime import UTC, datetime

import pytest

from adapters.memory.checkpoints import MemoryCheckpoints
from ports.clock import ManualClock
from ports.contracts.source import RecordingIntake
from tests.adapters.given import given
from tests.servers.lossy_transport import LossyTransport


@pytest.fixture
def intake():
    return RecordingIntake()


@pytest.fixture
def clock():
    return ManualClock(datetime.now(UTC))


@pytest.fixture
def checkpoints():
    return MemoryCheckpoints()


@pytest.fixture
def more_settings():
    return {}


@pytest.fixture
def tools(intake, checkpoints, clock):
    return given(
        name="ploeg",
        accept=intake,
        checkpoints=checkpoints,
        clock=clock,
    )


@pytest.fixture
def line():
    return LossyTransport()


@pytest.fixture
def bring_in(source):
    return source.poll
