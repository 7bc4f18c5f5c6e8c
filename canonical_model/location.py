"""Where it is about. Area decides the team as much as category does, so it has its own field."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point; WGS84 in degrees, Belgian Lambert 2008 (EPSG:3812) in metres when somebody computed it."""

    latitude: float
    longitude: float
    lambert_x: float | None = None
    lambert_y: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """An address as text, a point, and the area of the city (deelgemeente or sector, in lower case)."""

    address: str = field(default="", repr=False)
    postcode: str = ""
    area: str = ""
    point: Point | None = None


NOWHERE = Location()
