"""`winmail.dat` (TNEF): the text and the files that Outlook packed into one attachment.

Reads only what people need, in one pass: every count in the data is checked against the bytes that are left.
(The library for this format believes the counts, and a few wrong bytes keep it busy for minutes.)
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.mailbox.mime import to_text

MAGIC = b"\x78\x9f\x3e\x22"

_START = 6
_MESSAGE, _ATTACHMENT = 1, 2
_BODY, _CODEPAGE, _MESSAGE_PROPERTIES = 0x800C, 0x9007, 0x9003
_NEXT_FILE, _FILE_TITLE, _FILE_DATA, _FILE_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005

_MULTIPLE, _NAMED = 0x1000, 0x8000
_FIXED = {2: 2, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0x0A: 4, 0x0B: 2, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = frozenset({0x00, 0x0D, 0x1E, 0x1F, 0x102})
_UNICODE, _OBJECT = 0x1F, 0x0D
_INTERFACE_BYTES = 16

_PLAIN_TEXT, _HTML, _HTML_CODEPAGE = 0x1000, 0x1013, 0x3FDE
_LONG_NAME, _SHORT_NAME, _CONTENT = 0x3707, 0x3704, 0x3701


class DamagedError(ValueError):
    """The data ends too early or is not of this format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """`plain` and `html` are "" when there was none; files are (name, bytes)."""

    plain: str
    html: str
    files: tuple[tuple[str, bytes], ...]


@dataclass(slots=True)
class _Reader:
    data: bytes
    position: int = 0

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise DamagedError("ends too early")
        taken, self.position = self.data[self.position : end], end
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def short(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def padded(self, size: int) -> bytes:
        taken = self.take(size)
        self.take(-size % 4)
        return taken

    @property
    def is_done(self) -> bool:
        return self.position >= len(self.data)


@dataclass(slots=True)
class _File:
    title: str = ""
    name: str = ""
    content: bytes = b""


@dataclass(slots=True)
class _Found:
    codepage: str = ""
    plain: str = ""
    html: str = ""
    files: list[_File] = field(default_factory=list[_File])


@dataclass(frozen=True, slots=True)
class _Property:
    id: int
    kind: int
    value: bytes

    def text(self, codepage: str) -> str:
        return to_text(self.value, "utf-16-le" if self.kind == _UNICODE else codepage).rstrip("\x00")


def unpacked(data: bytes) -> Unpacked:
    """Raises `DamagedError` when this is no TNEF; what comes before a damaged spot is returned."""
    if not data.startswith(MAGIC):
        raise DamagedError("no TNEF")
    found = _Found()
    for level, attribute, value in _objects(data):
        if level == _MESSAGE:
            _read_message(found, attribute, value)
        else:
            _read_file(found, attribute, value)
    files = tuple((one.name or one.title, one.content) for one in found.files if one.content or one.title)
    return Unpacked(plain=found.plain, html=found.html, files=files)


def _objects(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    reader = _Reader(data, _START)
    while not reader.is_done:
        try:
            level, attribute, _, size = struct.unpack("<BHHI", reader.take(9))
            value = reader.take(size)
        except DamagedError:
            return
        if level not in {_MESSAGE, _ATTACHMENT}:
            return
        yield level, attribute, value
        reader.position += 2  # a checksum that many senders get wrong


def _read_message(found: _Found, attribute: int, value: bytes) -> None:
    if attribute == _CODEPAGE:
        found.codepage = f"cp{int.from_bytes(value[:4], 'little')}"
    elif attribute == _BODY:
        found.plain = to_text(value, found.codepage).rstrip("\x00")
    elif attribute == _MESSAGE_PROPERTIES:
        properties = {one.id: one for one in _properties(value)}
        if _PLAIN_TEXT in properties:
            found.plain = properties[_PLAIN_TEXT].text(found.codepage)
        if _HTML in properties:
            found.html = properties[_HTML].text(_html_charset(properties, found.codepage))


def _html_charset(properties: dict[int, _Property], codepage: str) -> str:
    if _HTML_CODEPAGE not in properties:
        return codepage
    number = int.from_bytes(properties[_HTML_CODEPAGE].value[:4], "little")
    return {65001: "utf-8", 28591: "iso-8859-1", 20127: "us-ascii"}.get(number, f"cp{number}")


def _read_file(found: _Found, attribute: int, value: bytes) -> None:
    if attribute == _NEXT_FILE or not found.files:
        found.files.append(_File())
    current = found.files[-1]
    if attribute == _FILE_TITLE:
        current.title = to_text(value, found.codepage).rstrip("\x00")
    elif attribute == _FILE_DATA:
        current.content = value
    elif attribute == _FILE_PROPERTIES:
        _read_file_properties(current, value, found.codepage)


def _read_file_properties(current: _File, value: bytes, codepage: str) -> None:
    for one in _properties(value):
        if one.id == _LONG_NAME:
            current.name = one.text(codepage)
        elif one.id == _SHORT_NAME:
            current.title = one.text(codepage)
        elif one.id == _CONTENT:
            current.content = one.value[_INTERFACE_BYTES:] if one.kind == _OBJECT else one.value


def _properties(data: bytes) -> Iterator[_Property]:
    """The MAPI properties up to the first damaged one."""
    reader = _Reader(data)
    try:
        for _ in range(reader.number()):
            yield _property(reader)
    except DamagedError:
        return


def _property(reader: _Reader) -> _Property:
    kind, id_ = reader.short(), reader.short()
    if id_ >= _NAMED:
        _skip_name(reader)
    single = kind & ~_MULTIPLE
    if single in _VARIABLE:
        return _Property(
            id_, single, _first_of([reader.padded(reader.number()) for _ in range(_count(reader))])
        )
    if single not in _FIXED:
        raise DamagedError("a kind of value that does not exist")
    count = _count(reader) if kind & _MULTIPLE else 1
    return _Property(id_, single, reader.padded(_FIXED[single] * count))


def _count(reader: _Reader) -> int:
    """How many values follow: each takes two bytes at least."""
    count = reader.number()
    if count > len(reader.data):
        raise DamagedError("more values than bytes")
    return count


def _first_of(values: list[bytes]) -> bytes:
    return values[0] if values else b""


def _skip_name(reader: _Reader) -> None:
    reader.take(_INTERFACE_BYTES)
    if reader.number():
        reader.padded(reader.number())
    else:
        reader.take(4)
