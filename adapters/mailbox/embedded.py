# tnefparse and extract_msg without types: their values get one where they come in
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Mail in the formats of Microsoft Outlook: `winmail.dat` (TNEF) and `.msg` files."""

import struct
from dataclasses import dataclass

import extract_msg
from extract_msg.exceptions import ExMsgBaseException
from tnefparse import TNEF

from adapters.mailbox import html
from adapters.mailbox.mime import clean, one_line, to_text

_MAX_BYTES = 25_000_000
_MAX_TNEF_WORK = 4_000_000_000
"""Objects times bytes: the parser copies the rest of the data at every object."""
_TNEF_OBJECT = struct.Struct("<BHHI")
_TNEF_START = 6
_TNEF_FRAME = 11

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
"""How these parsers fail on damaged files; the file itself is then kept as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What was inside: text for people, and files as (name, bytes)."""

    text: str
    files: tuple[tuple[str, bytes], ...] = ()


def from_tnef(data: bytes) -> Embedded | None:
    """What Outlook hid in a `winmail.dat`; None when it cannot be read."""
    if len(data) > _MAX_BYTES or _tnef_objects(data) * len(data) > _MAX_TNEF_WORK:
        return None
    try:
        tnef = TNEF(data, do_checksum=False)
        files = tuple((_text(found.long_filename()), bytes(found.data)) for found in tnef.attachments)
        body = _text(tnef.body) or html.to_text(_text(tnef.htmlbody))
    except _STUMBLES:
        return None
    return Embedded(text=clean(body).strip(), files=files)


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


def _tnef_objects(data: bytes) -> int:
    position, count = _TNEF_START, 0
    while position + _TNEF_FRAME < len(data):
        position += _TNEF_OBJECT.unpack_from(data, position)[3] + _TNEF_FRAME
        count += 1
    return count


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return to_text(value).rstrip("\x00")
    return value.rstrip("\x00") if isinstance(value, str) else ""
