"""The address register of Flanders and the geolocation service, with their bad days, on a free port of this machine.

Behaves as the Basisregisters do: `x-api-key`, ETag and 304, 404 for what never was, 410 for what was removed, 429 with
Retry-After, positions as GML in Lambert 72 (or 2008, as in version 3), partial matches with a lower score.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from demo.outside.serving import serving

KEY = "register-key"
MOST_MATCHES = 10
"""Matches in one answer."""


@dataclass(frozen=True)
class Known:
    """A registered address, in Lambert 72."""

    number: str
    street: str
    house: str
    postcode: str
    municipality: str
    x: float
    y: float
    box: str = ""
    removed: bool = False


ADDRESSES = (
    Known("3706808", "Naamsesteenweg", "210", "3001", "Leuven", 172893.0, 171870.0),
    Known("3706809", "Diestsesteenweg", "112", "3010", "Leuven", 174950.0, 175180.0),
    Known("3706810", "Kerkstraat", "1", "3010", "Leuven", 175900.0, 175300.0),
    Known("3706811", "Kerkstraat", "1", "3012", "Leuven", 174100.0, 177200.0),
    Known("3706812", "Bondgenotenlaan", "12", "3000", "Leuven", 173700.0, 174550.0),
    Known("3706813", "Bondgenotenlaan", "12", "3000", "Leuven", 173700.5, 174550.5, box="2"),
    Known("3706814", "Verdwenenstraat", "3", "3000", "Leuven", 173000.0, 174000.0, removed=True),
    Known("3706815", "Veldstraat", "10", "9000", "Gent", 104800.0, 193700.0),
)


@dataclass
class Basisregisters:
    """`mood`: "well", "busy" (429), "broken" (500), "closed" (401), "slow", "dripping", "login page", "half". `asked`: what it was asked."""

    addresses: Sequence[Known] = ADDRESSES
    origin: str = ""
    mood: str = "well"
    retry_after: str = "30"
    grid: str = "31370"
    asked: list[str] = field(default_factory=list)
    unchanged: int = 0
    etag: int = 1

    def app(self) -> Starlette:
        """Both of them."""
        return Starlette(
            routes=[
                Route("/v2/adresmatch", self.adresmatch),
                Route("/v2/adressen/{number}", self.adressen),
                Route("/geolocation/v4/Location", self.location),
            ]
        )

    async def adresmatch(self, request: Request) -> Response:
        """Fuzzy search by parts."""
        asked = request.query_params
        found = [
            self._record(known) | {"score": score}
            for known in self.addresses
            if (score := _score(known, asked)) and not known.removed
        ]
        found.sort(key=lambda record: -record["score"])
        return await self._answer(
            request, {"adresMatches": found[:MOST_MATCHES], "warnings": []}, needs_key=True
        )

    async def adressen(self, request: Request) -> Response:
        """One address by its number."""
        known = next((one for one in self.addresses if one.number == request.path_params["number"]), None)
        problem = {
            "type": "urn:be.vlaanderen.basisregisters.api:address",
            "title": "Er heeft zich een fout voorgedaan!",
        }
        if known is None or known.removed:
            status = 404 if known is None else 410
            return await self._answer(request, problem | {"status": status}, status, needs_key=True)
        return await self._answer(request, self._record(known), needs_key=True)

    async def location(self, request: Request) -> Response:
        """The geolocation service: nearest first; it has no keys."""
        from adapters.places.projection import from_metres

        latitude, longitude = map(float, request.query_params["latlon"].split(","))
        spots = [(known, from_metres(known.x, known.y)) for known in self.addresses if not known.removed]
        spots.sort(key=lambda one: abs(one[1].latitude - latitude) + abs(one[1].longitude - longitude))
        results = [
            {
                "Municipality": known.municipality,
                "Zipcode": known.postcode,
                "Thoroughfarename": known.street,
                "Housenumber": known.house,
                "ID": int(known.number),
                "FormattedAddress": _written(known),
                "Location": {
                    "Lat_WGS84": point.latitude,
                    "Lon_WGS84": point.longitude,
                    "X_Lambert72": known.x,
                    "Y_Lambert72": known.y,
                },
                "LocationType": "crab_huisnummer_afgeleidVanGebouw",
            }
            for known, point in spots[: int(request.query_params["c"])]
        ]
        return await self._answer(request, {"LocationResult": results}, needs_key=False)

    async def _answer(
        self, request: Request, content: Any, status: int = 200, *, needs_key: bool
    ) -> Response:
        self.asked.append(str(request.url).removeprefix(self.origin))
        if self.mood == "slow":
            await asyncio.sleep(3)
        if odd := self._odd_answer(content):
            return odd
        if self.mood == "closed" or (needs_key and request.headers.get("x-api-key") != KEY):
            return JSONResponse({"status": 401}, 401)
        if not needs_key and "x-api-key" in request.headers:
            raise AssertionError("the key was shown to somebody whom it does not concern")
        return self._with_etag(request, content, status)

    def _odd_answer(self, content: Any) -> Response | None:
        odd = {
            "dripping": StreamingResponse(_drips(), media_type="application/ld+json"),
            "busy": JSONResponse({"status": 429}, 429, headers={"Retry-After": self.retry_after}),
            "broken": HTMLResponse("<h1>Server Error</h1>", 500),
            "login page": HTMLResponse("<h1>Aanmelden</h1>"),
            "half": Response(json.dumps(content)[:20], media_type="application/ld+json"),
        }
        return odd.get(self.mood)

    def _with_etag(self, request: Request, content: Any, status: int) -> Response:
        etag = f'"{self.etag}"'
        if request.headers.get("if-none-match") == etag:
            self.unchanged += 1
            return Response(status_code=304, headers={"ETag": etag})
        return JSONResponse(content, status, headers={"ETag": etag} if status == 200 else {})

    def _record(self, known: Known) -> dict[str, Any]:
        x, y = (known.x, known.y) if self.grid == "31370" else _in_2008(known)
        gml = (
            f'<gml:Point srsName="https://www.opengis.net/def/crs/EPSG/0/{self.grid}" '
            f'xmlns:gml="http://www.opengis.net/gml/3.2"><gml:pos>{x:.2f} {y:.2f}</gml:pos></gml:Point>'
        )
        record = {
            "identificator": {
                "id": f"https://data.vlaanderen.be/id/adres/{known.number}",
                "naamruimte": "https://data.vlaanderen.be/id/adres",
                "objectId": known.number,
                "versieId": "2023-11-03T12:02:31+01:00",
            },
            "gemeente": {
                "objectId": "24062",
                "gemeentenaam": {"geografischeNaam": {"spelling": known.municipality, "taal": "nl"}},
            },
            "postinfo": {"objectId": known.postcode},
            "huisnummer": known.house,
            "volledigAdres": {"geografischeNaam": {"spelling": _written(known), "taal": "nl"}},
            "adresPositie": {
                "geometrie": {"type": "Point", "gml": gml},
                "positieGeometrieMethode": "afgeleidVanObject",
                "positieSpecificatie": "gebouweenheid",
            },
            "adresStatus": "inGebruik",
            "officieelToegekend": True,
        }
        return record | ({"busnummer": known.box} if known.box else {})


async def _drips() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.2)


def _written(known: Known) -> str:
    box = f" bus {known.box}" if known.box else ""
    return f"{known.street} {known.house}{box}, {known.postcode} {known.municipality}"


def _score(known: Known, asked: Any) -> float:
    if asked.get("postcode", known.postcode) != known.postcode:
        return 0
    if asked.get("gemeentenaam", known.municipality).casefold() != known.municipality.casefold():
        return 0
    if asked.get("straatnaam", "").casefold()[:5] != known.street.casefold()[:5]:
        return 0
    exact = asked.get("straatnaam", "").casefold() == known.street.casefold()
    return 100 if exact and asked.get("huisnummer", "") == known.house else 72.5


def _in_2008(known: Known) -> tuple[float, float]:
    from adapters.places.projection import from_metres

    point = from_metres(known.x, known.y)
    return point.lambert_x, point.lambert_y


@asynccontextmanager
async def running_basisregisters() -> AsyncIterator[Basisregisters]:
    """Registers that serve until the block ends."""
    registers = Basisregisters()
    async with serving(registers.app()) as registers.origin:
        yield registers
