"""Answers in the two formats of the standard, from one shape: a root, and one record or a list of them."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeAlias
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec

Leaf: TypeAlias = "str | int | float | bool | None"
Tree: TypeAlias = "Leaf | Sequence[Tree] | Mapping[str, Tree]"

_EACH = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "service_requests": "request",
    "service_request_updates": "request_update",
    "errors": "error",
    "endpoints": "endpoint",
    "formats": "format",
}
"""How the standard calls one of several."""
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Format(StrEnum):
    """What an app asks for."""

    XML = "xml"
    JSON = "json"

    @property
    def media_type(self) -> str:
        """As the standard has it, always UTF-8."""
        return "text/xml; charset=utf-8" if self is Format.XML else "application/json; charset=utf-8"


def rendered(format_: Format, root: str, content: Tree) -> bytes:
    """The document. In JSON a list has no root; in XML nothing that XML forbids is left in a text."""
    if format_ is Format.JSON:
        return msgspec.json.encode(content)
    document = Element(root)
    _fill(document, content)
    written: bytes = tostring(document, encoding="utf-8", xml_declaration=True)
    return written


def _fill(element: Element, content: Tree) -> None:
    if isinstance(content, Mapping):
        for name, value in content.items():
            _fill(SubElement(element, name), value)
    elif isinstance(content, Sequence) and not isinstance(content, str):
        for value in content:
            _fill(SubElement(element, _EACH[element.tag]), value)
    else:
        element.text = _text(content)


def _text(leaf: Leaf) -> str:
    if leaf is None:
        return ""
    if isinstance(leaf, bool):
        return str(leaf).lower()
    return _NOT_IN_XML.sub("", str(leaf))
