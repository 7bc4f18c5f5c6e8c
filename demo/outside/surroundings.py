"""Everything outside that hears from the hub in the demo: four field teams, DOSIS with its portals, Notificaties, IPDC and MAGDA."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo import radicale
from demo.catalogue import CityCatalogue
from demo.engines.private import EngineError
from demo.field_planning import FieldPlanning
from demo.outside.citycontrol import CityControl, running_citycontrol
from demo.outside.crews import CleaningCrew, Crew, GreenCrew, LightingCrew, RoadsCrew
from demo.outside.digitaal_vlaanderen import Provider
from demo.outside.dosis import Dosis, running_dosis
from demo.outside.ipdc import running_ipdc
from demo.outside.magda import Magda, make_papers, running_magda
from demo.outside.notifications import Notificaties, running_notificaties
from demo.outside.planning import Planning
from demo.outside.registers import COMPANIES, PERSONS
from demo.outside.serving import serving
from demo.task_app import TaskApp, crew_list
from ports.errors import MisconfiguredError

LISTS = "agenda"
"""Folder of the calendar server."""
PAPERS = "papers"
"""Folder of the certificates with which the city and MAGDA know each other."""
PROCESSING = 0.3
"""Seconds that DOSIS takes to work off an upload."""
_EXAMPLES = {
    "citycontrol": "http://127.0.0.1:8091",
    "planning": "http://127.0.0.1:8092",
    "cleaning": "http://127.0.0.1:8093",
    "lists": "http://127.0.0.1:8094/hub/groen/",
    "dosis": "http://127.0.0.1:8095",
    "notifications": "http://127.0.0.1:8096",
    "ipdc": "http://127.0.0.1:8097",
    "magda": "https://127.0.0.1:8098",
}
"""Where the example configuration says they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The running systems. `crews` by the name of their adapter; `places`: example address -> real one.

    `magda_page`: where people see what MAGDA was asked.
    """

    crews: Mapping[str, Crew]
    dosis: Dosis
    notifications: Notificaties
    catalogue: CityCatalogue
    magda: Magda
    magda_page: str
    places: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)
    roads: CityControl = field(repr=False)

    def meet(self, hub: str) -> None:
        """Tell CityControl where the hub (`host:port`) hears of its orders."""
        self.roads.hub = f"http://{hub}/in/wegen/soap"


@asynccontextmanager
async def running_surroundings(folder: Path) -> AsyncGenerator[Surroundings]:
    """All of them, until the block ends. `MisconfiguredError` when one does not start."""
    named = {
        name: secrets.token_urlsafe(24)
        for name in ("citycontrol", "citycontrol_caller", "planning", "cleaning", "ipdc")
    }
    provider = Provider()
    planning = Planning(password=named["planning"])
    catalogue = CityCatalogue(named["ipdc"])
    cleaning = FieldPlanning(
        api_key=named["cleaning"], services=("zwerfvuil", "voetpad"), crew="Ploeg reiniging"
    )
    async with AsyncExitStack() as running:
        lists = await _calendar(running, folder / LISTS)
        address = await asyncio.to_thread(lists.list, "groen")
        app = TaskApp(address, "ploeg", lists.passwords["ploeg"])
        running.push_async_callback(app.close)
        roads = await running.enter_async_context(
            running_citycontrol(
                CityControl(password=named["citycontrol"], our_password=named["citycontrol_caller"])
            )
        )
        notifications = await running.enter_async_context(
            running_notificaties(Notificaties(provider=provider))
        )
        dosis = await running.enter_async_context(
            running_dosis(
                Dosis(provider=provider, notifications=notifications, processing_seconds=PROCESSING)
            )
        )
        await running.enter_async_context(running_ipdc(catalogue.system))
        magda = await _magda(running, folder / PAPERS)
        magda_page = await running.enter_async_context(serving(magda.page()))
        lighting_at = await running.enter_async_context(serving(planning.app()))
        cleaning_at = await running.enter_async_context(serving(cleaning.app))
        green_at = await running.enter_async_context(serving(crew_list(app, "Ploeg groen")))
        real = {
            "citycontrol": roads.origin,
            "planning": lighting_at,
            "cleaning": cleaning_at,
            "lists": address,
            "dosis": dosis.origin,
            "notifications": notifications.origin,
            "ipdc": catalogue.system.origin,
            "magda": magda.origin,
        }
        yield Surroundings(
            crews={
                "wegen": RoadsCrew(roads),
                "verlichting": LightingCrew(planning, lighting_at),
                "reiniging": CleaningCrew(cleaning, cleaning_at),
                "groen": GreenCrew(app, green_at),
            },
            dosis=dosis,
            notifications=notifications,
            catalogue=catalogue,
            magda=magda,
            magda_page=magda_page,
            places={_EXAMPLES[name]: place for name, place in real.items()},
            secrets={
                **named,
                "groen_agenda": lists.passwords["hub"],
                "vlaanderen_private_key": provider.private_key,
            },
            roads=roads,
        )


async def _magda(running: AsyncExitStack, folder: Path) -> Magda:
    papers = await asyncio.to_thread(make_papers, folder)
    magda = Magda(certificate=papers.certificate, persons=PERSONS, companies=COMPANIES)
    return await running.enter_async_context(running_magda(papers, magda))


async def _calendar(running: AsyncExitStack, folder: Path) -> radicale.RunningRadicale:
    try:
        server = await asyncio.to_thread(radicale.start, folder)
    except EngineError as error:
        raise MisconfiguredError(str(error)) from error
    running.push_async_callback(asyncio.to_thread, server.stop)
    return server
