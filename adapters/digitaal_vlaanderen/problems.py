"""What a service says is wrong, in words for people: fields and rules, never the values that we sent.

Error documents are in lower camel case (`code`, `message`, `description`, `errors` with `field`), results of DOSIS in Pascal case.
Source: github.com/Qmino/dosis-connector.
"""

import re
from collections.abc import Collection, Iterable, Sequence

import msgspec

LONGEST = 200
"""Characters of one problem."""
MOST = 20
"""Problems that are told of one delivery."""
HIDDEN = "…"

_MAIL = re.compile(r"[^\s@,;:<>\"']+@[^\s@,;:<>\"']+")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|«[^»]*»|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d")
_NUMBER = re.compile(r"[0-9](?:[ .\-/]?[0-9]){4,}")
_FIELD = re.compile(r"[A-Za-z0-9_.\-\[\]/]{1,100}")
_CODE = re.compile(r"[A-Za-z_.\-]{1,60}|[A-Za-z_.\-]{0,20}[0-9]{1,5}")


class _One(msgspec.Struct, frozen=True):
    code: str | int | None = ""
    message: str | None = ""
    description: str | None = ""
    field: str | None = ""


class _Document(msgspec.Struct, frozen=True):
    code: str | int | None = ""
    message: str | None = ""
    description: str | None = ""
    errors: tuple[_One, ...] | None = ()


def problems_in(content: bytes, sent: Collection[str] = ()) -> tuple[str, ...]:
    """What an error document complains about, each with its field; () when it is no such document.

    `sent`: values that we sent, which the service may repeat.
    """
    try:
        document = msgspec.json.decode(content, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()
    told = [_told(one, sent) for one in document.errors or ()]
    if not any(told):
        told = [_told(_One(document.code, document.message, document.description), sent)]
    return tuple(one for one in told if one)[:MOST]


def masked(text: str, sent: Collection[str] = ()) -> str:
    """The text without mail addresses, numbers, quotations, and what we sent; at most `LONGEST` characters."""
    for value in sorted({one for one in sent if len(one) >= 3}, key=len, reverse=True):
        text = re.sub(re.escape(value), HIDDEN, text, flags=re.IGNORECASE)
    for pattern in (_QUOTED, _MAIL, _NUMBER):
        text = pattern.sub(HIDDEN, text)
    return " ".join(text.split())[:LONGEST]


def texts_in(value: object) -> Iterable[str]:
    """All texts in a body, however deep: what must not come back in an error."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():  # pyright: ignore[reportUnknownVariableType] - any JSON
            yield from texts_in(inner)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, Sequence):
        for inner in value:  # pyright: ignore[reportUnknownVariableType]
            yield from texts_in(inner)  # pyright: ignore[reportUnknownArgumentType]


def _told(one: _One, sent: Collection[str]) -> str:
    field = one.field if one.field and _FIELD.fullmatch(one.field) else ""
    code = str(one.code or "")
    words = masked(one.description or one.message or "", sent)
    named = f"{field}: {words}" if field and words else field or words
    return f"{named} ({code})".strip() if _CODE.fullmatch(code) else named
