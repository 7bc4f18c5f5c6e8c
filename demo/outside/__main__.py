"""The systems around a hub, as a service of their own: `python -m demo.outside`, for a trial in containers.

Each listens on its own port (`PORTS`); the secrets that it shares with the hub are files in `SECRETS`, what it keeps is in `DATA`,
and `HUB` (`host:port`) is where CityControl tells how its orders go. `/` of the port `index` links every screen.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.outside.around import Place, places_page
from demo.outside.serving import Tls, serving
from demo.outside.surroundings import AGENDA, KEY, NAMED, Site, running_surroundings

PORTS = {
    "index": 8089,
    "citycontrol": 8091,
    "planning": 8092,
    "cleaning": 8093,
    "lists": 8094,
    "dosis": 8095,
    "notifications": 8096,
    "ipdc": 8097,
    "green": 8098,
    "magda": 8099,
}
CERTIFICATE, CERTIFICATE_KEY = "simulators_certificate", "simulators_key"
"""With which they listen behind TLS, for the hub."""
CITY = "magda_certificate"
"""By which MAGDA knows the hub."""
_PORTALS = "Wat burgers, ondernemingen en verenigingen zien"
_CREWS = "Wat de ploegen zien"
_SCREENS = (
    (_PORTALS, "dosis", "/", "Portalen van Vlaanderen", "Dossiers en berichten op de portalen (DOSIS)."),
    (_PORTALS, "notifications", "/", "Berichten", "De notificaties alleen, en wie geen mails wil."),
    (_CREWS, "citycontrol", "/ploeg", "Wegen", "De werklijst in CityControl, met knoppen."),
    (
        _CREWS,
        "planning",
        "/ploeg",
        "Verlichting",
        "De werklijst in een planning achter een WSDL, met knoppen.",
    ),
    (_CREWS, "cleaning", "/ploeg", "Reiniging", "De werklijst in een planning met Open311, met knoppen."),
    (_CREWS, "green", "/ploeg", "Groen", "De takenlijst op een CalDAV-server, met knoppen."),
    (
        "Waar de hub iets opzoekt",
        "ipdc",
        "/",
        "Productencatalogus (IPDC)",
        "De teksten waarmee de stad antwoordt.",
    ),
    ("Waar de hub iets opzoekt", "magda", "/", "MAGDA", "Wat MAGDA gevraagd werd, en nooit over wie."),
)


def index() -> Starlette:
    """The page that links every screen, on the name under which it was asked for."""

    async def show(request: Request) -> Response:
        name = request.url.hostname
        return places_page(
            [
                Place(group=group, title=title, address=f"http://{name}:{PORTS[system]}{path}", shows=shows)
                for group, system, path, title, shows in _SCREENS
            ]
        )

    return Starlette(routes=[Route("/", show)])


@asynccontextmanager
async def serving_all(
    data: Path, secrets: Path, hub: str, host: str, ports: Mapping[str, int]
) -> AsyncGenerator[None]:
    """All of them, until the block ends."""
    given = {name: (secrets / name).read_text("utf-8").strip() for name in (*NAMED, AGENDA, KEY)}
    async with AsyncExitStack() as running:
        tls = Tls(certificate=secrets / CERTIFICATE, key=secrets / CERTIFICATE_KEY)
        site = Site(host=host, ports=ports, secrets=given, tls=tls, city=secrets / CITY)
        outside = await running.enter_async_context(running_surroundings(data, site))
        outside.meet(hub)
        await running.enter_async_context(serving(index(), ports["index"], host=host))
        yield


async def _serve() -> None:
    """As a container is told by its environment; 0.0.0.0: compose opens the ports to this machine only."""
    wish = os.environ.get
    data, secrets = Path(wish("DATA", "simulators")), Path(wish("SECRETS", "/run/secrets"))
    hub, host = wish("HUB", "intake:8080"), wish("HOST", "0.0.0.0")  # noqa: S104 - see above
    async with serving_all(data, secrets, hub, host, PORTS):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve())
