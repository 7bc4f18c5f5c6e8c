"""StUF-ZKN 3.10 messages as they are written: SOAP 1.1 envelopes made with lxml. Pure.

Names, order and codes are those of the messages that Sigmax gave to Amsterdam for CityControl (Signalen,
`signals/apps/sigmax`), and of Zaak- en Documentservices for the questions and the cancelling.
"""

# lxml has no types: what it gives gets one where it comes in
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from lxml import etree  # type: ignore[import-untyped]  # it has none

from adapters.citycontrol.settings import Application
from adapters.citycontrol.tree import BG, SOAP, STUF, XSI, ZKN
from ports.xml_text import clean

XMIME: Final = "http://www.w3.org/2005/05/xmlmime"
BRUSSELS: Final = ZoneInfo("Europe/Brussels")
_NAMESPACES: Final = {"soap": SOAP, "ZKN": ZKN, "StUF": STUF, "BG": BG, "xsi": XSI, "xmime": XMIME}
_CLIENT_OR_SERVER: Final = {"client": "soap:Client", "server": "soap:Server"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a message (stuurgegevens). `at` is UTC; it is written in the time of Brussels, as StUF has no zones."""

    sender: Application
    receiver: Application
    reference: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Element:
    """An element with attributes, and either text or children. Names have a prefix: `ZKN:object`."""

    name: str
    content: "str | Sequence[Element]" = ""
    attributes: Mapping[str, str] | None = None


def entity(name: str, type_: str, *content: Element, change: str = "T") -> Element:
    """An element that stands for something in the other side's administration."""
    return Element(name, content, {"StUF:entiteittype": type_, "StUF:verwerkingssoort": change})


def update(name: str, head: Head, type_: str, *objects: Element, change: str = "T") -> bytes:
    """An asynchronous notice (Lk01): `change` T = new, W = changed."""
    parameters = Element(
        "ZKN:parameters", (Element("StUF:mutatiesoort", change), Element("StUF:indicatorOvername", "V"))
    )
    message = Element(name, (_head("ZKN:stuurgegevens", "Lk01", head, type_), parameters, *objects))
    return _enveloped(message)


def question(head: Head, identification: str, scope: Element) -> bytes:
    """A question about one case (Lv01)."""
    parameters = Element(
        "ZKN:parameters", (Element("StUF:sortering", "0"), Element("StUF:indicatorVervolgvraag", "false"))
    )
    same = Element(
        "ZKN:gelijk", (Element("ZKN:identificatie", identification),), {"StUF:entiteittype": "ZAK"}
    )
    message = Element(
        "ZKN:zakLv01",
        (_head("ZKN:stuurgegevens", "Lv01", head, "ZAK"), parameters, same, Element("ZKN:scope", (scope,))),
    )
    return _enveloped(message)


def taken(head: Head) -> bytes:
    """ "We have it, safely" (Bv03)."""
    return _enveloped(Element("StUF:Bv03Bericht", (_head("StUF:stuurgegevens", "Bv03", head),)))


def refused(head: Head, *, where: str, why: str) -> bytes:
    """ "We do not have it" (Fo03 in a SOAP fault). `where`: "client" = mend it first, "server" = send it again later."""
    body = Element(
        "StUF:body",
        (
            Element("StUF:code", "StUF058"),
            Element("StUF:plek", where),
            Element("StUF:omschrijving", why),
        ),
    )
    message = Element("StUF:Fo03Bericht", (_head("StUF:stuurgegevens", "Fo03", head), body))
    fault = Element(
        "soap:Fault",
        (
            Element("faultcode", _CLIENT_OR_SERVER[where]),
            Element("faultstring", why),
            Element("detail", (message,)),
        ),
    )
    return _enveloped(fault)


def moment(at: datetime) -> str:
    """A time as StUF writes it: yyyymmddHHMMSS, without a zone."""
    return at.astimezone(BRUSSELS).strftime("%Y%m%d%H%M%S")


def day(at: datetime) -> str:
    """A date as StUF writes it: yyyymmdd."""
    return at.astimezone(BRUSSELS).strftime("%Y%m%d")


def _head(name: str, code: str, head: Head, type_: str = "") -> Element:
    return Element(
        name,
        (
            Element("StUF:berichtcode", code),
            _application("StUF:zender", head.sender),
            _application("StUF:ontvanger", head.receiver),
            Element("StUF:referentienummer", head.reference),
            Element("StUF:tijdstipBericht", moment(head.at)),
            *((Element("StUF:entiteittype", type_),) if type_ else ()),
        ),
    )


def _application(name: str, who: Application) -> Element:
    return Element(
        name,
        (Element("StUF:organisatie", who.organisation), Element("StUF:applicatie", who.application)),
    )


def _enveloped(message: Element) -> bytes:
    envelope = etree.Element(_qualified("soap:Envelope"), nsmap=_NAMESPACES)
    _add(etree.SubElement(envelope, _qualified("soap:Body")), message)
    return bytes(etree.tostring(envelope, xml_declaration=True, encoding="UTF-8"))


def _add(parent: Any, element: Element) -> None:
    attributes = {_qualified(name): clean(value) for name, value in (element.attributes or {}).items()}
    made = etree.SubElement(parent, _qualified(element.name), attributes)
    if isinstance(element.content, str):
        made.text = clean(element.content)
        return
    for one in element.content:
        _add(made, one)


def _qualified(name: str) -> str:
    prefix, colon, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}" if colon else name
