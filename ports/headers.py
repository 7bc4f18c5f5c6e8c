"""Headers of a request at a door, as ASGI has them: pairs of bytes, names in lower case, in the order in which they came."""

from collections.abc import Iterable


def header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The value of the first header of this name; b"" when there is none."""
    for one, value in headers:
        if one == name:
            return value
    return b""
