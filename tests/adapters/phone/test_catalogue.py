"""The product catalogue at the telephone: the same answer as everywhere, and the call tells which text it was."""

import os
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from adapters.memory.products import MemoryProducts
from adapters.phone.assembler import Habits, Observation, What, assemble
from adapters.phone.cti import told
from adapters.phone.translate import Office, to_event
from canonical_model.product import source_mark
from ports.contracts.products import NOW, PASSPORT, sample
from ports.errors import TransientError
from ports.products import Catalogue
from tests.adapters.phone.conftest import POP_TOKEN, TOKEN
from tests.adapters.phone.test_caller_in_browser import address, browser  # noqa: F401 - fixtures

SOURCE = next(one.source for one in sample() if one.id == PASSPORT)
BEARER = {"Authorization": f"Bearer {POP_TOKEN}"}
OFFICE = Office(callback_hours=4, opens=9, closes=17)


class AwayProducts(MemoryProducts):
    """A catalogue that can't be asked."""

    async def search(self, text, language=None, limit=20):
        raise TransientError("the catalogue is away")


@pytest.fixture
def products(clock):
    clock.jump(NOW - clock.now())
    return MemoryProducts(clock, sample())


@pytest.fixture
def tools(tools, products):
    return replace(tools, products=products)


def wrapped_up(**fields):
    """The contact of an answered call with these notes."""
    seen = [
        Observation(call="c-1", what=what, at=NOW, number="+32470123456", inbound=True)
        for what in (What.BEGAN, What.ANSWERED, What.ENDED)
    ]
    notes = [
        Observation(call="c-1", what=What.WRAPPED_UP, at=NOW, **one) for one in fields.pop("notes", [fields])
    ]
    return to_event(assemble([*seen, *notes], Habits(inbound_contexts=(), lines={})), OFFICE).contact


async def test_the_telephone_software_finds_the_same_answer(client):
    found = await client.get("/products", params={"q": PASSPORT, "language": "en"}, headers=BEARER)

    assert found.json()["products"] == [
        {
            "id": PASSPORT,
            "name": "Passport",
            "description": "For travelling.",
            "answer": "It is 65 euro.",
            "version": "v2",
            "modified": "02/03/2026 11:15",
            "source": source_mark(SOURCE),
        }
    ]


@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {TOKEN}"}])
async def test_only_the_telephone_software_may_ask(client, headers):
    assert (await client.get("/products", params={"q": "e"}, headers=headers)).status_code == 401


def test_an_answer_from_the_catalogue_carries_its_source():
    contact = wrapped_up(answer="Kost 65 euro.", source=source_mark(SOURCE), resolved=True)

    assert (contact.answered, contact.answer, contact.answer_source) == (True, "Kost 65 euro.", SOURCE)
    assert contact.product == PASSPORT


@pytest.mark.parametrize(
    "fields",
    [
        {"source": source_mark(SOURCE), "resolved": True},
        {"answer": "Kost 65 euro.", "source": "verzonnen", "resolved": True},
        {"answer": "Kost 65 euro.", "source": source_mark(SOURCE), "resolved": False},
        {"answer": "Kost 65 euro.", "resolved": True},
    ],
)
def test_without_an_answer_or_a_true_mark_there_is_no_source(fields):
    assert wrapped_up(**fields).answer_source is None


def test_the_source_goes_with_the_last_answer():
    first = {"answer": "Kost 65 euro.", "source": source_mark(SOURCE)}

    assert wrapped_up(notes=[first, {"answer": "Toch niet."}]).answer_source is None
    assert wrapped_up(notes=[first, {"subject": "Reispas"}]).answer_source == SOURCE


def test_what_the_employee_named_goes_before_what_the_answer_came_from():
    assert wrapped_up(answer="a", source=source_mark(SOURCE), product="320").product == "320"


def test_the_exchange_passes_product_and_source_on():
    body = f'{{"event": "wrapUp", "callId": "c-1", "product": "320", "source": "{source_mark(SOURCE)}"}}'

    (seen,) = told(body.encode(), "application/json", NOW, ZoneInfo("UTC")).observations

    assert (seen.product, seen.source) == ("320", source_mark(SOURCE))


@pytest.mark.parametrize("width", [1280, 640])
async def test_an_employee_reads_the_answer_with_its_version_and_date(browser, address, staff, width):  # noqa: F811
    staff.log_in("kcc_viewer")
    page = await browser.new_page(viewport={"width": width, "height": 800})
    mishaps = []
    page.on("console", lambda message: mishaps.append(message.text) if message.type == "error" else None)

    await page.goto(f"{address}/in/phone/caller")
    await page.fill("#q", "reispas")
    await page.press("#q", "Enter")
    await page.wait_for_selector("article")

    shown = await page.locator("article").first.inner_text()
    assert "Reispas (1446)" in shown
    assert "Kost 65 euro." in shown
    assert "Versie v2, 02/03/2026 11:15" in shown
    assert source_mark(SOURCE) in shown
    assert (
        await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        <= 0
    )
    assert mishaps == []
    if folder := os.environ.get("WEGWIJZER_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/caller-catalogue-{width}.png", full_page=True)
    await page.close()


async def test_nothing_found_and_a_catalogue_that_is_away_are_told(
    client, staff, products, monkeypatch, clock
):
    staff.log_in("kcc_viewer")
    found = await client.get("/caller", params={"q": "<b>zwembad</b>"})
    assert "Geen product gevonden." in found.text
    assert "<b>zwembad" not in found.text

    monkeypatch.setattr(products, "search", AwayProducts(clock).search)
    assert "nu niet te raadplegen" in (await client.get("/caller", params={"q": "reispas"})).text
    away = await client.get("/products", params={"q": "reispas"}, headers=BEARER)
    assert away.status_code == 503


class TestWithoutCatalogue:
    @pytest.fixture
    def products(self):
        return Catalogue()

    async def test_the_page_does_not_offer_a_search(self, client, staff):
        staff.log_in("kcc_viewer")

        assert "productencatalogus" not in (await client.get("/caller")).text
