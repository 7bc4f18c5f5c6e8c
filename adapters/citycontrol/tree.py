"""StUF messages as they are read: xmltodict's mappings with the standard's own prefixes, whatever the sender calls them.

Facts: xmltodict makes one child a mapping and several a list, an empty element None, an xsi:nil one a mapping without
text; it refuses entities. A text of more than 10 MB is no trouble to it, as it is to lxml.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.parsers.expat import ExpatError

import xmltodict

from ports.errors import NotUnderstoodError

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12: Final = "http://www.w3.org/2003/05/soap-envelope"
STUF: Final = "http://www.egem.nl/StUF/StUF0301"
ZKN: Final = "http://www.egem.nl/StUF/sector/zkn/0310"
BG: Final = "http://www.egem.nl/StUF/sector/bg/0310"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"

_PREFIXES: Final = {SOAP: "soap", SOAP12: "soap", STUF: "stuf", ZKN: "zkn", BG: "bg", XSI: "xsi"}
_DOCTYPE: Final = re.compile(rb"<!DOCTYPE", re.IGNORECASE)
_TEXT: Final = "#text"

Node = Mapping[str, Any] | str | None
"""What an element holds; its children under their prefixed names, attributes with `@`."""


def read(body: bytes) -> Mapping[str, Any]:
    """The document, by its root's name. Raises `NotUnderstoodError`; without a word of what stood in it."""
    if _DOCTYPE.search(body):
        raise NotUnderstoodError("has a document type: entities and DTDs are not taken")
    try:
        document: Mapping[str, Any] = xmltodict.parse(body, process_namespaces=True, namespaces=_PREFIXES)
    except (ExpatError, ValueError, LookupError):
        raise NotUnderstoodError("is not XML, or only a part of it") from None
    return document


def children(node: Node, name: str) -> tuple[Node, ...]:
    """All child elements of this name, whether there are none, one or many."""
    if not isinstance(node, Mapping) or name not in node:
        return ()
    found: Node | list[Node] = node[name]
    return tuple(found) if isinstance(found, list) else (found,)


def child(node: Node, *path: str) -> Node:
    """The element at the end of the path; the last where there are several, as StUF puts the new one after the old."""
    for name in path:
        found = children(node, name)
        node = found[-1] if found else None
    return node


def text(node: Node, *path: str) -> str:
    """The words of an element; "" when it is not there, empty or nil."""
    found = child(node, *path)
    if isinstance(found, Mapping):
        found = found.get(_TEXT)
    return found if isinstance(found, str) else ""


def everywhere(node: Node, name: str) -> Iterator[Node]:
    """Every element of this name, at whatever depth, in no particular order."""
    waiting: list[Any] = [node]
    while waiting:
        here: Node | list[Any] = waiting.pop()
        if isinstance(here, list):
            waiting += here
        elif isinstance(here, Mapping):
            yield from children(here, name)
            waiting += here.values()
