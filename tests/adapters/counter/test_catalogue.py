"""The product catalogue at the counter: searched, used as an answer, and never in the way."""

from dataclasses import replace

import pytest

from adapters.counter import build
from adapters.memory.products import MemoryProducts
from canonical_model.contact import AnswerSource
from canonical_model.product import source_mark
from ports.contracts.products import NOW, PASSPORT, sample
from ports.errors import TransientError
from tests.adapters.counter.test_page_in_browser import (  # noqa: F401 - fixtures
    SCREENSHOTS,
    address,
    browser,
    mishaps,
    page,
)

PASSPORT_ANSWER = "Kost 65 euro."
SOURCE = next(one.source for one in sample() if one.id == PASSPORT)
JSON = {"Accept": "application/json"}


class AwayProducts(MemoryProducts):
    """A catalogue that can't be asked."""

    async def search(self, text, language=None, limit=20):
        raise TransientError("the catalogue is away")

    async def get(self, number):
        raise TransientError("the catalogue is away")


@pytest.fixture
def products(clock):
    clock.jump(NOW - clock.now())
    return MemoryProducts(clock, sample())


@pytest.fixture
def tools(tools, products):
    return replace(tools, products=products)


@pytest.fixture
def away(clock):
    return AwayProducts(clock)


async def test_a_clerk_searches_and_sees_the_answer_with_its_version_and_date(client):
    found = await client.get("/products", params={"q": "reispas", "language": "en"})

    passport, licence = found.json()["products"]
    assert passport == {
        "id": PASSPORT,
        "name": "Passport",
        "description": "For travelling.",
        "answer": "It is 65 euro.",
        "version": "v2",
        "modified": "02/03/2026 11:15",
        "source": source_mark(SOURCE),
    }
    assert licence["name"] == "Rijbewijs"


@pytest.mark.parametrize("roles", [None, {"viewer"}])
async def test_the_catalogue_is_for_clerks_who_are_logged_in(client, staff, roles):
    staff.log_out() if roles is None else staff.log_in(*roles)

    assert (await client.get("/products", params={"q": "reispas"})).status_code == 401


@pytest.mark.parametrize("typed", [PASSPORT, f"Reispas ({PASSPORT})", "passport", f"Oude naam ({PASSPORT})"])
async def test_a_product_of_the_catalogue_can_be_registered(client, intake, form, typed):
    await client.post("/", data=form(product=typed))

    assert intake.stored[0].event.contact.product == PASSPORT


@pytest.mark.parametrize("typed", ["999999", "Zwembad", "Zwembad (999999)", "(", "1446a"])
async def test_what_nobody_offers_is_no_product(client, intake, form, typed):
    answer = await client.post("/", data=form(product=typed), headers=JSON)

    assert (answer.status_code, answer.json()) == (422, {"errors": ["product"]})
    assert not intake.stored


async def test_the_citys_own_list_goes_first(client, intake, form):
    await client.post("/", data=form(product="Rijbewijs"))

    assert intake.stored[0].event.contact.product == "1234"


async def test_an_answer_from_the_catalogue_carries_its_source(client, intake, form):
    await client.post(
        "/",
        data=form(product=PASSPORT, answered="1", answer=PASSPORT_ANSWER, source=source_mark(SOURCE)),
    )

    contact = intake.stored[0].event.contact
    assert (contact.answer, contact.answer_source) == (PASSPORT_ANSWER, SOURCE)
    assert contact.answer_source == AnswerSource(product=PASSPORT, version="v2", modified=SOURCE.modified)


@pytest.mark.parametrize(
    "fields",
    [
        {"answer": PASSPORT_ANSWER, "answered": "1", "source": ""},
        {"answer": PASSPORT_ANSWER, "answered": "1", "source": "verzonnen"},
        {"answer": "", "source": source_mark(SOURCE)},
    ],
)
async def test_an_answer_of_the_clerks_own_carries_none(client, intake, form, fields):
    await client.post("/", data=form(product=PASSPORT, **fields))

    assert intake.stored[0].event.contact.answer_source is None


async def test_without_a_script_the_page_itself_searches_and_fills_in(client):
    found = await client.get("/", params={"q": "reispas"})
    assert "Versie v2 van 02/03/2026 11:15" in found.text
    assert f"?product={PASSPORT}&amp;language=nl" in found.text

    filled = await client.get("/", params={"product": PASSPORT, "language": "nl"})

    assert f'value="Reispas ({PASSPORT})"' in filled.text
    assert f">\n{PASSPORT_ANSWER}</textarea>" in filled.text
    assert source_mark(SOURCE) in filled.text


@pytest.mark.parametrize("words", ["zwembad", "<script>alert(1)</script>", "\x00", "x" * 5_000])
async def test_nothing_is_found_and_nothing_is_shown_as_it_was_typed(client, words):
    found = await client.get("/", params={"q": words})

    assert found.status_code == 200
    assert "Geen product gevonden." in found.text
    assert "<script>alert" not in found.text


async def test_a_catalogue_that_is_away_holds_nobody_up(settings, tools, away, hub, client, intake, form):
    adapter = build(settings, replace(tools, products=away, name="loket"))
    hub.include_router(adapter.webhook, prefix="/in/loket")
    base = "http://hub.test/in/loket"

    assert (await client.get(f"{base}/products?q=reispas")).status_code == 503
    assert "nu niet te raadplegen" in (await client.get(f"{base}/?q=reispas")).text
    await client.post(f"{base}/", data=form(product=f"Reispas ({PASSPORT})"))
    assert intake.stored[0].event.contact.product == PASSPORT
    await adapter.close()


async def test_the_script_finds_shows_and_fills_in(page, address, intake, mishaps):  # noqa: F811 - fixtures
    await page.goto(address)
    await page.fill("#product", "pas")
    await page.wait_for_function("() => document.querySelector('#products').innerHTML.includes('(1446)')")
    assert await page.is_hidden("#offer")

    await page.fill("#product", "Reispas (1446)")
    await page.wait_for_selector("#offer:not([hidden])")
    assert await page.inner_text("#offer-version") == "Versie v2 van 02/03/2026 11:15"
    assert await page.inner_text("#offer-answer") == PASSPORT_ANSWER
    await page.click("#offer-use")
    assert await page.input_value("#answer") == PASSPORT_ANSWER
    assert await page.is_checked("#answered")
    if SCREENSHOTS:
        await page.screenshot(path=f"{SCREENSHOTS}/counter-catalogue.png", full_page=True)
    await page.fill("#text", "Wat kost een reispas?")
    await page.press("#text", "Control+Enter")
    await page.wait_for_url("**/?done=*")

    contact = intake.stored[0].event.contact
    assert (contact.product, contact.subject, contact.answer_source) == (PASSPORT, "Reispas", SOURCE)
    assert mishaps == []


async def test_an_answer_that_was_emptied_no_longer_comes_from_the_catalogue(page, address, intake):  # noqa: F811
    await page.goto(f"{address}?product={PASSPORT}")

    await page.fill("#answer", "")
    await page.type("#answer", "Dat weet ik zelf.")
    await page.fill("#text", "Wat kost een reispas?")
    await page.press("#text", "Control+Enter")
    await page.wait_for_url("**/?done=*")

    assert intake.stored[0].event.contact.answer_source is None
