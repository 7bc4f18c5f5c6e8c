"""What an administrator writes in the console of one process is what the next customer reads, whoever mails it."""

import asyncio
import time
from contextlib import asynccontextmanager

import httpx
import pytest

from canonical_model.contact import Language
from cli.check import run_checks
from console.access import Role
from console.staff import accounts_of
from hub import Hub
from journal.letter_texts import NewText
from journal.schema import messages
from settings import load
from tests.console.conftest import ORIGIN, PASSWORD, Browser
from tests.flows import outside
from tests.flows.small_hub import small_hub
from tests.journal.scene import rows

OUTSIDE = '[adapters.outside]\nsystem = "tests.flows.outside:build"\n'
MAILING = ("worker", "listener", "scheduler")
ACKNOWLEDGEMENT = "/texts/acknowledgement/nl"
OWN = "Dag\n\nHet nummer is {ref}.\n\n{city}\n"


@pytest.fixture
def city(tmp_path, monkeypatch, postgres_url):
    monkeypatch.setattr(outside, "WORLD", outside.World())
    hub = small_hub(tmp_path, journal=postgres_url)
    text = hub.hub_toml.read_text().replace('[adapters.tracker]\nsystem = "memory"\n', OUTSIDE)
    hub.hub_toml.write_text(text)
    return hub


@asynccontextmanager
async def living(city, *roles):
    hub = Hub(load(city.hub_toml), roles)
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


@asynccontextmanager
async def administrator(hub):
    accounts = accounts_of(hub.journal, hub.configuration.settings.console)
    await accounts.add("els", PASSWORD, [Role.ADMINISTRATOR])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(hub.app), base_url=ORIGIN) as client:
        browser = Browser(client)
        await browser.log_in("els")
        yield browser


async def until(happened) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def acknowledged(number: int) -> str:
    """What the citizen with this number read."""
    outside.WORLD.receive(number)
    address = f"citizen-{number}@voorbeeld.be"
    await until(lambda: any(mail.to == address for mail in outside.WORLD.mail.sent))
    (letter,) = [mail for mail in outside.WORLD.mail.sent if mail.to == address]
    return letter.text


async def test_a_saved_text_is_mailed_by_every_process_and_by_one_that_starts_later(city):
    async with living(city, "console") as desk, administrator(desk) as els:
        async with living(city, *MAILING) as mailing:
            assert "goed ontvangen" in await acknowledged(1)
            files = mailing.process().config_version
            form = {
                "subject": "Ontvangen [{ref}]",
                "text": OWN,
                "reason": "korter",
                "seen": "0",
                "do": "save",
            }
            assert (await els.post(ACKNOWLEDGEMENT, form)).headers["location"].endswith("done=text_saved")
            await until(lambda: mailing.process().config_version != files)
            assert (await acknowledged(2)).startswith("Dag\n\nHet nummer is LEU-")
            own = mailing.process().config_version
            versions = {row.config_version for row in await rows(mailing.journal, messages)}
            assert {files, own} <= versions
            await mailing.reload()
            assert (await acknowledged(3)).startswith("Dag")

        async with living(city, *MAILING) as mailing:
            assert mailing.process().config_version == own
            assert (await acknowledged(4)).startswith("Dag")
            await els.post(f"{ACKNOWLEDGEMENT}/versions/0/restore", {"reason": "toch niet"})
            await until(lambda: mailing.process().config_version == files)
            assert "goed ontvangen" in await acknowledged(5)


async def test_commands_decide_by_the_saved_texts_too_and_tell_one_of_no_use(city):
    async with living(city, "console") as desk:
        for name, text in (("acknowledgement", OWN), ("closed", "Dag {was_once}")):
            await desk.journal.letter_texts.save(
                NewText(
                    language="nl",
                    name=name,
                    seen=0,
                    actor="els",
                    reason="korter",
                    subject="Ontvangen [{ref}]",
                    text=text,
                )
            )

    shown = await asyncio.to_thread(city.command, "texts", "preview", "acknowledgement")
    assert shown.stdout.startswith("Ontvangen [LEU-2026-000123]\n\nDag\n\nHet nummer is LEU-2026-000123.")
    checked = dict(await run_checks(Hub, load(city.hub_toml)))
    assert checked["letters"] == ("nl: closed: saved in the console, but of no use any more",)
    assert checked["texts"] == ()


async def test_a_folder_that_says_too_much_is_refused_at_reload_and_told_by_check(city):
    folder = city.folder / "teksten"
    folder.mkdir()
    city.hub_toml.write_text(city.hub_toml.read_text().replace("[hub]\n", '[hub]\ntexts = "teksten"\n'))
    (folder / "fr.toml").write_text('closed = "C\'est résolu."')

    reload = await asyncio.to_thread(city.command, "reload")
    assert reload.returncode == 1
    assert "fr: closed: text says mended: résolu" in reload.stderr
    checked = dict(await run_checks(Hub, load(city.hub_toml)))
    assert checked["texts"] == ("fr: closed: text says mended: résolu",)

    (folder / "fr.toml").write_text('closed = "Clôturé."')
    french = load(city.hub_toml).routes.texts[Language.FR]
    assert french["closed"] == "Clôturé."
    assert french["answer"].startswith("{answer}")
    assert (await asyncio.to_thread(city.command, "reload")).returncode == 0
