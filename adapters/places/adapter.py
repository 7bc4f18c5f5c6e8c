"""Content Enricher for places: geometry always, registers where they are switched on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from msgspec.structs import replace

from adapters.places.areas import Areas, AreasError, read_areas
from adapters.places.client import RegisterClient
from adapters.places.projection import projected
from adapters.places.settings import Register, Settings
from adapters.places.translate import (
    Found,
    address_id,
    address_in,
    match_in,
    metres_in,
    nearest_in,
    question_of,
)
from canonical_model.contact import Contact
from canonical_model.location import NOWHERE, Location, Point
from ports.adapter import Adapter, Tools
from ports.errors import HubError, MisconfiguredError
from ports.settings import parsed

log = structlog.get_logger()


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The enricher. Reads the file of areas; raises `MisconfiguredError` that names the setting and what to do."""
    checked = parsed(Settings, settings, tools.name)
    try:
        areas = read_areas(
            Path(checked.areas).read_bytes(),
            name_property=checked.name_property,
            crs=checked.crs,
            border_metres=checked.border_metres,
        )
    except OSError as error:
        raise MisconfiguredError(f"{tools.name}: areas: the file can't be read: {error.strerror}") from None
    except AreasError as error:
        raise MisconfiguredError(f"{tools.name}: areas: the file {error}") from None
    lookup = (
        Lookup(checked.register_, RegisterClient(checked.register_, tools.clock))
        if checked.register_
        else None
    )
    places = Places(tools.name, areas, lookup)
    return Adapter(
        check=places.check,
        close=places.close,
        enricher=places,
        areas=tuple(dict.fromkeys(areas.names)),
    )


class Lookup:
    """Places by way of the registers; None when they do not know."""

    def __init__(self, settings: Register, client: RegisterClient) -> None:
        self._settings = settings
        self.client = client

    async def of_address(self, location: Location) -> Found | None:
        """The place of an address, by its number or its words."""
        if number := address_id(location.address):
            content = await self.client.address(number)
            if content is None:
                log.info("registered_address_is_gone")
            return address_in(content) if content else None
        question = question_of(location, self._settings.municipality)
        if question is None:
            return None
        return match_in(await self.client.match(question.parameters()), self._settings.least_score)

    async def of_point(self, point: Point) -> Found | None:
        """The registered address nearest to a point."""
        if not self._settings.nearby_url:
            return None
        return nearest_in(await self.client.nearby(point), point, self._settings.nearby_metres)

    async def check(self) -> tuple[str, ...]:
        """Whether the register answers us."""
        try:
            await self.client.match(
                {"gemeentenaam": self._settings.municipality, "straatnaam": "Grote Markt"}
            )
        except HubError as error:
            return (error.what,)
        return ()


class Places:
    """Implements `ports.enricher.Enricher`."""

    def __init__(self, name: str, areas: Areas, lookup: Lookup | None) -> None:
        self.name = name
        self._areas = areas
        self._lookup = lookup

    async def enrich(self, contact: Contact) -> Contact:
        if contact.location == NOWHERE:
            return contact
        location = await self._located(contact.location)
        return contact if location == contact.location else replace(contact, location=location)

    async def check(self) -> tuple[str, ...]:
        """What is wrong with the areas, and whether the register answers."""
        return self._areas.findings() + (await self._lookup.check() if self._lookup else ())

    async def close(self) -> None:
        """Let go of the register."""
        if self._lookup:
            await self._lookup.client.close()

    async def _located(self, location: Location) -> Location:
        if location.point is None and (point := metres_in(location.address)):
            location = replace(location, point=point)
        if self._lookup and (location.point is None or not location.address):
            location = await self._looked_up(location, self._lookup)
        if location.point is None:
            return location
        point = projected(location.point)
        return replace(location, point=point, area=location.area or self._areas.area_of(point))

    async def _looked_up(self, location: Location, lookup: Lookup) -> Location:
        """What the registers know besides; what geometry can add does not wait for them."""
        try:
            found = await (lookup.of_point(location.point) if location.point else lookup.of_address(location))
        except HubError as error:
            log.info("place_not_looked_up", reason=error.what)
            return location
        if found is None:
            return location
        is_number = bool(address_id(location.address))
        return replace(
            location,
            address=found.address if is_number or not location.address else location.address,
            postcode=location.postcode or found.postcode,
            point=location.point or found.point,
        )
