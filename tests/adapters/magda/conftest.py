"""A MAGDA that runs behind TLS, papers of our own, an audit trail in memory, and a clock that is set by hand."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.magda import build
from adapters.memory.looks import MemoryLooks
from demo.outside.magda import make_papers, running_magda
from ports.clock import ManualClock
from tests.adapters.given import given
from tests.adapters.places.conftest import NoneNeeded

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def fixture_bytes():
    return lambda name: (FIXTURES / name).read_bytes()


@pytest.fixture(scope="session")
def papers(tmp_path_factory):
    return make_papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture
def clock():
    return ManualClock(datetime.now(UTC))


@pytest.fixture
def looks():
    return MemoryLooks()


@pytest.fixture
def tools(clock, looks):
    return given(
        name="magda",
        accept=NoneNeeded(),
        checkpoints=NoneNeeded(),
        clock=clock,
        looks=looks,
    )


@pytest.fixture
async def magda(papers):
    async with running_magda(papers) as magda:
        yield magda


@pytest.fixture
def bare(papers):
    """What must be set, with nothing switched on."""
    return {
        "legal_basis": "protocol 2026/12",
        "purpose": "meldingen behandelen",
        "sender": "leuven.be/hub",
        "certificate_file": str(papers.certificate),
        "key_file": str(papers.key),
        "ca_file": str(papers.authority),
        "seconds": 1,
        "allow_test_numbers": True,
    }


@pytest.fixture
def settings(bare, magda):
    return {
        **bare,
        "persons": {"url": f"{magda.origin}/GeefPersoonDienst-02.02/soap/WebService"},
        "companies": {"url": f"{magda.origin}/GeefOndernemingDienst-02.00/soap/WebService"},
    }


@pytest.fixture
async def life(settings, tools):
    """Builds the adapter, as often as it is called."""
    made = []

    def begin(**changed):
        made.append(build({**settings, **changed}, tools))
        return made[-1]

    yield begin
    for adapter in made:
        await adapter.close()
