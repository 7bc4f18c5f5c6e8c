"""What an app posted, whatever the syntax: names brought to one spelling, attributes and photos apart.

Generous on purpose: form-encoded, multipart or JSON; `serviceCode`, `SERVICE_CODE` and `service_code` are one name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec
from python_multipart import FormParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File, parse_options_header

from adapters.open311.problems import BAD_REQUEST, TOO_LARGE, RefusedError

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

_TREE: "msgspec.json.Decoder[dict[str, Json]]" = msgspec.json.Decoder(dict[str, Any])
_NAMES = (
    *("api_key", "jurisdiction_id", "service_code", "lat", "long", "address_string", "address_id", "zipcode"),
    *("email", "first_name", "last_name", "phone", "description", "media_url", "account_id", "device_id"),
    *("update_id", "service_request_id", "status", "updated_datetime", "requested_datetime", "title", "name"),
    *(
        "external_id",
        "client_request_id",
        "fixmystreet_id",
        "service_request_id_ext",
        "update_id_ext",
        "language",
    ),
    *(
        "public_anonymity_required",
        "start_date",
        "end_date",
        "page",
        "page_size",
        "requestid",
        "updated_after",
    ),
)
_ALIASES = {
    **{name.replace("_", ""): name for name in _NAMES},
    **dict.fromkeys(("latitude", "y"), "lat"),
    **dict.fromkeys(("lon", "lng", "longitude", "x"), "long"),
    **dict.fromkeys(("address", "location"), "address_string"),
    **dict.fromkeys(("postcode", "postalcode", "zip"), "zipcode"),
    **dict.fromkeys(("mediaurls", "photo", "photourl", "imageurl"), "media_url"),
    "locale": "language",
    "lang": "language",
    "jurisdiction": "jurisdiction_id",
}
_ATTRIBUTE = re.compile(r"attributes?\[([^\[\]]{1,100})\](?:\[[^\[\]]*\])?", re.IGNORECASE)
_OF_THE_ATTEMPT = frozenset({"api_key", "jurisdiction_id", "device_id"})
_MOST_FIELDS = 300
_LARGEST_FIELD = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as it came."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """Fields and attributes by name, each with its values in the order sent; empty ones are left out."""

    fields: Mapping[str, tuple[str, ...]] = field(repr=False)
    attributes: Mapping[str, tuple[str, ...]] = field(repr=False)
    uploads: tuple[Upload, ...] = ()

    def one(self, name: str) -> str:
        """The first value of a field, "" when there is none."""
        return self.fields.get(name, ("",))[0]

    def own_id(self, names: Iterable[str]) -> str:
        """The app's own id, from the first of these fields or attributes that has one."""
        attributes = {code.casefold(): values for code, values in self.attributes.items()}
        for name in names:
            if found := self.one(name) or attributes.get(name.casefold(), ("",))[0]:
                return found
        return ""

    def kept(self) -> bytes:
        """What is kept, and what tells a repetition from another report: all but keys, in a fixed order.

        Addresses of photos stand without their query: signed ones differ with every attempt.
        """
        fields = {name: list(values) for name, values in self.fields.items() if name not in _OF_THE_ATTEMPT}
        if "media_url" in fields:
            fields["media_url"] = sorted(map(without_query, fields["media_url"]))
        return msgspec.json.encode(
            {
                "fields": dict(sorted(fields.items())),
                "attributes": {code: list(self.attributes[code]) for code in sorted(self.attributes)},
                "photos": sorted(sha256(upload.content).hexdigest() for upload in self.uploads),
            }
        )


def without_query(url: str) -> str:
    """The address without what follows the question mark; as it is when it is no address at all."""
    try:
        return urlunsplit((*urlsplit(url)[:3], "", ""))
    except ValueError:
        return url


def read(body: bytes, content_type: str) -> Posted:
    """A body in any of the three syntaxes. Raises `RefusedError`."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _from_multipart(body, content_type)
    if kind.endswith("json") or (kind == "" and body.lstrip()[:1] == b"{"):
        return _posted(_json_pairs(body))
    if kind in ("application/x-www-form-urlencoded", ""):
        return _posted(_form_pairs(body))
    raise RefusedError(BAD_REQUEST, "send application/x-www-form-urlencoded, multipart/form-data or JSON")


def asked(pairs: Iterable[tuple[str, str]]) -> Posted:
    """The query of a request, with names in one spelling."""
    return _posted(pairs)


def _posted(pairs: Iterable[tuple[str, str]], uploads: Iterable[Upload] = ()) -> Posted:
    fields: dict[str, tuple[str, ...]] = {}
    attributes: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        text = value.replace("\r\n", "\n").replace("\0", "").strip()
        if not text:
            continue
        code = _ATTRIBUTE.fullmatch(name.strip())
        into, key = (attributes, code[1].strip()) if code else (fields, _spelled(name))
        into[key] = (*into.get(key, ()), text)
        if len(text) > _LARGEST_FIELD or len(fields) + len(attributes) > _MOST_FIELDS:
            raise RefusedError(TOO_LARGE, f"at most {_MOST_FIELDS} fields of {_LARGEST_FIELD} characters")
    return Posted(fields=fields, attributes=attributes, uploads=tuple(uploads))


def _spelled(name: str) -> str:
    plain = name.strip().removesuffix("[]").casefold()
    return _ALIASES.get(re.sub(r"[\s_-]", "", plain), plain)


def _form_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8"), max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:
        raise RefusedError(
            BAD_REQUEST, f"the body is not a form in UTF-8 of at most {_MOST_FIELDS} fields"
        ) from None


def _json_pairs(body: bytes) -> list[tuple[str, str]]:
    try:
        tree = _TREE.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RefusedError(BAD_REQUEST, "the body is no JSON object in UTF-8") from None
    return [pair for name, value in tree.items() for pair in _of_member(name, value)]


def _of_member(name: str, value: Json) -> Iterator[tuple[str, str]]:
    """One member as pairs. `attribute` may be an object, or a list of `{code, value}` or `{code, values}`."""
    if _spelled(name) in ("attribute", "attributes"):
        for code, answer in _of_attributes(value):
            yield from ((f"attribute[{code}]", _plain(one)) for one in _several(answer))
    else:
        yield from ((name, _plain(one)) for one in _several(value))


def _of_attributes(value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, Mapping):
        yield from value.items()
        return
    for one in _several(value):
        if isinstance(one, Mapping):
            yield _plain(one.get("code")), one.get("value", one.get("values"))


def _several(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _plain(value: Json) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class _Parts:
    """Collects the parts of a multipart form."""

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str]] = []
        self.uploads: list[Upload] = []
        self.complete = False

    def add_field(self, part: Field) -> None:
        if len(self.pairs) >= _MOST_FIELDS:
            raise RefusedError(TOO_LARGE, f"at most {_MOST_FIELDS} fields")
        self.pairs.append(((part.field_name or b"").decode("utf-8"), (part.value or b"").decode("utf-8")))

    def add_file(self, part: File) -> None:
        part.file_object.seek(0)
        content = part.file_object.read()
        if content:
            self.uploads.append(Upload(name=(part.file_name or b"").decode("utf-8")[-500:], content=content))

    def end(self) -> None:
        self.complete = True


def _from_multipart(body: bytes, content_type: str) -> Posted:
    """Parsed in memory: personal data never touches a temporary file."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    parts = _Parts()
    try:
        parser = FormParser(
            "multipart/form-data",
            parts.add_field,
            parts.add_file,
            parts.end,
            boundary=boundary or b"",
            config={"MAX_MEMORY_FILE_SIZE": len(body) + 1, "UPLOAD_ERROR_ON_BAD_CTE": True},
        )
        parser.write(body)
        parser.finalize()
    except (FormParserError, UnicodeError):
        raise RefusedError(BAD_REQUEST, "the body is not multipart/form-data in UTF-8") from None
    if not (boundary and parts.complete):
        raise RefusedError(BAD_REQUEST, "the form was cut off: its boundary is missing")
    return _posted(parts.pairs, parts.uploads)
