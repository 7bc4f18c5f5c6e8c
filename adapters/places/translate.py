"""Between words and registers: what an address says, and what the registers answer. Pure.

Facts: Basisregisters v2 (`adresmatch`, `adressen`), geolocation v4 (`Location`). Answers are read for what we need and
may hold anything besides.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from adapters.places.projection import LAMBERT_72, LAMBERT_2008, from_grid, from_metres, metres_between
from canonical_model.location import Location, Point
from ports.errors import NotUnderstoodError

_T = TypeVar("_T")

_ADDRESS = re.compile(
    r"(?P<street>\D[^,]*?)\s+(?P<number>\d{1,4}[A-Za-z]?(?:[-/]\d{1,4}[A-Za-z]?)?)"
    r"(?:\s*(?:,?\s*(?:bus|bte|box)\.?|/)\s*(?P<box>[\w.]{1,10}))?"
    r"(?:\s*,\s*|\s+(?=[1-9]\d{3}\b)|$)(?:(?P<postcode>[1-9]\d{3})\b\s*)?(?P<municipality>[^,\d]*)(?:,.*)?",
    re.IGNORECASE,
)
_ADDRESS_ID = re.compile(r"https?://data\.vlaanderen\.be/id/adres/(\d{1,12})/?")
_METRES = re.compile(r"(\d{5,6}(?:[.,]\d{1,4})?)(?![\d.,]*\d)\D{1,20}?(\d{5,6}(?:[.,]\d{1,4})?)(?!\d)")
_GRID = re.compile(r'srsName="[^"]*?(31370|3812)"')
_POSITION = re.compile(r"<gml:pos[^>]*>\s*(-?\d+(?:\.\d+)?)\s+(-?\d+(?:\.\d+)?)\s*</gml:pos>")
_ONE_PLACE = 50.0
"""Metres: matches closer together are one place (the boxes of one building)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An address in the parts that `adresmatch` asks for."""

    street: str
    number: str
    box: str = ""
    postcode: str = ""
    municipality: str = ""

    def parameters(self) -> dict[str, str]:
        """As the register names them; empty ones are left out."""
        named = {
            "gemeentenaam": self.municipality,
            "postcode": self.postcode,
            "straatnaam": self.street,
            "huisnummer": self.number,
            "busnummer": self.box,
        }
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a register knows of a place."""

    point: Point
    address: str = ""
    postcode: str = ""


class _Spelling(msgspec.Struct, frozen=True):
    spelling: str = ""


class _Name(msgspec.Struct, frozen=True):
    geografischeNaam: _Spelling = _Spelling()  # noqa: N815 - the register's name


class _PostInfo(msgspec.Struct, frozen=True):
    objectId: str = ""  # noqa: N815 - the register's name


class _Geometry(msgspec.Struct, frozen=True):
    gml: str = ""


class _Position(msgspec.Struct, frozen=True):
    geometrie: _Geometry = _Geometry()


class _Address(msgspec.Struct, frozen=True):
    volledigAdres: _Name = _Name()  # noqa: N815 - the register's name
    postinfo: _PostInfo | None = None
    adresPositie: _Position | None = None  # noqa: N815 - the register's name
    score: float = 0


class _Matches(msgspec.Struct, frozen=True):
    adresMatches: tuple[_Address, ...] = ()  # noqa: N815 - the register's name


class _Spot(msgspec.Struct, frozen=True):
    Lat_WGS84: float
    Lon_WGS84: float


class _Nearby(msgspec.Struct, frozen=True):
    Location: _Spot
    FormattedAddress: str = ""
    Zipcode: str | None = None
    Housenumber: str | None = None


class _NearbyAnswer(msgspec.Struct, frozen=True):
    LocationResult: tuple[_Nearby, ...] = ()


_MATCHES = msgspec.json.Decoder(_Matches)
_ONE = msgspec.json.Decoder(_Address)
_NEARBY = msgspec.json.Decoder(_NearbyAnswer)


def question_of(location: Location, municipality: str) -> Question | None:
    """The parts of an address in words; None when it has no street with a number."""
    parts = _ADDRESS.fullmatch(" ".join(location.address.split()))
    if not parts:
        return None
    postcode = parts["postcode"] or location.postcode
    named = (parts["municipality"] or "").strip()
    return Question(
        street=parts["street"].strip(),
        number=parts["number"],
        box=parts["box"] or "",
        postcode=postcode,
        municipality="" if postcode else named or municipality,
    )


def address_id(text: str) -> str:
    """The register's number of an address, when that is all that the text is."""
    known = _ADDRESS_ID.fullmatch(text.strip())
    return known[1] if known else ""


def metres_in(text: str) -> Point | None:
    """The point of Lambert coordinates in an address, in either grid: "173347 174434", "X: 173347,0 Y: 174434,0"."""
    for found in _METRES.finditer(text):
        x, y = (float(number.replace(",", ".")) for number in found.groups())
        if point := from_metres(x, y):
            return point
    return None


def match_in(content: bytes, least_score: float) -> Found | None:
    """The place of the best matches; None when none is good enough, or when they are in several places."""
    matches = _read(_MATCHES, content).adresMatches
    best = max((match.score for match in matches), default=0.0)
    found = [_found(match) for match in matches if match.score == best and match.score >= least_score]
    return _one_place([one for one in found if one])


def address_in(content: bytes) -> Found | None:
    """A registered address; None when it has no position."""
    return _found(_read(_ONE, content))


def nearest_in(content: bytes, point: Point, within: float) -> Found | None:
    """The nearest address with a house number, no further than so many metres."""
    spots = [
        Found(
            point=Point(latitude=one.Location.Lat_WGS84, longitude=one.Location.Lon_WGS84),
            address=one.FormattedAddress,
            postcode=one.Zipcode or "",
        )
        for one in _read(_NEARBY, content).LocationResult
        if one.Housenumber and one.FormattedAddress
    ]
    nearest = min(spots, key=lambda one: metres_between(point, one.point), default=None)
    return nearest if nearest and metres_between(point, nearest.point) <= within else None


def _found(address: _Address) -> Found | None:
    gml = address.adresPositie.geometrie.gml if address.adresPositie else ""
    grid, position = _GRID.search(gml), _POSITION.search(gml)
    if not grid or not position:
        return None
    name = LAMBERT_72 if grid[1] == "31370" else LAMBERT_2008
    point = from_grid(name, float(position[1]), float(position[2]))
    if point is None:
        return None
    return Found(
        point=point,
        address=address.volledigAdres.geografischeNaam.spelling,
        postcode=address.postinfo.objectId if address.postinfo else "",
    )


def _one_place(found: Sequence[Found]) -> Found | None:
    if found and all(metres_between(found[0].point, other.point) <= _ONE_PLACE for other in found):
        return found[0]
    return None


def _read(decoder: "msgspec.json.Decoder[_T]", content: bytes) -> _T:
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotUnderstoodError(
            "the address register answered something else than its documentation says"
        ) from None
