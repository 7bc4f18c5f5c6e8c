"""A city with a running hub, for the tests that tell a story."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from demo.handlers import CONTACT_CENTRE, Handler
from tests.flows.city import PASSWORD, City, ConsoleVisitor, running_city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """One city and one hub for all stories of a module."""
    with running_city(tmp_path_factory.mktemp("city")) as city, city.running_hub():
        yield city


@pytest_asyncio.fixture
async def kcc(city: City) -> AsyncIterator[Handler]:
    """The contact centre in the tracker: it sees all cases."""
    async with city.handler(CONTACT_CENTRE) as handler:
        yield handler


@pytest.fixture(scope="module")
def console(city: City) -> Iterator[ConsoleVisitor]:
    """Somebody of the contact centre, logged in to the console."""
    city.command("user", "add", "piet", "--role", "kcc_viewer", "--password-stdin", typed=f"{PASSWORD}\n")
    visitor = ConsoleVisitor(city, "piet")
    visitor.log_in()
    yield visitor
    visitor.close()
