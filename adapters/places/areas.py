"""The areas of the city, from its GeoJSON file: in which one does a point lie? In Lambert 2008, so distances are metres."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import msgspec
import shapely
from shapely import STRtree
from shapely.errors import GEOSException
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from adapters.places.projection import BOUNDS, to_lambert_2008
from canonical_model.location import Point

_LARGEST_OVERLAP = 1_000.0
"""Square metres: borders that were drawn twice differ a little."""
_KINDS = frozenset({"Polygon", "MultiPolygon"})


class AreasError(ValueError):
    """The file can't be used; says which feature and why."""


class _Feature(msgspec.Struct, frozen=True):
    type: str
    geometry: dict[str, Any]
    properties: dict[str, Any]


class _Collection(msgspec.Struct, frozen=True):
    type: str
    features: tuple[_Feature, ...]


_COLLECTION = msgspec.json.Decoder(_Collection)


class Areas:
    """Names in small letters, as the dispatch table has them; the order is that of the file."""

    def __init__(self, shapes: Sequence[tuple[str, BaseGeometry]], *, border_metres: float) -> None:
        self.names = tuple(name for name, _ in shapes)
        self._shapes = [geometry for _, geometry in shapes]
        shapely.prepare(self._shapes)
        self._tree = STRtree(self._shapes)
        self._border = border_metres

    def area_of(self, point: Point) -> str:
        """The area of a point that has its Lambert coordinates; "" when it is in none.

        On a border, or so close outside, the first of the file counts: the same point always has the same area.
        """
        if point.lambert_x is None or point.lambert_y is None:
            return ""
        spot = shapely.Point(point.lambert_x, point.lambert_y)
        found = self._tree.query(spot, predicate="intersects")
        if not len(found) and self._border:
            found = self._tree.query_nearest(spot, max_distance=self._border, all_matches=True)
        return self.names[min(int(index) for index in found)] if len(found) else ""

    def findings(self) -> tuple[str, ...]:
        """What is wrong with the areas as a whole: names that come twice, areas that lie over each other."""
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        found = [f"area {name!r} comes twice: make it one MultiPolygon" for name in twice]
        found += [
            f"areas {self.names[one]!r} and {self.names[other]!r} lie over each other ({common:.0f} m²)"
            for one, other in combinations(range(len(self.names)), 2)
            if (common := self._shapes[one].intersection(self._shapes[other]).area) > _LARGEST_OVERLAP
        ]
        return tuple(found)


def read_areas(content: bytes, *, name_property: str, crs: str, border_metres: float) -> Areas:
    """The areas of a GeoJSON FeatureCollection (RFC 7946). Raises `AreasError`."""
    try:
        collection = _COLLECTION.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AreasError(f"is no GeoJSON FeatureCollection: {error}") from None
    if collection.type != "FeatureCollection" or not collection.features:
        raise AreasError("is no GeoJSON FeatureCollection with features")
    shapes = [
        (_name(feature, number, name_property), _shape(feature, number, crs))
        for number, feature in enumerate(collection.features, start=1)
    ]
    return Areas(shapes, border_metres=border_metres)


def _name(feature: _Feature, number: int, name_property: str) -> str:
    name = feature.properties.get(name_property)
    if not isinstance(name, str) or not name.strip():
        raise AreasError(f"feature {number} has no name in its property {name_property!r}")
    return " ".join(name.split()).casefold()


def _shape(feature: _Feature, number: int, crs: str) -> BaseGeometry:
    if feature.geometry.get("type") not in _KINDS:
        raise AreasError(f"feature {number} is no Polygon or MultiPolygon")
    try:
        drawn = shape(feature.geometry)
        reason = str(shapely.is_valid_reason(drawn))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, GEOSException) as error:
        raise AreasError(f"feature {number} has unreadable coordinates ({type(error).__name__})") from None
    if reason != "Valid Geometry" or drawn.is_empty:
        raise AreasError(f"feature {number} is no sound area: {reason}")
    _refuse_elsewhere(drawn, number, crs)
    return shape({**feature.geometry, "coordinates": _in_lambert(feature.geometry["coordinates"], crs)})


def _refuse_elsewhere(drawn: BaseGeometry, number: int, crs: str) -> None:
    west, south, east, north = BOUNDS[crs]
    x0, y0, x1, y1 = drawn.bounds
    if not (west <= x0 and x1 <= east and south <= y0 and y1 <= north):
        raise AreasError(
            f"feature {number} is not in Belgium as {crs}: look at `crs`, and at longitude before latitude"
        )


def _in_lambert(coordinates: Any, crs: str) -> Any:
    """Positions however deep they lie, in Lambert 2008; a height is left out."""
    if isinstance(coordinates[0], int | float):
        return to_lambert_2008(crs, coordinates[0], coordinates[1])
    return [_in_lambert(inner, crs) for inner in coordinates]
