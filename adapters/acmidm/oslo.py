"""An OSLO-Melding in JSON-LD as a contact. Pure: the same report, the same contact.

Members as in the application profile "Issue tracking voor burgers en organisaties" (data.vlaanderen.be/ns/melding): `titel`,
`samenvatting`, `meldingstype`, `heeftBody`, `indiener`; and, as the profile has no place for them, `productnummer` and
`contactpunt`. JSON-LD allows one value or a list, and a text or `{"@value": ..., "@language": ...}`: all are read. Members that we
do not know are left alone; the body is kept as it came. Addresses of files are never fetched, they are told to the handlers.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from adapters.acmidm.problems import SubmissionError, misfit
from adapters.acmidm.strict import Json, JsonObject
from canonical_model.contact import Kind, Language
from canonical_model.identifiers import Identifier, InvalidIdentifierError, insz, ipdc, kbo, vcode
from canonical_model.location import NOWHERE, Location, Point
from ports.files import Upload

_KINDS: Mapping[str, Kind] = {
    "vraag": Kind.QUESTION,
    "melding": Kind.REPORT,
    "suggestie": Kind.SUGGESTION,
    "klacht": Kind.COMPLAINT,
    **{kind.value: kind for kind in Kind},
}
_LONGEST_LINE = 500
_LONGEST_TEXT = 200_000
_DATA = re.compile(
    r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;name=(?P<name>[^;,]{1,200}))?;base64,(?P<bytes>.*)", re.DOTALL
)
_POINT = re.compile(r"POINT\s*(?:Z\s*)?\(\s*(-?\d+(?:\.\d+)?)\s+(-?\d+(?:\.\d+)?)[^)]*\)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """Who the body says it is from: to be held against the token."""

    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    identifiers: tuple[Identifier, ...] = ()
    acting: tuple[Identifier, ...] = ()
    acting_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """An OSLO-Melding, as far as the hub understands it."""

    title: str = field(repr=False)
    text: str = field(repr=False)
    kind: Kind | None
    category: str
    product: str
    language: Language
    location: Location
    uploads: tuple[Upload, ...]
    claimed: Claimed


def read_report(data: JsonObject, path: str, *, allow_test_numbers: bool = False) -> Report:
    """The report. Raises `SubmissionError` that names the place."""
    bodies = list(_objects(data, "heeftBody", path))
    title = _line(data, "titel", path)
    parts = [_text(data, "samenvatting", path)]
    parts += [_text(body, "beschrijving", where) for where, body in bodies]
    uploads, addresses = _files(bodies)
    parts += [f"Bijlage bij de afzender: {address}" for address in addresses]
    text = "\n\n".join(part for part in parts if part)
    if not title and not text:
        raise misfit(f"{path}.titel", "titel and beschrijving are both empty")
    kind, category = _type(data, path)
    return Report(
        title=title or text.strip().partition("\n")[0][:80],
        text=text,
        kind=kind,
        category=category,
        product=_product(data, path),
        language=_language(data),
        location=_location(bodies),
        uploads=tuple(uploads),
        claimed=_claimed(data, path, allow_test_numbers=allow_test_numbers),
    )


def without_files(data: JsonObject) -> JsonObject:
    """The report as it came, without the bytes of its files: those are kept apart (Claim Check)."""
    bodies: list[Json] = [
        {**body, "bijlage": _addresses(body)} for _, body in _objects(data, "heeftBody", "$")
    ]
    return {**data, "heeftBody": bodies} if bodies else data


def _addresses(body: JsonObject) -> list[Json]:
    plain = [value for value in _values(body, "bijlage") if isinstance(value, str)]
    return [value for value in plain if not value.startswith("data:")]


def _type(data: JsonObject, path: str) -> tuple[Kind | None, str]:
    """`meldingstype` tells the kind (vraag, melding ...), the category, or both; concepts by the last part of their address."""
    kind, category = None, ""
    for value in _values(data, "meldingstype"):
        word = _plain(value, f"{path}.meldingstype").rstrip("/").rpartition("/")[2].strip()
        if word.lower() in _KINDS:
            kind = _KINDS[word.lower()]
        elif word:
            category = word[:_LONGEST_LINE]
    return kind, category


def _files(bodies: list[tuple[str, JsonObject]]) -> tuple[list[Upload], list[str]]:
    uploads: list[Upload] = []
    addresses: list[str] = []
    for where, body in bodies:
        for position, value in enumerate(_values(body, "bijlage")):
            place = f"{where}.bijlage[{position}]"
            if isinstance(value, dict) and "inhoud" in value:
                uploads.append(Upload(_line(value, "naam", place), _decoded(value["inhoud"], place)))
                continue
            address = _plain(value, place)
            data = _DATA.fullmatch(address)
            if data:
                uploads.append(Upload(data["name"] or "bijlage", _decoded(data["bytes"], place)))
            elif address:
                addresses.append(address[:_LONGEST_LINE])
    return uploads, addresses


def _decoded(content: Json, place: str) -> bytes:
    try:
        return base64.b64decode(content if isinstance(content, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise misfit(place, "a file is not in base64") from None


def _location(bodies: list[tuple[str, JsonObject]]) -> Location:
    for where, body in bodies:
        for value in _values(body, "geometrie"):
            point = _point(value, f"{where}.geometrie")
            place = Location(
                address=_line(body, "adres", where), postcode=_line(body, "postcode", where), point=point
            )
            return NOWHERE if place == NOWHERE else place
        place = Location(address=_line(body, "adres", where), postcode=_line(body, "postcode", where))
        if place != NOWHERE:
            return place
    return NOWHERE


def _point(value: Json, place: str) -> Point:
    """WGS84, as GeoJSON or as WKT with longitude first."""
    longitude, latitude = _coordinates(value, place)
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise misfit(place, "expected WGS84: longitude, then latitude")
    return Point(latitude=latitude, longitude=longitude)


def _coordinates(value: Json, place: str) -> tuple[float, float]:
    if isinstance(value, dict) and value.get("type") == "Point":
        found = value.get("coordinates")
        numbers = [one for one in found[:2] if _is_number(one)] if isinstance(found, list) else []
        if len(numbers) == 2:
            return float(str(numbers[0])), float(str(numbers[1]))
    wkt = value.get("wkt", value.get("@value", "")) if isinstance(value, dict) else value
    written = _POINT.search(wkt) if isinstance(wkt, str) else None
    if written is None:
        raise misfit(place, "expected a point, as GeoJSON or WKT")
    return float(written[1]), float(written[2])


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _product(data: JsonObject, path: str) -> str:
    number = _line(data, "productnummer", path)
    try:
        return ipdc(number).value if number else ""
    except InvalidIdentifierError as error:
        raise misfit(f"{path}.productnummer", str(error)) from None


def _claimed(data: JsonObject, path: str, *, allow_test_numbers: bool) -> Claimed:
    sender = _first(data, "indiener", path)
    acting = _first(data, "vertegenwoordiger", path)
    point = _first(sender, "contactpunt", path) or sender
    where = f"{path}.indiener"

    def national(text: str) -> Identifier:
        return insz(text, allow_test_numbers=allow_test_numbers)

    parsers = {"insz": national, "kboNummer": kbo, "vCode": vcode}
    return Claimed(
        name=_line(sender, "naam", where),
        email=_line(point, "email", where),
        phone=_line(point, "telefoon", where),
        identifiers=tuple(
            _identifier(sender, name, where, parse)
            for name, parse in parsers.items()
            if _line(sender, name, where)
        ),
        acting=(
            (_identifier(acting, "insz", f"{path}.vertegenwoordiger", national),)
            if _line(acting, "insz", path)
            else ()
        ),
        acting_name=_line(acting, "naam", f"{path}.vertegenwoordiger"),
    )


def _identifier(holder: JsonObject, name: str, path: str, parse: Callable[[str], Identifier]) -> Identifier:
    try:
        return parse(_line(holder, name, path))
    except InvalidIdentifierError as error:
        raise misfit(f"{path}.{name}", str(error)) from None


def _language(data: JsonObject) -> Language:
    tag = ""
    for value in _values(data, "titel"):
        tag = str(value.get("@language", "")) if isinstance(value, dict) else ""
    short = tag[:2].lower()
    return Language(short) if short in set(Language) else Language.NL


def _values(holder: JsonObject, name: str) -> list[Json]:
    value = holder.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _objects(holder: JsonObject, name: str, path: str) -> Iterator[tuple[str, JsonObject]]:
    for position, value in enumerate(_values(holder, name)):
        where = f"{path}.{name}[{position}]"
        if not isinstance(value, dict):
            raise misfit(where, "expected an object")
        yield where, value


def _first(holder: JsonObject, name: str, path: str) -> JsonObject:
    for _, value in _objects(holder, name, path):
        return value
    return {}


def _plain(value: Json, path: str) -> str:
    """A text, whichever of the ways of JSON-LD it is written in."""
    if isinstance(value, dict):
        value = value.get("@value", value.get("@id", value.get("nl")))
    if not isinstance(value, str):
        raise misfit(path, "expected a text")
    return value.strip()


def _text(holder: JsonObject, name: str, path: str) -> str:
    texts = [_plain(value, f"{path}.{name}") for value in _values(holder, name)]
    text = "\n\n".join(texts)
    if len(text) > _LONGEST_TEXT:
        raise _too_long(f"{path}.{name}", _LONGEST_TEXT)
    return text


def _line(holder: JsonObject, name: str, path: str) -> str:
    line = " ".join(_text(holder, name, path).split())
    if len(line) > _LONGEST_LINE:
        raise _too_long(f"{path}.{name}", _LONGEST_LINE)
    return line


def _too_long(path: str, most: int) -> SubmissionError:
    return misfit(path, f"may have {most} characters")
