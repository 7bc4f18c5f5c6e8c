"""In which area a point lies: inside, on a border, just outside, far away; and files that can't be used."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.places.areas import AreasError, read_areas
from adapters.places.projection import from_grid, projected
from canonical_model.location import Point
from tests.adapters.places.conftest import AREAS

CITY = read_areas(AREAS.read_bytes(), name_property="naam", crs="EPSG:4326", border_metres=30)
STRICT = read_areas(AREAS.read_bytes(), name_property="naam", crs="EPSG:4326", border_metres=0)
X, Y = 673_000.0, 674_000.0


def area_at(latitude, longitude, areas=CITY):
    return areas.area_of(projected(Point(latitude=latitude, longitude=longitude)))


@pytest.mark.parametrize(
    ("latitude", "longitude", "area"),
    [
        (50.8792, 4.7009, "leuven"),  # Grote Markt
        (50.8865, 4.7290, "kessel-lo"),  # Diestsesteenweg
        (50.8568, 4.6937, "heverlee"),  # Naamsesteenweg
        (50.9030, 4.7080, "wilsele"),
        (50.9250, 4.7003, "wijgmaal"),
        (50.8450, 4.7350, "haasrode"),  # business park
        (50.8640, 4.7500, "korbeek-lo"),
        (51.0536, 3.7220, ""),  # Ghent
        (0.0, 0.0, ""),
        (4.7009, 50.8792, ""),  # the wrong way round
    ],
)
def test_the_areas_of_leuven(latitude, longitude, area):
    assert area_at(latitude, longitude) == area


def test_the_example_is_sound():
    assert CITY.findings() == ()
    assert len(set(CITY.names)) == 7
    assert "VOORBEELD" in json.loads(AREAS.read_bytes())["description"]


def square(name, x, y, size=1000.0, **changes):
    """A square in Lambert 2008."""
    ring = [[x, y], [x + size, y], [x + size, y + size], [x, y + size], [x, y]]
    feature = {
        "type": "Feature",
        "properties": {"naam": name},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    return feature | changes


def areas_of(*features, border_metres=30.0, crs="EPSG:3812"):
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    return read_areas(content, name_property="naam", crs=crs, border_metres=border_metres)


TWO = areas_of(square("West", X, Y), square("Oost", X + 1000, Y))


def in_lambert(x, y):
    return Point(latitude=50.8, longitude=4.7, lambert_x=x, lambert_y=y)


@pytest.mark.parametrize(
    ("x", "y", "area"),
    [
        (X + 500, Y + 500, "west"),
        (X + 1000, Y + 500, "west"),  # on the common border: the first of the file
        (X + 1000.001, Y + 500, "oost"),
        (X, Y, "west"),  # a corner
        (X - 29, Y + 500, "west"),  # close outside
        (X - 31, Y + 500, ""),
        (X + 2000, Y + 500, "oost"),
        (X + 2025, Y + 500, "oost"),
        (X + 1000, Y - 20, "west"),  # as close to one as to the other
    ],
)
def test_borders(x, y, area):
    assert TWO.area_of(in_lambert(x, y)) == area


def test_without_lambert_there_is_no_area():
    assert TWO.area_of(Point(latitude=50.8, longitude=4.7)) == ""


@given(st.floats(X - 200, X + 2200), st.floats(Y - 200, Y + 1200))
def test_every_point_has_the_area_that_arithmetic_gives_it(x, y):
    outside = max(X - x, x - X - 2000, Y - y, y - Y - 1000, 0)
    corner = max(X - x, x - X - 2000, 0) > 0 and max(Y - y, y - Y - 1000, 0) > 0
    found = TWO.area_of(in_lambert(x, y))

    if outside == 0:
        assert found == ("west" if x <= X + 1000 else "oost")
    elif not corner:
        assert bool(found) == (outside <= 30)


@given(st.floats(50.82, 50.94), st.floats(4.64, 4.77))
def test_within_the_city_a_point_has_one_area_and_always_the_same(latitude, longitude):
    found = area_at(latitude, longitude, STRICT)

    assert found in ("", *STRICT.names)
    assert area_at(latitude, longitude, STRICT) == found
    assert found == "" or area_at(latitude, longitude, CITY) == found


@pytest.mark.parametrize("crs", ["EPSG:31370", "EPSG:3812", "EPSG:4326"])
def test_the_file_may_be_in_any_of_the_grids(crs):
    coordinates = {
        "EPSG:31370": (173_000.0, 174_000.0, 1000.0),
        "EPSG:3812": (X, Y, 1000.0),
        "EPSG:4326": (4.69, 50.87, 0.02),
    }[crs]
    x, y, size = coordinates

    areas = areas_of(square("Hier", x, y, size), crs=crs)

    assert areas.area_of(from_grid(crs, x + size / 2, y + size / 2)) == "hier"
    assert areas.area_of(from_grid(crs, x - size / 2, y + size / 2)) == ""


def test_names_are_in_small_letters_and_tidy():
    assert areas_of(square("  Kessel-Lo \n Noord", X, Y)).names == ("kessel-lo noord",)


def test_an_area_may_have_several_parts_and_a_hole():
    ring = square("x", X, Y)["geometry"]["coordinates"][0]
    hole = [
        [X + 400, Y + 400],
        [X + 400, Y + 600],
        [X + 600, Y + 600],
        [X + 600, Y + 400],
        [X + 400, Y + 400],
    ]
    far = square("x", X + 5000, Y)["geometry"]["coordinates"][0]
    areas = areas_of(
        square("Delen", X, Y, geometry={"type": "MultiPolygon", "coordinates": [[ring, hole], [far]]})
    )

    assert areas.area_of(in_lambert(X + 100, Y + 100)) == "delen"
    assert areas.area_of(in_lambert(X + 500, Y + 500)) == ""
    assert areas.area_of(in_lambert(X + 5500, Y + 500)) == "delen"


def test_a_name_that_comes_twice_is_told():
    (finding,) = areas_of(square("West", X, Y), square("WEST", X + 1000, Y)).findings()

    assert finding == "area 'west' comes twice: make it one MultiPolygon"


def test_areas_that_lie_over_each_other_are_told_but_not_borders_drawn_twice():
    (finding,) = areas_of(square("West", X, Y), square("Oost", X + 900, Y)).findings()

    assert finding == "areas 'west' and 'oost' lie over each other (100000 m²)"
    assert areas_of(square("West", X, Y), square("Oost", X + 999.5, Y)).findings() == ()


BOW = [[X, Y], [X + 10, Y + 10], [X + 10, Y], [X, Y + 10], [X, Y]]


@pytest.mark.parametrize(
    ("features", "what"),
    [
        ([], "no GeoJSON FeatureCollection"),
        ([square("", X, Y)], "feature 1 has no name in its property 'naam'"),
        ([square("A", X, Y), square("B", X, Y, properties={"name": "B"})], "feature 2 has no name"),
        ([square("A", X, Y, geometry={"type": "Point", "coordinates": [X, Y]})], "feature 1 is no Polygon"),
        (
            [square("A", X, Y, geometry={"type": "Polygon", "coordinates": [[[X, Y], [X]]]})],
            "unreadable coordinates",
        ),
        ([square("A", X, Y, geometry={"type": "Polygon", "coordinates": "x"})], "unreadable coordinates"),
        ([square("A", X, Y, geometry={"type": "Polygon"})], "unreadable coordinates"),
        ([square("A", X, Y, geometry={"type": "Polygon", "coordinates": []})], "no sound area"),
        (
            [square("A", X, Y, geometry={"type": "Polygon", "coordinates": [BOW]})],
            "no sound area: Self-intersection",
        ),
        ([square("A", 4.7, 50.8)], "not in Belgium as EPSG:3812"),
        ([square("A", Y + 200_000, X)], "not in Belgium as EPSG:3812"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(features, what):
    with pytest.raises(AreasError, match=what):
        areas_of(*features)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"type": "FeatureCollection"}', b"null"])
def test_what_is_no_geojson_is_told(content):
    with pytest.raises(AreasError, match="is no GeoJSON FeatureCollection"):
        read_areas(content, name_property="naam", crs="EPSG:4326", border_metres=30)
