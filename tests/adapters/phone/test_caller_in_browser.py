"""The caller's page in a real browser: by keyboard, at 200 % zoom, in both languages, under its strict policy."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import console
from canonical_model.contact import Language
from canonical_model.decision import Reference
from demo.outside.serving import serving
from ports.cases import CaseView
from tests.adapters.phone.test_screen_pop import NUMBER, summary

CHROMIUM = shutil.which("chromium")
STATIC = Path(console.__file__).parent / "static"


@pytest.fixture
async def address(cti):
    app = Starlette(
        routes=[Mount("/in/phone", app=cti.webhook), Mount("/static", StaticFiles(directory=STATIC))]
    )
    async with serving(app) as origin:
        yield origin


@pytest.fixture
async def browser():
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed: apt-get install chromium")
        pytest.skip("Chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield browser
        await browser.close()


@pytest.mark.parametrize("width", [1280, 640], ids=["usual", "zoomed to 200 %"])
@pytest.mark.parametrize(("language", "title"), [("nl", "Wie belt er?"), ("en", "Who is calling?")])
async def test_an_employee_finds_a_callers_cases_by_keyboard(
    browser, address, staff, cases, language, title, width
):
    staff.log_in("kcc_viewer", language=language)
    names = [Reference(system="phone", value=NUMBER, exclusive=False)]
    for number in (1, 2):
        cases.add(CaseView(summary=summary(number), language=Language.NL), names)
    page = await browser.new_page(viewport={"width": width, "height": 800})
    mishaps = []
    page.on("console", lambda message: mishaps.append(message.text) if message.type == "error" else None)

    await page.goto(f"{address}/in/phone/caller")
    await page.get_by_role("textbox").focus()
    await page.keyboard.type("0470 12 34 56")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("table")

    assert await page.locator("h1").inner_text() == title
    assert await page.locator("tbody th").all_inner_texts() == ["LEU-2026-000002", "LEU-2026-000001"]
    assert (
        await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        <= 0
    )
    assert mishaps == []
    if folder := os.environ.get("WEGWIJZER_SCREENSHOTS"):
        await page.screenshot(path=f"{folder}/caller-{language}-{width}.png", full_page=True)
    await page.close()
