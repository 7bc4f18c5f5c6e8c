"""The mail inside an opaque S/MIME signature (`application/pkcs7-mime`). Nothing is verified here."""

from dataclasses import dataclass

SIGNED_DATA = bytes.fromhex("2a864886f70d010702")

_OBJECT_ID, _SEQUENCE, _OCTETS, _CHUNKED_OCTETS, _EXPLICIT_0 = 0x06, 0x30, 0x04, 0x24, 0xA0
_MAX_CHUNKS = 100_000


class _BrokenError(ValueError):
    """Not ASN.1 as we know it."""


@dataclass(frozen=True, slots=True)
class _Value:
    """One tag-length-value: where its content starts and ends; `end` is None when its length is indefinite."""

    tag: int
    start: int
    end: int | None


def signed_content(data: bytes) -> bytes | None:
    """The signed mail; None when this is encrypted, has no content inside, or is not CMS at all."""
    try:
        return _signed_content(data)
    except (_BrokenError, IndexError):
        return None


def _signed_content(data: bytes) -> bytes | None:
    outer = _expect(data, 0, _SEQUENCE)
    kind = _expect(data, outer.start, _OBJECT_ID)
    if data[kind.start : kind.end] != SIGNED_DATA:
        return None
    signed = _expect(data, _expect(data, _end(kind), _EXPLICIT_0).start, _SEQUENCE)
    version = _value(data, signed.start)
    algorithms = _value(data, _end(version))
    inner = _expect(data, _after(data, algorithms), _SEQUENCE)
    inner_kind = _expect(data, inner.start, _OBJECT_ID)
    wrapped = _value(data, _end(inner_kind))
    if wrapped.tag != _EXPLICIT_0:
        return None
    return _octets(data, _value(data, wrapped.start))


def _octets(data: bytes, value: _Value) -> bytes:
    """An octet string in one piece or in chunks, as streaming signers write it."""
    if value.tag == _OCTETS:
        return data[value.start : _end(value)]
    if value.tag != _CHUNKED_OCTETS:
        raise _BrokenError("no octet string")
    chunks: list[bytes] = []
    position = value.start
    while not _is_over(data, position, value.end):
        chunk = _expect(data, position, _OCTETS)
        chunks.append(data[chunk.start : chunk.end])
        position = _end(chunk)
        if len(chunks) > _MAX_CHUNKS:
            raise _BrokenError("too many chunks")
    return b"".join(chunks)


def _after(data: bytes, value: _Value) -> int:
    """Where the value ends; a set of algorithms may be of indefinite length too, one level of it."""
    if value.end is not None:
        return value.end
    position = value.start
    while not _is_over(data, position, None):
        position = _end(_value(data, position))
    return position + 2


def _is_over(data: bytes, position: int, end: int | None) -> bool:
    if end is not None:
        return position >= end
    return data[position : position + 2] == b"\x00\x00"


def _expect(data: bytes, position: int, tag: int) -> _Value:
    value = _value(data, position)
    if value.tag != tag:
        raise _BrokenError("unexpected tag")
    return value


def _end(value: _Value) -> int:
    if value.end is None:
        raise _BrokenError("indefinite length where a definite one is needed")
    return value.end


def _value(data: bytes, position: int) -> _Value:
    tag, length, start = data[position], data[position + 1], position + 2
    if length == 0x80:
        return _Value(tag, start, None)
    if length > 0x80:
        size = length - 0x80
        if size > 4:
            raise _BrokenError("length of more than four bytes")
        length = int.from_bytes(data[start : start + size], "big")
        start += size
    if start + length > len(data):
        raise _BrokenError("longer than the data")
    return _Value(tag, start, start + length)
