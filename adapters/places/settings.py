"""What an administrator sets for places."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Register(BaseModel):
    """The address register of Flanders (Basisregisters), and the geolocation service beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(
        default="https://api.basisregisters.vlaanderen.be/v2",
        pattern="^https?://",
        description="Where the Basisregisters are, with the version.",
    )
    api_key: SecretStr | None = Field(
        default=None, description="Sent as `x-api-key`; without, the register allows less."
    )
    nearby_url: str = Field(
        default="",
        description="Geolocation service for the address nearest to a point, for instance "
        "`https://geo.api.vlaanderen.be/geolocation/v4/Location`; empty: not asked.",
    )
    nearby_metres: float = Field(default=50, gt=0, description="A nearest address further away is none.")
    municipality: str = Field(default="Leuven", description="Where an address is that names no municipality.")
    least_score: float = Field(
        default=100, ge=0, le=100, description="Matches below are not believed; 100 is exact."
    )
    seconds: float = Field(
        default=1.5, gt=0, lt=3, description="Time for one answer; the contact's sender waits for it."
    )
    pause_seconds: float = Field(
        default=60, gt=0, description="How long a register that failed is left alone, unless it says itself."
    )
    cache_hours: float = Field(
        default=24,
        gt=0,
        description="An answer is believed for so long; then it is asked whether it still holds.",
    )
    cache_entries: int = Field(default=10_000, gt=0, description="Answers kept in memory.")


class Settings(BaseModel):
    """Addresses, coordinates and areas."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    areas: str = Field(
        description='The GeoJSON file with the areas of the city; `"file:areas.geojson"` is beside `hub.toml`.'
    )
    name_property: str = Field(
        default="naam",
        description="Property with an area's name, as the dispatch table spells it (casing aside).",
    )
    crs: Literal["EPSG:4326", "EPSG:3812", "EPSG:31370"] = Field(
        default="EPSG:4326",
        description="Coordinates of the file: degrees as GeoJSON prescribes, Lambert 2008 or Lambert 72.",
    )
    border_metres: float = Field(
        default=30, ge=0, description="A point so close outside an area still belongs to the nearest one."
    )
    register_: Register | None = Field(
        default=None, alias="register", description="The address register; left out: nobody is asked."
    )
