"""Where it is about. Area decides the team as much as category does, so it has its own field."""

from canonical_model.value import Hidden, Value


class Point(Value, frozen=True, kw_only=True):
    """A point; WGS84 in degrees, Belgian Lambert 2008 (EPSG:3812) in metres when somebody computed it."""

    latitude: float
    longitude: float
    lambert_x: float | None = None
    lambert_y: float | None = None


class Location(Value, frozen=True, kw_only=True):
    """An address as text, a point, and the area of the city (deelgemeente or sector, in lower case)."""

    address: Hidden[str] = ""
    postcode: str = ""
    area: str = ""
    point: Point | None = None


NOWHERE = Location()
