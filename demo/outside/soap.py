"""SOAP as the systems of this folder read and write it: lxml, apart from the adapters, so that both must mean the same."""

# lxml has no types: what it gives gets one here
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
import base64
from collections.abc import Mapping
from html import escape

from lxml import etree  # type: ignore[import-untyped]  # it has none
from starlette.requests import Request
from starlette.responses import Response

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


class Document:
    """A message that came in. `names`: prefixes of the paths."""

    def __init__(self, body: bytes, names: Mapping[str, str]) -> None:
        """A photo of 20 MB is one text: lxml refuses that unless told otherwise."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
        self._root = etree.fromstring(body, parser)
        self._names = dict(names)

    def texts(self, path: str) -> list[str]:
        """The text of each element at this place."""
        return [str(found.text or "") for found in self._root.xpath(path, namespaces=self._names)]

    def text(self, path: str) -> str:
        """The text of the first element at this place; "" when there is none."""
        return next(iter(self.texts(path)), "")


def plain(text: str) -> str:
    """The text as it stands between two tags."""
    return escape(text, quote=False)


def lets_in(request: Request, username: str, password: str) -> bool:
    """Whether the request has this name and password (HTTP Basic)."""
    expected = base64.b64encode(f"{username}:{password}".encode()).decode()
    return request.headers.get("authorization") == f"Basic {expected}"


def xml(content: bytes, status: int = 200) -> Response:
    """An answer in XML."""
    return Response(content, status, media_type="text/xml; charset=utf-8")
