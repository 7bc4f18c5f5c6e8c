"""Everything outside that hears from the hub in the demo: four field teams, DOSIS with its portals, Notificaties, IPDC and MAGDA."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from joserfc.jwk import RSAKey
from starlette.types import ASGIApp

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
from demo.outside.serving import LOOPBACK, Tls, serving
from demo.task_app import TaskApp, crew_list
from ports.errors import MisconfiguredError

LISTS = "agenda"
"""Folder of the calendar server."""
PAPERS = "papers"
"""Folder of the certificates with which the city and MAGDA know each other."""
NAMED = ("citycontrol", "citycontrol_caller", "planning", "cleaning", "ipdc")
"""Passwords and keys that the hub and these systems share, as its secrets are called."""
GUARDED = ("citycontrol", "planning", "dosis", "notifications")
BEHIND_TLS = 1000
AGENDA, KEY = "groen_agenda", "vlaanderen_private_key"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where they listen and with which secrets, by their names; what is left out is a free port, or a fresh secret.

    `tls`: those that take passwords and personal data (`GUARDED`, and MAGDA) also listen behind TLS, `BEHIND_TLS` ports further, for a hub
    on another machine. `city`: the certificate by which MAGDA knows that hub.
    """

    host: str = LOOPBACK
    ports: Mapping[str, int] = field(default_factory=dict[str, int])
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    tls: Tls | None = None
    city: Path | None = None

    def place(self, name: str) -> dict[str, Any]:
        """For those who serve."""
        return {"host": self.host, "port": self.ports.get(name, 0)}

    def secret(self, name: str) -> str:
        """As given, else fresh."""
        return self.secrets.get(name) or secrets.token_urlsafe(24)

    def provider(self) -> Provider:
        """Who gives out tokens, to the holder of the key that was given."""
        if key := self.secrets.get(KEY):
            known = RSAKey.import_key(key)
            known.ensure_kid()
            return Provider(key=known)
        return Provider()


@asynccontextmanager
async def running_surroundings(folder: Path, site: Site = Site()) -> AsyncGenerator[Surroundings]:
    """All of them, until the block ends. `MisconfiguredError` when one does not start."""
    named = {name: site.secret(name) for name in NAMED}
    provider = site.provider()
    planning = Planning(password=named["planning"])
    catalogue = CityCatalogue(named["ipdc"])
    cleaning = FieldPlanning(
        api_key=named["cleaning"], services=("zwerfvuil", "voetpad"), crew="Ploeg reiniging"
    )
    async with AsyncExitStack() as running:
        begin = running.enter_async_context
        lists = await _calendar(running, folder / LISTS, site)
        address = await asyncio.to_thread(lists.list, "groen")
        app = TaskApp(address, "ploeg", lists.passwords["ploeg"])
        running.push_async_callback(app.close)
        roads = CityControl(password=named["citycontrol"], our_password=named["citycontrol_caller"])
        await begin(running_citycontrol(roads, **site.place("citycontrol")))
        notifications = Notificaties(provider=provider)
        await begin(running_notificaties(notifications, **site.place("notifications")))
        dosis = Dosis(provider=provider, notifications=notifications, processing_seconds=PROCESSING)
        await begin(running_dosis(dosis, **site.place("dosis")))
        await begin(running_ipdc(catalogue.system, **site.place("ipdc")))
        magda = await _magda(running, folder / PAPERS, site)
        magda_page = await begin(serving(magda.page(), **site.place("magda")))
        lighting_at = await begin(serving(planning.app(), **site.place("planning")))
        cleaning_at = await begin(serving(cleaning.app, **site.place("cleaning")))
        green_at = await begin(serving(crew_list(app, "Ploeg groen"), **site.place("green")))
        if site.tls:
            guarded: tuple[ASGIApp, ...] = (roads.app(), planning.app(), dosis.app(), notifications.app())
            for name, system in zip(GUARDED, guarded, strict=True):
                port = site.ports[name] + BEHIND_TLS
                await begin(serving(system, port, host=site.host, tls=site.tls))
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
            secrets={**named, AGENDA: lists.passwords["hub"], KEY: provider.private_key},
            roads=roads,
        )


async def _magda(running: AsyncExitStack, folder: Path, site: Site) -> Magda:
    """Which lets in nobody but the city, and knows it by its certificate."""
    if site.tls and site.city:
        magda = Magda(certificate=site.city, persons=PERSONS, companies=COMPANIES)
        tls, port = replace(site.tls, authority=site.city), site.ports["magda"] + BEHIND_TLS
        magda.origin = await running.enter_async_context(serving(magda.app(), port, host=site.host, tls=tls))
        return magda
    papers = await asyncio.to_thread(make_papers, folder)
    magda = Magda(certificate=papers.certificate, persons=PERSONS, companies=COMPANIES)
    return await running.enter_async_context(running_magda(papers, magda))


async def _calendar(running: AsyncExitStack, folder: Path, site: Site) -> radicale.RunningRadicale:
    try:
        given = site.secrets.get(AGENDA, "")
        server = await asyncio.to_thread(radicale.start, folder, password=given, **site.place("lists"))
    except EngineError as error:
        raise MisconfiguredError(str(error)) from error
    running.push_async_callback(asyncio.to_thread, server.stop)
    return server
