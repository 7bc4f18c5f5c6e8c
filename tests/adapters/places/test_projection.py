"""Coordinates there and back, wherever in Belgium."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.places.projection import (
    BOUNDS,
    LAMBERT_72,
    LAMBERT_2008,
    from_grid,
    from_metres,
    metres_between,
    projected,
    to_lambert_2008,
)
from canonical_model.location import Point

LEUVEN = Point(latitude=50.8798, longitude=4.7005)
latitudes, longitudes = st.floats(49.5, 51.5), st.floats(2.6, 6.4)


def test_leuven_in_lambert_2008():
    """As other software has it."""
    assert projected(LEUVEN) == Point(
        latitude=50.8798, longitude=4.7005, lambert_x=673346.02, lambert_y=674437.18
    )


def test_leuven_from_lambert_72():
    point = from_metres(173347.05, 174434.02)

    assert point is not None
    assert metres_between(point, LEUVEN) < 0.05


@given(latitudes, longitudes)
def test_lambert_2008_and_back_is_right_to_the_centimetre(latitude, longitude):
    point = projected(Point(latitude=latitude, longitude=longitude))

    back = from_grid(LAMBERT_2008, point.lambert_x, point.lambert_y)

    assert metres_between(point, back) < 0.02


@given(st.floats(25_000, 290_000), st.floats(25_000, 240_000))
def test_lambert_72_and_back_is_right_to_the_centimetre(x, y):
    point = from_grid(LAMBERT_72, x, y)

    again = from_grid(LAMBERT_2008, *to_lambert_2008(LAMBERT_72, x, y))

    assert metres_between(point, again) < 0.02


@given(latitudes, longitudes)
def test_metres_tell_by_themselves_in_which_grid_they_are(latitude, longitude):
    point = projected(Point(latitude=latitude, longitude=longitude))

    assert metres_between(from_metres(point.lambert_x, point.lambert_y), point) < 0.02


def test_the_grids_share_no_coordinates():
    assert BOUNDS[LAMBERT_72][2] < BOUNDS[LAMBERT_2008][0]
    assert BOUNDS[LAMBERT_72][3] < BOUNDS[LAMBERT_2008][1]


@given(st.floats(), st.floats())
def test_any_numbers_give_a_point_or_none_and_never_nonsense(x, y):
    for point in (from_metres(x, y), from_grid(LAMBERT_72, x, y), projected(Point(latitude=y, longitude=x))):
        assert point is None or point.lambert_x is None or math.isfinite(point.lambert_x + point.lambert_y)


@pytest.mark.parametrize(("latitude", "longitude"), [(0, 0), (4.7, 50.88), (40.7, -74), (91, 181)])
def test_far_from_belgium_a_point_stays_as_it_is(latitude, longitude):
    point = Point(latitude=latitude, longitude=longitude)

    assert projected(point) is point


def test_doing_it_again_changes_nothing():
    assert projected(projected(LEUVEN)) == projected(LEUVEN)


def test_distances_are_those_on_the_ground():
    one, other = projected(LEUVEN), projected(Point(latitude=50.8898, longitude=4.7105))

    flat = math.hypot(one.lambert_x - other.lambert_x, one.lambert_y - other.lambert_y)

    assert metres_between(one, other) == pytest.approx(flat, rel=0.005)
