"""What a clerk filled in: read from a form, judged field by field. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import msgspec

from adapters.counter.settings import Product, Settings
from canonical_model.contact import Kind, Language
from canonical_model.identifiers import InvalidIdentifierError, insz

MULTILINE = frozenset({"text", "answer"})
LONGEST = {"text": 20_000, "answer": 20_000, "id": 36, "at": 40}
_LINE = 300
FIELDS = (
    "id", "at", "kind", "subject", "text", "product", "name", "email", "phone", "insz", "address", "postcode",
    "language", "answered", "answer", "source", "branch", "ticket", "appointment",
)  # fmt: skip
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+\.[^\s@<>()\[\],;:\\\".]+")
_PHONE = re.compile(r"\+?[0-9 ./()-]{6,30}")
_CODE = re.compile(r".*\(([^()]+)\)\s*")
_OLDEST = timedelta(days=30)
_AHEAD = timedelta(minutes=5)


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """One contact at a counter. `at`: when the clerk sent it, in UTC; None when the page's script did not say."""

    id: str
    clerk: str
    subject: str
    text: str
    kind: Kind | None
    product: str
    language: Language
    at: datetime | None
    name: str
    email: str
    phone: str
    insz: str
    address: str
    postcode: str
    answered: bool
    answer: str
    source: str = ""
    branch: str
    ticket: str
    appointment: str

    def __repr__(self) -> str:
        return f"Registration({self.id})"


@dataclass(frozen=True, slots=True)
class InvalidFormError(Exception):
    """What is wrong, per field: the name of a text in the catalogue."""

    errors: Mapping[str, str] = field(default_factory=dict[str, str])


def read_form(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded form; the last one counts where a name comes twice. With far more fields than
    ours it is another form: it has none.
    """
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    return {name: _clean(name, text) for name, text in pairs}


def registration(
    fields: Mapping[str, str], clerk: str, settings: Settings, product: str | None
) -> Registration:
    """The registration, for a product that was looked up (None: there is no such one).

    Raises `InvalidFormError` that names every field that is wrong.
    """
    found = {name: fields.get(name, "") for name in FIELDS}
    if errors := _errors(found, product, settings):
        raise InvalidFormError(errors)
    return Registration(
        id=found["id"],
        clerk=clerk,
        subject=found["subject"],
        text=found["text"],
        kind=Kind(found["kind"]) if found["kind"] else None,
        product=product or "",
        language=Language(found["language"]) if found["language"] else Language.NL,
        at=_moment(found["at"]),
        name=found["name"],
        email=found["email"],
        phone=found["phone"],
        insz=insz(found["insz"], allow_test_numbers=settings.allow_test_numbers).value
        if found["insz"]
        else "",
        address=found["address"],
        postcode=found["postcode"],
        answered=bool(found["answered"]),
        answer=found["answer"],
        source=found["source"] if found["answer"] else "",
        branch=found["branch"],
        ticket=found["ticket"].upper(),
        appointment=found["appointment"],
    )


def occurred_at(given: Registration, now: datetime) -> datetime:
    """When the customer stood at the counter; a clock that can't be right is not believed."""
    if given.at is None or not now - _OLDEST <= given.at <= now + _AHEAD:
        return now
    return given.at


def product_code(text: str, products: Mapping[str, Product]) -> str | None:
    """Which product a clerk means by its code, its name, or both; "" for none, None when there is no such product."""
    if not text or text in products:
        return text
    wanted = text.casefold()
    named = [
        code for code, one in products.items() if wanted in (one.name.casefold(), one.name_en.casefold())
    ]
    if len(named) == 1:
        return named[0]
    in_brackets = _CODE.fullmatch(text)
    return in_brackets[1] if in_brackets and in_brackets[1] in products else None


def _errors(found: Mapping[str, str], product: str | None, settings: Settings) -> dict[str, str]:
    branches = settings.queue.branches if settings.queue else {}
    verdicts = (
        ("id", not _ID.fullmatch(found["id"]), "error.id"),
        ("subject", not found["subject"], "error.required"),
        ("text", not found["text"] and not found["answer"], "error.text"),
        ("kind", found["kind"] not in ("", *Kind), "error.choice"),
        ("language", found["language"] not in ("", *Language), "error.choice"),
        ("product", product is None, "error.product"),
        ("email", bool(found["email"]) and not _EMAIL.fullmatch(found["email"]), "error.email"),
        ("phone", bool(found["phone"]) and not _PHONE.fullmatch(found["phone"]), "error.phone"),
        ("insz", not _is_insz(found["insz"], settings), "error.insz"),
        ("branch", found["branch"] not in ("", *branches), "error.choice"),
        ("answer", bool(found["answer"]) and not found["answered"], "error.answer"),
    )
    errors = {name: text for name, wrong, text in verdicts if wrong}
    too_long = {name: "error.long" for name, text in found.items() if len(text) > LONGEST.get(name, _LINE)}
    return {**errors, **too_long}


def _is_insz(text: str, settings: Settings) -> bool:
    try:
        return not text or bool(insz(text, allow_test_numbers=settings.allow_test_numbers))
    except InvalidIdentifierError:
        return False


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _clean(name: str, text: str) -> str:
    if name in MULTILINE:
        kept = "".join(one for one in text.replace("\r\n", "\n") if one in {"\n", "\t"} or one.isprintable())
        return kept.strip()
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
