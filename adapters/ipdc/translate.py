"""IPDC's JSON-LD as products. Pure.

Facts: the pages of `/doc/conceptsnapshot` (an LDES EventStream whose members are versions of a concept or instance) and
`/id/product/{number}`. Texts are language maps with HTML in them; the tags beyond `nl` say how the customer is addressed and
whether a machine made the text. Fields that we do not need may hold anything.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from adapters.ipdc.plain import plain
from canonical_model.contact import Language
from canonical_model.identifiers import InvalidIdentifierError, ipdc
from canonical_model.product import Product, ProductText
from ports.errors import NotUnderstoodError
from ports.moments import iso_moment

_T = TypeVar("_T")
_LONGEST_ANSWER = 10_000
_LONGEST_LINE = 300
_MOST_KEYWORDS = 100
_VERSION = re.compile(r"[A-Za-z0-9:._+-]{1,100}")
_FORWARD = ("GreaterThanRelation", "GreaterThanOrEqualToRelation")

_HEADINGS: Mapping[Language, Mapping[str, str]] = {
    Language.NL: {
        "exceptions": "Uitzonderingen",
        "conditions": "Voorwaarden",
        "procedure": "Hoe",
        "costs": "Kosten",
        "benefits": "Financieel voordeel",
        "more": "Meer informatie",
    },
    Language.EN: {
        "exceptions": "Exceptions",
        "conditions": "Conditions",
        "procedure": "How",
        "costs": "Costs",
        "benefits": "Financial benefit",
        "more": "More information",
    },
    Language.FR: {
        "exceptions": "Exceptions",
        "conditions": "Conditions",
        "procedure": "Comment",
        "costs": "Coûts",
        "benefits": "Avantage financier",
        "more": "Plus d'informations",
    },
    Language.DE: {
        "exceptions": "Ausnahmen",
        "conditions": "Bedingungen",
        "procedure": "Wie",
        "costs": "Kosten",
        "benefits": "Finanzieller Vorteil",
        "more": "Weitere Informationen",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of an entity, of the moment `at` (UTC). `product` None: the entity was taken away (a tombstone).

    `snapshot`: it came from the feed and has a name of its own; else it is what stood there when it was asked for.
    """

    entity: str
    at: datetime
    product: Product | None
    snapshot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A member that can't be understood, as it came."""

    raw: bytes = field(repr=False)
    problem: NotUnderstoodError


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the feed. `next`: the address of the page after it, "" on the last."""

    versions: tuple[Version, ...]
    unreadable: tuple[Unreadable, ...]
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the city wants its catalogue: the form of address, and its own area ("" = any)."""

    formal: bool = True
    area: str = ""


class _Relation(msgspec.Struct, frozen=True):
    node: str = ""
    type: str | list[str] = msgspec.field(name="@type", default="")


class _View(msgspec.Struct, frozen=True):
    relation: list[_Relation] | _Relation = []


class _Page(msgspec.Struct, frozen=True):
    member: list[msgspec.Raw]
    view: _View = _View()


_Texts = dict[str, str]


class _Proof(msgspec.Struct, frozen=True):
    naam: _Texts = {}
    beschrijving: _Texts = {}


class _Named(msgspec.Struct, frozen=True):
    naam: _Texts = {}
    beschrijving: _Texts = {}
    bewijs: _Proof | None = None


class _Site(msgspec.Struct, frozen=True):
    naam: _Texts = {}
    url: str = ""


class _Reference(msgspec.Struct, frozen=True):
    iri: str = msgspec.field(name="@id", default="")
    id: str = ""


_Parts = list[_Named] | _Named
_Area = str | _Reference


class _Member(msgspec.Struct, frozen=True):
    iri: str = msgspec.field(name="@id", default="")
    id: str = ""
    type: str | list[str] = msgspec.field(name="@type", default="")
    isVersionOf: str | _Reference = ""  # noqa: N815 - the catalogue's name, as are those below
    generatedAtTime: str = ""  # noqa: N815
    snapshotType: str = ""  # noqa: N815
    deleted: str = ""
    laatstGewijzigd: str = ""  # noqa: N815
    productnummer: str | int = ""
    naam: _Texts = {}
    beschrijving: _Texts = {}
    verdereBeschrijving: _Texts = {}  # noqa: N815
    uitzonderingen: _Texts = {}
    zoektermen: dict[str, list[str] | str] = {}
    voorwaarden: _Parts = []
    procedures: _Parts = []
    kosten: _Parts = []
    financieleVoordelen: _Parts = []  # noqa: N815
    websites: list[_Site] | _Site = []
    geografischToepassingsgebieden: list[_Area] | _Area = []  # noqa: N815
    startDienstVerlening: str | None = None  # noqa: N815
    eindeDienstVerlening: str | None = None  # noqa: N815
    gearchiveerd: bool = False
    uitgesloten: bool = False


_PAGE = msgspec.json.Decoder(_Page)
_MEMBER = msgspec.json.Decoder(_Member)


def page_of(content: bytes, reading: Reading) -> Page:
    """A page of the feed. `NotUnderstoodError`: it is none, or none of its members can be read."""
    page = _decoded(_PAGE, content)
    versions: list[Version] = []
    unreadable: list[Unreadable] = []
    for raw in page.member:
        try:
            versions.append(version_of(bytes(raw), reading))
        except NotUnderstoodError as problem:
            unreadable.append(Unreadable(raw=bytes(raw), problem=problem))
    if unreadable and not versions:
        raise NotUnderstoodError(f"no version on a page can be read: {unreadable[0].problem.what}")
    return Page(versions=tuple(versions), unreadable=tuple(unreadable), next=_next(page.view))


def version_of(content: bytes, reading: Reading) -> Version:
    """A member of the feed, or a product that was asked for by its number. Raises `NotUnderstoodError`."""
    member = _decoded(_MEMBER, content)
    of = member.isVersionOf
    entity = (of if isinstance(of, str) else of.iri) or member.iri
    if not entity:
        raise NotUnderstoodError("$.isVersionOf: is missing, and so is $.@id")
    at = _at(member)
    if _is_tombstone(member):
        return Version(entity=entity, at=at, product=None)
    snapshot = bool(member.isVersionOf and _VERSION.fullmatch(member.id))
    version = member.id if snapshot else f"{at:%Y%m%dT%H%M%S.%fZ}"
    product = _product(member, at, version, reading)
    return Version(entity=entity, at=at, product=product, snapshot=snapshot)


def _decoded(decoder: "msgspec.json.Decoder[_T]", content: bytes) -> _T:
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        raise NotUnderstoodError(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotUnderstoodError("$: is not JSON, or was cut off") from None


def _next(view: _View) -> str:
    for relation in _list(view.relation):
        kinds = [relation.type] if isinstance(relation.type, str) else relation.type
        if any(kind.rpartition("#")[2].rpartition(":")[2] in _FORWARD for kind in kinds):
            return relation.node
    return ""


def _is_tombstone(member: _Member) -> bool:
    kinds = [member.type] if isinstance(member.type, str) else member.type
    return member.snapshotType == "Delete" or any(kind.endswith("Tombstone") for kind in kinds)


def _at(member: _Member) -> datetime:
    """When this version came to be: what the catalogue says of the text goes before what the feed says of the page."""
    named = {
        "laatstGewijzigd": member.laatstGewijzigd,
        "generatedAtTime": member.generatedAtTime,
        "deleted": member.deleted,
    }
    name, text = next(((name, text) for name, text in named.items() if text), ("generatedAtTime", ""))
    return _moment(name, text)


def _product(member: _Member, at: datetime, version: str, reading: Reading) -> Product:
    try:
        number = ipdc(str(member.productnummer)).value
    except InvalidIdentifierError:
        raise NotUnderstoodError("$.productnummer: is missing, or is no number") from None
    texts = {language: text for language in Language if (text := _text(member, language, reading))}
    if not texts:
        raise NotUnderstoodError("$.naam: is missing, or in no language that we speak")
    return Product(
        id=number,
        version=version,
        modified=at,
        texts=texts,
        valid_from=_optional("startDienstVerlening", member.startDienstVerlening),
        valid_until=_optional("eindeDienstVerlening", member.eindeDienstVerlening),
        withdrawn=member.gearchiveerd or member.uitgesloten or not _is_here(member, reading.area),
    )


def _text(member: _Member, language: Language, reading: Reading) -> ProductText | None:
    chosen = _Chosen(language, reading)
    name = " ".join(chosen.plain(member.naam).split())[:_LONGEST_LINE]
    if not name:
        return None
    return ProductText(
        name=name,
        description=chosen.plain(member.beschrijving),
        answer=_answer(member, chosen),
        keywords=chosen.keywords(member.zoektermen),
    )


def _answer(member: _Member, chosen: "_Chosen") -> str:
    headings = _HEADINGS[chosen.language]
    sections = [
        (headings["conditions"], chosen.items(member.voorwaarden)),
        (headings["procedure"], chosen.items(member.procedures)),
        (headings["costs"], chosen.items(member.kosten)),
        (headings["benefits"], chosen.items(member.financieleVoordelen)),
        (headings["exceptions"], chosen.plain(member.uitzonderingen)),
        (headings["more"], chosen.sites(member.websites)),
    ]
    parts = [chosen.plain(member.beschrijving), chosen.plain(member.verdereBeschrijving)]
    parts += [f"{heading}\n{text}" for heading, text in sections if text]
    return "\n\n".join(filter(None, parts))[:_LONGEST_ANSWER]


class _Chosen:
    """One language's text out of a language map: the wanted form of address, the plain one, the other, then what a machine made."""

    def __init__(self, language: Language, reading: Reading) -> None:
        self.language = language
        form, other = ("formal", "informal") if reading.formal else ("informal", "formal")
        dutch = (
            f"nl-be-x-{form}",
            "nl",
            "nl-be",
            f"nl-be-x-{other}",
            f"nl-be-x-generated-{form}",
            f"nl-be-x-generated-{other}",
        )
        self._tags = dutch if language is Language.NL else (language.value,)

    def plain(self, texts: _Texts) -> str:
        return plain(self._one({tag: text for tag, text in texts.items() if text.strip()}) or "")

    def keywords(self, words: Mapping[str, list[str] | str]) -> tuple[str, ...]:
        found = self._one(words) or []
        listed = [found] if isinstance(found, str) else found
        return tuple(plain(word)[:_LONGEST_LINE] for word in listed[:_MOST_KEYWORDS])

    def items(self, parts: _Parts) -> str:
        return "\n".join(f"- {text}" for part in _list(parts) if (text := self._item(part)))

    def sites(self, sites: list[_Site] | _Site) -> str:
        named = [(self.plain(site.naam), site.url) for site in _list(sites) if _is_address(site.url)]
        return "\n".join(f"- {name}: {url}" if name else f"- {url}" for name, url in named)

    def _item(self, part: _Named) -> str:
        proof = part.bewijs or _Proof()
        texts = (part.naam, part.beschrijving, proof.naam, proof.beschrijving)
        said = dict.fromkeys(text for one in texts if (text := self.plain(one)))
        return ": ".join(said).replace("\n\n", "\n").replace("\n", "\n  ")

    def _one(self, texts: Mapping[str, _T]) -> _T | None:
        known = {tag.casefold(): text for tag, text in texts.items()}
        return next((known[tag] for tag in self._tags if tag in known), None)


def _is_address(url: str) -> bool:
    return bool(re.fullmatch(r"https?://[^\s<>\"]{1,500}", url))


def _is_here(member: _Member, area: str) -> bool:
    """Whether it is offered in this area: an area's code begins with that of the larger one around it."""
    value = member.geografischToepassingsgebieden
    areas: list[_Area] = value if isinstance(value, list) else [value]
    named = [one if isinstance(one, str) else one.id or one.iri for one in areas]
    codes = [one.rpartition("/")[2] for one in named if one]
    return not area or not codes or any(area.startswith(code) for code in codes)


def _list(value: list[_T] | _T) -> list[_T]:
    """Compacted JSON-LD writes a list of one as that one."""
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def _optional(name: str, text: str | None) -> datetime | None:
    return _moment(name, text) if text else None


def _moment(name: str, text: str) -> datetime:
    """UTC; a time without offset is in UTC, as IPDC writes all of them. Nanoseconds are cut to microseconds."""
    try:
        return iso_moment(text, UTC)
    except ValueError:
        raise NotUnderstoodError(f"$.{name}: is not a moment in ISO 8601") from None


def resolved_number(text: str) -> str:
    """The number in a product's address (`https://ipdc.vlaanderen.be/id/product/1446`); "" in any other text."""
    found = re.fullmatch(r"https?://[^\s/]+/id/product/([0-9]{1,12})/?", text.strip())
    return found[1] if found else ""


def products_in(versions: Mapping[str, Version]) -> Iterator[Product]:
    """The products of the newest versions."""
    return (version.product for version in versions.values() if version.product)
