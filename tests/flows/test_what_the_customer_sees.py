"""A citizen writes, and follows the case in Mijn Burgerprofiel: a whole hub between a form, a tracker, DOSIS and Notificaties.

The tracker is the one in memory, in the same process, so that a handler can be played; DOSIS and Notificaties are simulators on ports of
their own, with bad days.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest_asyncio

from adapters.memory.tracker import MemoryTracker
from canonical_model.case import CaseRef
from canonical_model.status import CaseStatus
from demo.city_hall import city_file, without_crews
from demo.outside.digitaal_vlaanderen import TOKEN_PATH, Provider
from demo.outside.dosis import SOURCE, Dosis, running_dosis
from demo.outside.notifications import BRAND, Notificaties, running_notificaties
from hub import Hub
from journal.work_items import ItemRow, items_of
from settings import load, make_secrets
from tests.flows.city import eventually
from tests.servers.private import free_port
from tests.simulators.website import Website

AN = "85073003328"
FEED_TOKEN = "a token for the connector, long enough"
WEBHOOK = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so!").decode()
HUB = """
[hub]
listen = "127.0.0.1:{port}"
[answers]
board = "dosis"
notices = "notificaties"
[adapters.tracker]
system = "memory"
[adapters.website]
system = "website"
secrets = ["secret:website_webhook"]
[adapters.dosis]
system = "dosis"
source = "{source}"
product = "1446"
[adapters.dosis.feed]
tokens = ["secret:connector"]
[adapters.dosis.push]
base_url = "{dosis}"
poll_seconds = 0.2
result_seconds = {result_seconds}
log_in = {{ token_url = "{dosis}{token}", client_id = "6776", private_key = "secret:dosis_private_key" }}
[adapters.notificaties]
system = "notifications"
base_url = "{notificaties}"
offerer = "{source}"
brand = "{brand}"
source = "{source}"
product = "1446"
log_in = {{ token_url = "{notificaties}{token}", client_id = "6776", private_key = "secret:dosis_private_key", scope = "Notificaties" }}
"""


@dataclass
class Town:
    """A running hub and what stands around it."""

    hub: Hub
    website: Website
    dosis: Dosis
    notificaties: Notificaties

    @property
    def tracker(self) -> MemoryTracker:
        tracker = self.hub.adapters["tracker"].tracker
        assert isinstance(tracker, MemoryTracker)
        return tracker

    async def report(self, number: int = 1) -> CaseRef:
        """A citizen reports something, and the case is in the tracker."""
        before = len(self.tracker.cases)
        answer = await self.website.post_json(
            {
                "id": f"melding-{number}",
                "subject": "Losse tegel voor de deur",
                "message": "Er ligt een tegel los op de stoep.",
                "kind": "report",
                "person": {"name": "An Peeters", "insz": AN},
            }
        )
        assert answer.status_code == 202

        async def there() -> CaseRef | None:
            cases = self.tracker.cases
            return cases[-1].ref if len(cases) > before else None

        return await eventually(there, "the case is in the tracker")

    async def shows(self, case: CaseRef, *codes: str) -> None:
        """Wait until Mijn Burgerprofiel shows this history."""

        async def look() -> bool:
            found = [one for one in self.dosis.dossiers_of(AN) if one.number == case]
            return bool(found) and tuple(step.code for step in found[0].steps) == codes

        await eventually(look, f"Mijn Burgerprofiel shows {codes}", seconds=20)


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async for town in running_town(tmp_path, result_seconds=0.3):
        yield town


async def running_town(folder: Path, *, result_seconds: float) -> AsyncIterator[Town]:
    provider = Provider()
    port = free_port()
    async with (
        running_notificaties(Notificaties(provider=provider)) as notificaties,
        running_dosis(Dosis(provider=provider, notifications=notificaties)) as dosis,
        httpx.AsyncClient() as client,
    ):
        make_secrets(folder / "secrets")
        for name, secret in (
            ("website_webhook", WEBHOOK),
            ("connector", FEED_TOKEN),
            ("dosis_private_key", provider.private_key),
        ):
            (folder / "secrets" / name).write_text(secret)
        (folder / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")))
        settings = HUB.format(
            port=port, source=SOURCE, brand=BRAND, dosis=dosis.origin, notificaties=notificaties.origin,
            token=TOKEN_PATH, result_seconds=result_seconds,
        )  # fmt: skip
        (folder / "hub.toml").write_text(settings)
        hub = Hub(load(folder / "hub.toml"))
        assert not hub.quarantined
        await hub.start()
        serving = asyncio.create_task(hub.serve())
        door = f"http://127.0.0.1:{port}/in/website"
        await _listening(client, door)
        yield Town(hub, Website(client=client, address=door, secret=WEBHOOK, token=""), dosis, notificaties)
        hub.stop()
        await serving
        await hub.close()


async def _listening(client: httpx.AsyncClient, door: str) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            await client.get(door)
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
        else:
            return


async def test_a_citizen_follows_the_case_and_is_told_when_it_is_his_turn(town: Town) -> None:
    case = await town.report()
    await town.shows(case, "Ontvangen")

    await town.tracker.set_status(case, CaseStatus.IN_PROGRESS)
    await town.shows(case, "Ontvangen", "InVerwerking")
    await town.tracker.set_status(case, CaseStatus.WAITING_FOR_CUSTOMER)
    await town.shows(case, "Ontvangen", "InVerwerking", "DossierOnvolledig")

    async def noticed() -> bool:
        return bool(town.notificaties.shown_to(AN))

    await eventually(noticed, "a notification", seconds=20)
    async with httpx.AsyncClient(base_url=town.dosis.origin) as browser:
        page = (await browser.get(f"/portaal/{AN}")).text
    assert "U moet nog iets doen." in page
    assert "Mijn berichten (1)" in page


async def test_lost_answers_and_errors_leave_one_history(town: Town) -> None:
    town.dosis.weather.failing = 1
    case = await town.report()
    await town.shows(case, "Ontvangen")
    town.dosis.weather.losing = 1

    await town.tracker.set_status(case, CaseStatus.IN_PROGRESS)

    await town.shows(case, "Ontvangen", "InVerwerking")
    assert len(town.dosis.versions[case]) == 2


async def test_a_connector_reads_the_same_from_the_journal(town: Town) -> None:
    case = await town.report()
    await town.shows(case, "Ontvangen")
    feed = town.website.address.replace("website", "dosis") + "/dossierstatusveranderingen"

    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {FEED_TOKEN}"}) as connector:

        async def read() -> list[dict[str, object]]:
            return list((await connector.get(feed)).json()["elementen"])

        (element,) = await eventually(read, "the change is in the feed", seconds=20)

    assert element["dossiernummer"] == case
    assert element["agenten"] == [{"@type": "BurgerAgent", "rijksregisternummer": AN}]


async def test_an_erased_case_leaves_the_portal_and_the_feed(town: Town) -> None:
    case = await town.report()
    await town.shows(case, "Ontvangen")

    await town.hub.journal.erase_case(case, "an administrator", "the customer asked for it")

    async def gone() -> bool:
        return not town.dosis.versions

    await eventually(gone, "DOSIS forgets the dossier")
    page = await town.hub.feeds.read("in/dosis", 0, 10)
    assert [entry.command for entry in page.entries] == [None]


@pytest_asyncio.fixture
async def hasty_town(tmp_path: Path) -> AsyncIterator[Town]:
    """Nobody waits for results here."""
    async for town in running_town(tmp_path, result_seconds=0):
        yield town


async def test_what_dosis_refuses_later_becomes_work_for_a_person(hasty_town: Town) -> None:
    town = hasty_town
    town.dosis.processing_seconds = 0.5
    town.dosis.unknown_numbers.add(AN)
    case = await town.report()

    async def work() -> tuple[ItemRow, ...]:
        return await town.hub.journal.database.read(lambda connection: items_of(connection, case))

    (item,) = await eventually(work, "a person has something to look into", seconds=20)
    assert AN not in repr(item)
    assert not town.dosis.dossiers_of(AN)
