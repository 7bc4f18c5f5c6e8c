"""Coordinates: degrees (WGS84) to Belgian Lambert 2008 and back, and Lambert 72 for what still speaks it. Pure.

The two Lambert grids share no coordinates in Belgium, so metres tell by themselves in which grid they are.
<https://epsg.io/3812>, <https://epsg.io/31370>.
"""

import math
from functools import cache

from pyproj import Transformer

from canonical_model.location import Point

WGS84, LAMBERT_2008, LAMBERT_72 = "EPSG:4326", "EPSG:3812", "EPSG:31370"

BOUNDS = {
    WGS84: (2.3, 49.4, 6.5, 51.6),
    LAMBERT_72: (15_000, 15_000, 300_000, 250_000),
    LAMBERT_2008: (515_000, 515_000, 800_000, 750_000),
}
"""West, south, east and north of Belgium, each in its own coordinates."""


def projected(point: Point) -> Point:
    """The point with Lambert 2008 in centimetres; as it is when it is far from Belgium, where the grid means nothing."""
    if not _within(BOUNDS[WGS84], point.longitude, point.latitude):
        return point
    x, y = _between(WGS84, LAMBERT_2008).transform(point.longitude, point.latitude)
    return Point(
        latitude=point.latitude, longitude=point.longitude, lambert_x=round(x, 2), lambert_y=round(y, 2)
    )


def from_metres(x: float, y: float) -> Point | None:
    """The point of coordinates in either Lambert grid; None when they are in neither."""
    grid = next((name for name in (LAMBERT_72, LAMBERT_2008) if _within(BOUNDS[name], x, y)), None)
    return _in_degrees(grid, x, y) if grid else None


def from_grid(name: str, x: float, y: float) -> Point | None:
    """The point of coordinates whose grid is known; None when they are not in Belgium."""
    return _in_degrees(name, x, y) if _within(BOUNDS[name], x, y) else None


def to_lambert_2008(name: str, x: float, y: float) -> tuple[float, float]:
    """Coordinates of a grid in Lambert 2008, unrounded."""
    if name == LAMBERT_2008:
        return x, y
    east, north = _between(name, LAMBERT_2008).transform(x, y)
    return float(east), float(north)


def metres_between(one: Point, other: Point) -> float:
    """Distance on the ground, right for distances within a city."""
    east = (other.longitude - one.longitude) * math.cos(math.radians(one.latitude))
    return math.hypot(east, other.latitude - one.latitude) * 111_195


def _in_degrees(grid: str, x: float, y: float) -> Point:
    longitude, latitude = _between(grid, WGS84).transform(x, y)
    return projected(Point(latitude=round(latitude, 7), longitude=round(longitude, 7)))


def _within(bounds: tuple[float, float, float, float], x: float, y: float) -> bool:
    west, south, east, north = bounds
    return west <= x <= east and south <= y <= north


@cache
def _between(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)
