# extract_msg without types: their values get one where they come in
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Mail in the formats of Microsoft Outlook: `winmail.dat` (TNEF) and `.msg` files."""

import struct
from dataclasses import dataclass

import extract_msg
from extract_msg.exceptions import ExMsgBaseException

from adapters.mailbox import html, tnef
from adapters.mailbox.mime import clean, one_line, to_text

_MAX_BYTES = 25_000_000

_STUMBLES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ExMsgBaseException,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
"""How its parser fails on damaged files; the file itself is then kept as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What was inside: text for people, and files as (name, bytes)."""

    text: str
    files: tuple[tuple[str, bytes], ...] = ()


def from_tnef(data: bytes) -> Embedded | None:
    """What Outlook hid in a `winmail.dat`; None when it cannot be read."""
    try:
        found = tnef.unpacked(data)
    except tnef.DamagedError:
        return None
    return Embedded(text=clean(found.plain or html.to_text(found.html)).strip(), files=found.files)


def from_msg(data: bytes) -> Embedded | None:
    """The mail in an Outlook `.msg` file as text; None when it cannot be read. The file itself is kept apart."""
    if len(data) > _MAX_BYTES:
        return None
    try:
        with extract_msg.openMsg(data, delayAttachments=True) as message:
            text = _text(getattr(message, "body", None)) or html.to_text(
                _text(getattr(message, "htmlBody", None))
            )
            lines = (
                one_line(_text(getattr(message, "sender", None))),
                one_line(_text(getattr(message, "subject", None))),
                clean(text).strip(),
            )
    except _STUMBLES:
        return None
    return Embedded(text="\n".join(filter(None, lines)))


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return to_text(value).rstrip("\x00")
    return value.rstrip("\x00") if isinstance(value, str) else ""
