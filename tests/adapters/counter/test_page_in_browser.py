"""The registration page in a real browser: by keyboard, zoomed, in both languages, and without a connection."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from playwright.async_api import async_playwright
from starlette.staticfiles import StaticFiles

import console
from demo.outside.serving import serving
from tests.servers.missing import missing

CHROMIUM = shutil.which("chromium")
STATIC = Path(console.__file__).parent / "static"
SCREENSHOTS = os.environ.get("WEGWIJZER_SCREENSHOTS")


@pytest.fixture
async def address(adapter, hub):
    hub.mount("/static", StaticFiles(directory=STATIC))
    async with serving(hub) as address:
        yield f"{address}/in/counter/"


@pytest.fixture
async def browser():
    if CHROMIUM is None:
        missing("Chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        yield browser
        await browser.close()


@pytest.fixture
def mishaps():
    return []


@pytest.fixture
async def page(browser, mishaps):
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    page.on("pageerror", lambda error: mishaps.append(str(error)))
    page.on("console", lambda message: mishaps.append(message.text) if message.type == "error" else None)
    yield page
    await context.close()


async def fill(page, subject, **fields):
    await page.fill("#subject", subject)
    await page.fill("#text", fields.get("text", "Wat de klant vraagt."))
    for name, text in fields.items():
        await page.fill(f"#{name}", text)


async def controlled(page, address):
    """Open the page and wait until it works without a connection."""
    await page.goto(address)
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await page.wait_for_function("() => navigator.serviceWorker.controller !== null")


async def waiting(page, text):
    await page.wait_for_function(
        "text => !document.getElementById('waiting').hidden"
        " && document.getElementById('waiting-text').textContent.startsWith(text)",
        arg=text,
    )


async def kept(page):
    """Everything that lies on the machine, as text."""
    return await page.evaluate(
        """async () => {
          const [info] = await indexedDB.databases();
          const open = indexedDB.open(info.name);
          await new Promise((done) => (open.onsuccess = done));
          const all = open.result.transaction("waiting").objectStore("waiting").getAll();
          await new Promise((done) => (all.onsuccess = done));
          open.result.close();
          const text = all.result.map((one) =>
            JSON.stringify(one) + new TextDecoder("latin1").decode(one.box));
          return JSON.stringify(text) + JSON.stringify(localStorage);
        }"""
    )


@pytest.mark.parametrize("width", [1280, 640, 320], ids=["usual", "zoomed to 200 %", "zoomed to 400 %"])
@pytest.mark.parametrize(
    ("language", "title"), [("nl", "Loket: snel registreren"), ("en", "Counter: quick registration")]
)
async def test_the_page_fits_and_speaks_the_employees_language(
    page, address, staff, mishaps, language, title, width
):
    staff.log_in("kcc_viewer", language=language)
    await page.set_viewport_size({"width": width, "height": 900})

    await page.goto(address)

    assert await page.inner_text("h1") == title
    assert (
        await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        <= 0
    )
    unlabelled = "[...document.querySelectorAll('form :is(input:not([type=hidden]), select, textarea)')]"
    assert await page.evaluate(f"{unlabelled}.filter((one) => !one.labels.length).length") == 0
    assert await page.is_hidden("#waiting")
    assert await page.is_hidden("#told")
    if SCREENSHOTS:
        await page.screenshot(path=f"{SCREENSHOTS}/counter-{language}-{width}.png", full_page=True)
    assert mishaps == []


async def test_a_clerk_registers_by_keyboard_alone(page, address, intake, mishaps):
    await page.goto(address)

    await page.keyboard.type("Rijbewijs")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Rijbewijs verlengen")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Mevrouw wil haar rijbewijs verlengen.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Aanvraag gedaan.")
    await page.keyboard.press("Control+Enter")
    await page.wait_for_url("**/?done=*")

    contact = intake.stored[0].event.contact
    assert (contact.product, contact.subject) == ("1234", "Rijbewijs verlengen")
    assert (contact.answered, contact.answer) == (True, "Aanvraag gedaan.")
    assert mishaps == []


async def test_enter_in_a_line_registers_and_a_mistake_gets_the_focus(page, address, intake):
    await page.goto(address)
    await fill(page, "Vraag", email="geen adres")

    await page.press("#subject", "Enter")
    await page.wait_for_selector("[role=alert]")

    assert await page.evaluate("document.activeElement.id") == "email"
    assert await page.input_value("#subject") == "Vraag"
    assert not intake.stored
    if SCREENSHOTS:
        await page.screenshot(path=f"{SCREENSHOTS}/counter-mistake.png", full_page=True)


async def test_it_is_a_plain_form_without_script(browser, address, intake):
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(address)
    await fill(page, "Zonder script", product="Rijbewijs (1234)")

    await page.press("#subject", "Enter")
    await page.wait_for_url("**/?done=*")

    assert intake.stored[0].event.contact.subject == "Zonder script"
    await context.close()


async def test_what_is_registered_without_a_connection_is_sent_later_once(page, address, intake, mishaps):
    await controlled(page, address)
    await page.context.set_offline(True)
    for number in (1, 2):
        await fill(page, f"Zonder verbinding {number}", insz="85.07.30-033.28", name="An van Dijck")
        await page.press("#subject", "Enter")
        await waiting(page, f"{number} registratie")

    machine = await kept(page)
    assert "Dijck" not in machine
    assert "Zonder verbinding" not in machine
    assert not intake.stored
    if SCREENSHOTS:
        await page.screenshot(path=f"{SCREENSHOTS}/counter-waiting.png", full_page=True)

    await page.context.set_offline(False)
    await page.wait_for_function("() => document.getElementById('waiting').hidden")

    assert sorted(one.event.contact.subject for one in intake.stored) == [
        "Zonder verbinding 1",
        "Zonder verbinding 2",
    ]
    assert (await kept(page)).startswith("[]")


async def test_the_page_itself_opens_without_a_connection(page, address, intake):
    await controlled(page, address)
    await page.context.set_offline(True)
    await page.goto(address)

    assert await page.is_visible("text=Geen verbinding met Wegwijzer")
    await fill(page, "Na het herladen")
    await page.press("#subject", "Enter")
    await waiting(page, "1 registratie")
    if SCREENSHOTS:
        await page.screenshot(path=f"{SCREENSHOTS}/counter-offline.png", full_page=True)
    await page.context.set_offline(False)
    await page.wait_for_function("() => !('offline' in document.body.dataset)")
    assert len(intake.stored) == 1

    assert intake.stored[0].event.contact.subject == "Na het herladen"


async def test_an_answer_that_was_lost_makes_no_second_registration(page, address, intake):
    await controlled(page, address)
    reached = asyncio.Event()

    async def lose_the_answer(route):
        if reached.is_set():
            await route.continue_()
            return
        await route.fetch()
        reached.set()
        await route.abort()

    await page.route(lambda url: url.endswith("/in/counter/"), lose_the_answer)
    await fill(page, "Antwoord verloren")
    await page.press("#subject", "Enter")
    await waiting(page, "1 registratie")
    await page.evaluate("window.dispatchEvent(new Event('online'))")
    await page.wait_for_function("() => document.getElementById('waiting').hidden")

    assert len(intake.stored) == 1


async def test_a_colleagues_registrations_wait_for_the_colleague(page, address, staff, intake):
    await controlled(page, address)
    await page.context.set_offline(True)
    await fill(page, "Van Els")
    await page.press("#subject", "Enter")
    await waiting(page, "1 registratie")
    staff.log_in("kcc_viewer", name="jan")
    await page.context.set_offline(False)
    await page.goto(address)
    await waiting(page, "1 registratie wacht op deze computer om verstuurd te worden. 1 daarvan zijn")
    assert not intake.stored

    staff.log_in("kcc_viewer", name="els")
    await page.goto(address)
    await page.wait_for_selector("#told:has-text('Verstuurd.')")
    assert len(intake.stored) == 1


async def test_what_the_hub_refuses_later_is_opened_again_and_mended(page, address, intake):
    await controlled(page, address)
    await page.context.set_offline(True)
    await fill(page, "Fout adres", email="geen adres")
    await page.press("#subject", "Enter")
    await waiting(page, "1 registratie")
    await page.context.set_offline(False)
    await page.wait_for_selector("#waiting-open:visible")

    await page.click("#waiting-open")
    await page.wait_for_function("() => document.getElementById('subject').value === 'Fout adres'")
    await page.fill("#email", "an@voorbeeld.example")
    await page.press("#email", "Enter")
    await page.wait_for_url("**/?done=*")

    assert await page.is_hidden("#waiting")
    assert [one.event.contact.party.email for one in intake.stored] == ["an@voorbeeld.example"]
