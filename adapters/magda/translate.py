"""MAGDA's envelopes. Pure.

Facts: MAGDA's public templates and mock. Only the root of a request is in the service's namespace, all below it has none.
Trouble comes at three levels: a SOAP fault, `Repliek/Uitzonderingen`, and `Antwoord/Uitzonderingen`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring
from zoneinfo import ZoneInfo

from canonical_model.identifiers import Identifier, InvalidIdentifierError, insz
from ports.errors import NotUnderstoodError

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_BRUSSELS = ZoneInfo("Europe/Brussels")
_LONGEST_NAME = 300
_FAULT_CODE = re.compile(r"\s*([0-9]{5})\b")
_DOCTYPE = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
_CODE = re.compile(r"[0-9]{1,6}")
_ORIGIN = re.compile(r"[A-Z0-9]{1,5}")


class Service(Protocol):
    """A service, as the settings name it."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def namespace(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, under which reference of ours, and when."""

    sender: str
    capacity: str
    reference: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that MAGDA reports: its code ("" = none was given, `Client` = a fault of ours), which source it comes from, and whether it is an error."""

    code: str
    origin: str = ""
    is_error: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back. `reference` is ours, as MAGDA echoes it; `content` None: there is no answer, `troubles` say why."""

    reference: str
    troubles: tuple[Trouble, ...]
    content: Element | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person's name and current number. Personal data."""

    name: str = field(repr=False)
    identifier: Identifier


def person_question(service: Service, asker: Asker, number: str, source: str) -> bytes:
    """The envelope that asks who has this INSZ."""
    envelope, content = _envelope(service, asker)
    _add(_add(content, "Criteria"), "INSZ", number)
    _add(content, "Bron", source)
    _add(content, "Taal", "nl")
    return _written(envelope)


def company_question(service: Service, asker: Asker, number: str) -> bytes:
    """The envelope that asks which company has this KBO number, its basic data only."""
    envelope, content = _envelope(service, asker)
    criteria = _add(content, "Criteria")
    _add(criteria, "Ondernemingsnummer", number)
    _add(criteria, "Basisgegevens", "1")
    _add(content, "Taal", "nl")
    return _written(envelope)


def reply_of(content: bytes) -> Reply:
    """What MAGDA says. `NotUnderstoodError`: it is no answer of MAGDA's."""
    body = _parsed(content).find(f"{{{SOAP}}}Body")
    told = next(iter(body), None) if body is not None else None
    if told is None:
        raise NotUnderstoodError("no SOAP body, or an empty one")
    if told.tag == f"{{{SOAP}}}Fault":
        return Reply(reference="", troubles=(Trouble(code=_fault_code(told)),))
    reply = told.find("Repliek")
    if reply is None:
        raise NotUnderstoodError("Repliek is missing")
    reference = (reply.findtext("Context/Bericht/Ontvanger/Referte") or "").strip()
    answers = reply.findall("Antwoorden/Antwoord")
    troubles = tuple(_troubles([reply, *answers]))
    if any(trouble.is_error for trouble in troubles):
        return Reply(reference=reference, troubles=troubles)
    if len(answers) != 1 or (inside := answers[0].find("Inhoud")) is None:
        raise NotUnderstoodError("expected one Antwoord with Inhoud")
    return Reply(reference=reference, troubles=troubles, content=inside)


def person_in(content: Element, asked: Identifier, *, replaced: bool, allow_test_numbers: bool) -> Person:
    """The person that was asked for; another number than that counts only when MAGDA says that it was `replaced`."""
    person = content.find("Persoon")
    if person is None:
        raise NotUnderstoodError("Inhoud/Persoon is missing")
    try:
        number = insz(person.findtext("INSZ") or "", allow_test_numbers=allow_test_numbers)
    except InvalidIdentifierError:
        raise NotUnderstoodError("Persoon/INSZ is missing or wrong") from None
    if number != asked and not replaced:
        raise NotUnderstoodError("Persoon/INSZ is another person's")
    first = [one.text or "" for one in person.findall("Naam/Voornamen/Voornaam")][:1]
    last = [one.text or "" for one in person.findall("Naam/Achternamen/Achternaam")]
    return Person(name=_line(" ".join([*first, *last])), identifier=number)


def company_name_in(content: Element, asked: str, today: date) -> str:
    """The registered name, in Dutch when there is one; "" when it has none today."""
    company = content.find("Onderneming")
    if company is None or (company.findtext("Ondernemingsnummer") or "").strip() != asked:
        raise NotUnderstoodError("Inhoud/Onderneming is missing, or is another company")
    for kind in ("MaatschappelijkeNamen/MaatschappelijkeNaam", "CommercieleNamen/CommercieleNaam"):
        valid = [one for one in company.findall(f"Namen/{kind}") if _holds(one, today)]
        valid.sort(key=lambda one: (one.findtext("Taalcode") or "") != "nl")
        if valid:
            return _line(valid[0].findtext("Naam") or "")
    return ""


def _envelope(service: Service, asker: Asker) -> tuple[Element, Element]:
    envelope = Element(f"{{{SOAP}}}Envelope")
    SubElement(envelope, f"{{{SOAP}}}Header")
    body = SubElement(envelope, f"{{{SOAP}}}Body")
    root = SubElement(body, f"{{{service.namespace}}}{service.name}")
    request = _add(root, "Verzoek")
    context = _add(request, "Context")
    _add(context, "Naam", service.name)
    _add(context, "Versie", service.version)
    message = _add(context, "Bericht")
    _add(message, "Type", "VRAAG")
    moment, at = _add(message, "Tijdstip"), asker.at.astimezone(_BRUSSELS)
    _add(moment, "Datum", f"{at:%Y-%m-%d}")
    _add(moment, "Tijd", f"{at:%H:%M:%S}.{at.microsecond // 1000:03}")
    sender = _add(message, "Afzender")
    _add(sender, "Identificatie", asker.sender)
    _add(sender, "Referte", asker.reference)
    if asker.capacity:
        _add(sender, "Hoedanigheid", asker.capacity)
    question = _add(_add(request, "Vragen"), "Vraag")
    _add(question, "Referte", asker.reference)
    return envelope, _add(question, "Inhoud")


def _fault_code(fault: Element) -> str:
    """MAGDA's code in a fault's words; `Client` when there is none and the fault is said to be ours."""
    code = _FAULT_CODE.match(fault.findtext("faultstring") or "")
    if code:
        return code[1]
    return "Client" if (fault.findtext("faultcode") or "").rpartition(":")[2].strip() == "Client" else ""


def _written(envelope: Element) -> bytes:
    content: bytes = tostring(envelope, encoding="utf-8", xml_declaration=True)
    return content


def _add(parent: Element, tag: str, text: str = "") -> Element:
    child = SubElement(parent, tag)
    child.text = text or None
    return child


def _parsed(content: bytes) -> Element:
    """UTF-8 without a document type, so that there are no entities; expat's own limits stay."""
    try:
        text = content.decode("utf-8")
        if _DOCTYPE.search(text):
            raise NotUnderstoodError("XML with a document type")
        root = fromstring(text)  # noqa: S314 - without a document type there are no entities
    except (UnicodeDecodeError, ParseError, ValueError):
        raise NotUnderstoodError("not XML in UTF-8, or cut off") from None
    if root.tag != f"{{{SOAP}}}Envelope":
        raise NotUnderstoodError("not a SOAP 1.1 envelope")
    return root


def _troubles(holders: list[Element]) -> Iterator[Trouble]:
    for holder in holders:
        for told in holder.findall("Uitzonderingen/Uitzondering"):
            code, origin = (told.findtext(name) or "" for name in ("Identificatie", "Oorsprong"))
            yield Trouble(
                code=code.strip() if _CODE.fullmatch(code.strip()) else "",
                origin=origin.strip() if _ORIGIN.fullmatch(origin.strip()) else "",
                is_error=(told.findtext("Type") or "").strip() not in ("WAARSCHUWING", "INFORMATIE"),
            )


def _holds(name: Element, today: date) -> bool:
    """Whether a name is in use: its dates stand in elements or in attributes."""
    begin, end = (name.findtext(key) or name.get(key) or "" for key in ("DatumBegin", "DatumEinde"))
    return (not begin or begin <= today.isoformat()) and (not end or end >= today.isoformat())


def _line(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_NAME]
