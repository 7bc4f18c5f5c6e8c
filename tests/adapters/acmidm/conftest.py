"""Mijn Burgerprofiel as the example of a portal: what is tested here holds for all three."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from adapters.mijn_burgerprofiel import build
from demo.acmidm import AcmIdm, new_key
from tests.adapters.acmidm.portal import Stage, Visitor, pages, registered
from tests.servers.hosted import Host, hosted

NAME = "mijn_burgerprofiel"
INSZ = "85073003328"
KEY = new_key("acm-1")


@pytest.fixture(scope="session")
def host() -> Host:
    """A place on loopback where each test puts its own provider."""
    return hosted()


@pytest_asyncio.fixture
async def stage(host: Host) -> AsyncIterator[Stage]:
    provider = AcmIdm(f"{host.address}/op", key=KEY)
    stage = Stage(provider)
    provider.now = lambda: stage.clock.now().timestamp()
    registered(provider, NAME)
    host.app = provider.app()
    yield stage
    await stage.close()


@pytest_asyncio.fixture
async def an(stage: Stage) -> Visitor:
    """A citizen at the portal, not logged in yet."""
    settings = {
        "pages": pages(stage.provider),
        "categories": {"voetpad": {"title": "Voetpad", "title_en": "Pavement", "product": "1446"}},
    }
    return stage.visitor(stage.portal(build, NAME, settings), NAME)
