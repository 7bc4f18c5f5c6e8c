"""What a planning answers, as it comes: XML or JSON, any root, one record or a list, and complaints of any shape.

The standard prescribes one shape; real servers differ in all of them (the root's name, a bare record instead of a
list, an object instead of a list of errors). So records are known by their own fields, wherever they stand.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias
from xml.parsers.expat import ExpatError

import msgspec
import xmltodict

from ports.errors import NotUnderstoodError

Tree: TypeAlias = "str | int | float | bool | Sequence[Tree] | Mapping[str, Tree] | None"

_DEEPEST = 20
_LONGEST_COMPLAINT = 200
_MEDIA = ("media_url", "media_urls", "photos", "images")
_WORD = re.compile(r"\w{3,}")
_WORDS = ("description", "detail", "message", "error_description", "title")
_NAMED = ("account_id", "external_id", "customer_reference", "client_request_id", "fixmystreet_id")
"""Fields in which a planning may give back the name that we gave an order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An order as the planning tells it; "" = it did not say. `notes`: why it stands as it does;
    `names`: what may be our name of it.
    """

    id: str = ""
    token: str = ""
    status: str = ""
    service: str = ""
    requested_at: str = ""
    updated_at: str = ""
    description: str = field(default="", repr=False)
    notes: str = field(default="", repr=False)
    media: tuple[str, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A step as the planning tells it. `raw` is the record alone, as JSON."""

    id: str = ""
    request_id: str = ""
    status: str = ""
    external_status: str = ""
    at: str = ""
    description: str = field(default="", repr=False)
    media: tuple[str, ...] = field(default=(), repr=False)
    names: tuple[str, ...] = ()
    raw: bytes = field(default=b"", repr=False)


def requests_in(content: bytes) -> tuple[Request, ...]:
    """All orders in an answer. Raises `NotUnderstoodError` when it is neither JSON nor XML."""
    return tuple(_request(record) for record in _records(tree_of(content), {"service_request_id", "token"}))


def updates_in(content: bytes) -> tuple[Update, ...]:
    """All steps in an answer. Raises `NotUnderstoodError` when it is neither JSON nor XML."""
    return tuple(_update(record) for record in _records(tree_of(content), {"update_id", "updated_datetime"}))


def services_in(content: bytes) -> frozenset[str]:
    """The codes of all services in an answer."""
    return frozenset(_text(record, "service_code") for record in _records(tree_of(content), {"service_code"}))


def complaint_in(content: bytes) -> str:
    """What the planning says is wrong; "" when it does not say so readably. It may repeat what it was sent."""
    try:
        tree = tree_of(content)
    except NotUnderstoodError:
        return ""
    return "; ".join(dict.fromkeys(_complaints(tree)))


def without(words: str, sent: Iterable[str]) -> str:
    """A complaint that may be shown and logged: without any word of what we had sent, in whatever part it comes back."""
    ours = {word.casefold() for value in sent for word in _WORD.findall(value)}
    shown = _WORD.sub(lambda found: "…" if found[0].casefold() in ours else found[0], words)
    return shown[:_LONGEST_COMPLAINT]


def tree_of(content: bytes) -> Tree:
    """The answer, read. Raises `NotUnderstoodError`."""
    start = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        if start.startswith((b"{", b"[")):
            tree: Tree = msgspec.json.decode(start)
            return tree
        if start.startswith(b"<") and not _is_page(start):
            parsed: Tree = xmltodict.parse(start, disable_entities=True, attr_prefix="")
            return parsed
    except (msgspec.DecodeError, ExpatError, ValueError, RecursionError) as error:
        raise NotUnderstoodError(
            "the planning's answer is neither JSON nor XML", detail=type(error).__name__
        ) from None
    raise NotUnderstoodError("the planning's answer is neither JSON nor XML")


def _is_page(start: bytes) -> bool:
    return re.match(rb"<(!doctype\s+html|html)\b", start, re.IGNORECASE) is not None


def _records(tree: Tree, known_by: set[str], depth: int = 0) -> Iterator[Mapping[str, Tree]]:
    """Every object with one of these fields, outermost first and none within another."""
    if depth > _DEEPEST:
        return
    if isinstance(tree, Mapping):
        if known_by & tree.keys():
            yield tree
            return
        parts: Sequence[Tree] = tuple(tree.values())
    else:
        parts = tree if isinstance(tree, Sequence) and not isinstance(tree, str) else ()
    for part in parts:
        yield from _records(part, known_by, depth + 1)


def _request(record: Mapping[str, Tree]) -> Request:
    return Request(
        id=_text(record, "service_request_id"),
        token=_text(record, "token"),
        status=_text(record, "status"),
        service=_text(record, "service_code"),
        requested_at=_text(record, "requested_datetime"),
        updated_at=_text(record, "updated_datetime") or _text(record, "requested_datetime"),
        description=_text(record, "description"),
        notes=_text(record, "status_notes"),
        media=_media(record),
        names=_names(record),
    )


def _update(record: Mapping[str, Tree]) -> Update:
    return Update(
        id=_text(record, "update_id"),
        request_id=_text(record, "service_request_id"),
        status=_text(record, "status"),
        external_status=_text(record, "external_status_code"),
        at=_text(record, "updated_datetime"),
        description=_text(record, "description"),
        media=_media(record),
        names=_names(record),
        raw=msgspec.json.encode(record),
    )


def _text(record: Mapping[str, Tree], name: str) -> str:
    value = record.get(name)
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(value)


def _media(record: Mapping[str, Tree]) -> tuple[str, ...]:
    """Addresses of photos, each once, in whatever field and shape."""
    found = [leaf for name in _MEDIA for leaf in _leaves(record.get(name))]
    return tuple(dict.fromkeys(leaf for leaf in found if "://" in leaf))


def _names(record: Mapping[str, Tree]) -> tuple[str, ...]:
    own = [_text(record, name) for name in _NAMED]
    more = [leaf for name in ("attribute", "attributes", "extras") for leaf in _leaves(record.get(name))]
    return tuple(dict.fromkeys(name for name in (*own, *more) if name))


def _leaves(tree: Tree, depth: int = 0) -> Iterator[str]:
    if depth > _DEEPEST:
        return
    if isinstance(tree, str):
        yield tree.strip()
    elif isinstance(tree, Mapping):
        for part in tree.values():
            yield from _leaves(part, depth + 1)
    elif isinstance(tree, Sequence):
        for part in tree:
            yield from _leaves(part, depth + 1)


def _complaints(tree: Tree) -> Iterator[str]:
    """The words of `errors`, whatever they are packed in."""
    for record in _records(tree, set(_WORDS)):
        for name in _WORDS:
            yield from (words for words in _leaves(record.get(name)) if words)
