"""A console over a city's morning."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from adapters.memory.products import MemoryProducts
from console import ConsoleSettings, create_console
from console.access import Role
from console.accounts import Accounts
from console.letters import LetterRoom
from ports.contracts.products import BIRTH, PASSPORT, sample
from ports.products import Products
from tests.console.seed import City, a_morning, new_city, open_city
from tests.journal.scene import configuration

PASSWORD = "een lang wachtwoord"
ORIGIN = "http://console.test"
MARKER = "--- Gelieve boven deze lijn te antwoorden ---"
LETTERS = LetterRoom(configuration=configuration, shown=lambda mail: f"{MARKER}\n\n{mail.text}")
"""Shipped texts, and a way out for mail that puts a line above them, as the mailbox does."""
OF_PRODUCTS = {PASSPORT: "groen", BIRTH: "kcc"}
"""Which groups the dispatch table names for products."""


@dataclass
class Browser:
    """Somebody at the console: remembers cookies and finds the token in a page, as a browser does."""

    client: httpx.AsyncClient
    handed_out: list[str] = field(default_factory=list)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def post(
        self, path: str, form: dict[str, str] | None = None, *, token: str | None = None, origin: str = ORIGIN
    ) -> httpx.Response:
        sent = dict(form or {})
        sent["csrf"] = await self.token() if token is None else token
        return await self.client.post(path, data=sent, headers={"Origin": origin})

    async def token(self) -> str:
        """The token that stands in the forms of a page."""
        page = await self.client.get("/accessibility")
        return page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]

    async def log_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/login", {"name": name, "password": password, "next": ""})


@pytest.fixture(scope="session")
def morning(tmp_path_factory: pytest.TempPathFactory) -> City:
    """A finished morning with one account for each role, to be copied; its journal is closed."""
    path = tmp_path_factory.mktemp("morning") / "journal.db"
    return asyncio.run(_a_finished_morning(f"sqlite:///{path}"))


async def _a_finished_morning(url: str) -> City:
    city = new_city(url)
    await city.journal.start()
    try:
        await a_morning(city)
        accounts = Accounts(city.journal.database, city.clock)
        for role in Role:
            await accounts.add(role.value, PASSWORD, [role])
    finally:
        await city.journal.close()
    return city


@pytest_asyncio.fixture
async def city(tmp_path: Path, morning: City) -> AsyncIterator[City]:
    """A copy of the morning, with its journal open."""
    path = tmp_path / "journal.db"
    shutil.copy(str(morning.journal.database.engine.url.database), path)
    city = open_city(f"sqlite:///{path}", morning)
    await city.journal.start()
    try:
        yield city
    finally:
        await city.journal.close()


@pytest.fixture
def settings() -> ConsoleSettings:
    return ConsoleSettings()


@pytest.fixture
def catalogue(city: City) -> Products:
    """The product catalogue of the city."""
    return MemoryProducts(city.clock, sample())


@pytest_asyncio.fixture
async def open_browser(
    city: City, settings: ConsoleSettings, catalogue: Products
) -> AsyncIterator[Callable[[], Browser]]:
    """Opens browsers that know nobody yet."""
    handed_out: list[str] = []

    async def hand_out(ids: Sequence[str]) -> None:
        handed_out.extend(ids)

    groups = configuration().dispatch.group
    app = create_console(
        city.journal,
        settings,
        hand_out=hand_out,
        groups=lambda: groups,
        products=catalogue,
        group_of_product=lambda number: OF_PRODUCTS.get(number, ""),
        letters=LETTERS,
    )
    opened: list[httpx.AsyncClient] = []

    def open_one() -> Browser:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=settings.public_url or ORIGIN)
        opened.append(client)
        return Browser(client, handed_out)

    yield open_one
    for client in opened:
        await client.aclose()


@pytest_asyncio.fixture
async def administrator(open_browser: Callable[[], Browser]) -> Browser:
    """An administrator who is logged in."""
    browser = open_browser()
    await browser.log_in(Role.ADMINISTRATOR)
    return browser


@pytest_asyncio.fixture
async def viewer(open_browser: Callable[[], Browser]) -> Browser:
    """A KCC viewer who is logged in."""
    browser = open_browser()
    await browser.log_in(Role.KCC_VIEWER)
    return browser
