"""Work orders as StUF-ZKN messages of the CityControl profile, and its messages as what the hub knows. Pure."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Final

from adapters.citycontrol.envelopes import BRUSSELS, Element, Head, day, entity, moment, question, update
from adapters.citycontrol.settings import Settings
from adapters.citycontrol.tree import Node, child, children, everywhere, text
from canonical_model.attachment import Attachment
from canonical_model.events import WorkOrderChanged, WorkShown
from canonical_model.location import Location
from canonical_model.work_order import OrderState, WorkOrder, parse_order_id
from ports.errors import NotUnderstoodError
from ports.files import FileRules, Upload, to_files
from ports.intake import File
from ports.standing import OutsideStanding
from ports.xml_text import clean, cut

LONGEST_TITLE: Final = 80
"""Signs of `omschrijving`."""
LONGEST_TEXT: Final = 1000
"""Signs of `toelichting`."""
LONGEST_NAME: Final = 120
LONGEST_ID: Final = 40
LONGEST_TOLD: Final = 10_000
VOID: Final = "Geannuleerd"
"""Result and status of an order that we take back."""
_ADDRESS: Final = re.compile(
    r"(?P<street>\D[^,\n]*?)\s+(?P<number>[0-9]{1,5})(?P<letter>[A-Za-z]?)(?![0-9])[^,\n]*"
    r"(?:,\s*(?P<postcode>[1-9][0-9]{3})\s+(?P<town>[^,\n]+))?"
)
_EVIDENCE: Final = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/heic",
    "image/tiff",
    "application/pdf",
)
"""What a crew shows its work by."""
_OURS: Final = re.compile(r"[A-Z]{2,5}-20[0-9]{2}-[0-9]{6,9}\.[0-9]{2}-[0-9]{2}")
"""How `document_id` names what we sent: CityControl may repeat it."""
_MOMENT: Final = re.compile(r"(?P<day>[0-9]{8})(?P<time>[0-9]{6})?[0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class Document:
    """A photo or document of an order. `number`: its place, from 1; with the order it makes its identification."""

    order: str
    number: int
    attachment: Attachment
    content: bytes = field(repr=False)


def document_id(order: str, number: int) -> str:
    """`LEU-2026-000123.01-02`: the same at every try, so that it can be recognised."""
    return f"{order}-{number:02d}"


def sent_along(order: WorkOrder, settings: Settings) -> tuple[Attachment, ...]:
    """The files that go along: those that are not too large."""
    return tuple(one for one in order.attachments if one.size <= settings.max_document_bytes)


def to_case(identification: str, order: WorkOrder, settings: Settings, now: datetime) -> bytes:
    """The order as `creeerZaak_Lk01`, under this identification."""
    address = to_address(order.location, settings.municipality)
    object_ = entity(
        "ZKN:object",
        "ZAK",
        Element("ZKN:identificatie", identification),
        Element("ZKN:omschrijving", _title(identification, order)),
        Element("ZKN:startdatum", day(now)),
        Element("ZKN:registratiedatum", day(now)),
        Element("ZKN:einddatumGepland", day(_planned_end(order, settings, now))),
        Element("ZKN:toelichting", to_text(order, settings)),
        *_coordinates(order.location),
        _case_type(settings),
        *((address,) if address else ()),
    )
    return update("ZKN:zakLk01", _head(settings, identification, now), "ZAK", object_)


def to_document(document: Document, settings: Settings, now: datetime) -> bytes:
    """A file as `voegZaakdocumentToe_Lk01`; its bytes in base64 in the message."""
    attachment = document.attachment
    identification = document_id(document.order, document.number)
    is_photo = attachment.media_type.startswith("image/")
    content = Element(
        "ZKN:inhoud",
        base64.b64encode(document.content).decode("ascii"),
        {"StUF:bestandsnaam": cut(attachment.name, LONGEST_NAME), "xmime:contentType": attachment.media_type},
    )
    case = entity(
        "ZKN:gerelateerde", "ZAK", Element("ZKN:identificatie", document.order), _case_type(settings)
    )
    object_ = entity(
        "ZKN:object",
        "EDC",
        Element("ZKN:identificatie", identification),
        Element("ZKN:dct.omschrijving", "Foto" if is_photo else "Document"),
        Element("ZKN:creatiedatum", day(now)),
        Element("ZKN:titel", cut(attachment.name, LONGEST_NAME)),
        Element("ZKN:formaat", attachment.media_type),
        Element("ZKN:taal", "NL"),
        Element("ZKN:status", "Definitief"),
        Element("ZKN:vertrouwelijkAanduiding", "VERTROUWELIJK"),
        Element("ZKN:auteur", settings.sender.organisation),
        content,
        entity("ZKN:isRelevantVoor", "EDCZAK", case),
    )
    return update("ZKN:edcLk01", _head(settings, identification, now), "EDC", object_)


def to_cancellation(identification: str, reason: str, settings: Settings, now: datetime) -> bytes:
    """That an order is void: its case ends today with the result `VOID`, as a change of the case."""
    status = entity(
        "ZKN:heeft",
        "ZAKSTT",
        entity("ZKN:gerelateerde", "STT", Element("ZKN:omschrijving", VOID)),
        Element("ZKN:datumStatusGezet", moment(now)),
    )
    object_ = entity(
        "ZKN:object",
        "ZAK",
        Element("ZKN:identificatie", identification),
        Element(
            "ZKN:resultaat",
            (Element("ZKN:omschrijving", VOID), Element("ZKN:toelichting", cut(reason, LONGEST_TEXT))),
        ),
        Element("ZKN:einddatum", day(now)),
        status,
        change="W",
    )
    return update("ZKN:zakLk01", _head(settings, identification, now), "ZAK", object_, change="W")


def to_question(identification: str, settings: Settings, now: datetime, *, about: str = "") -> bytes:
    """What is known of a case; `about` names the part that is asked for ("" = all)."""
    part = (Element(about),) if about else ()
    scope = Element("ZKN:object", part, {"StUF:entiteittype": "ZAK", "StUF:scope": "alles"})
    return question(_head(settings, identification, now), identification, scope)


def to_text(order: WorkOrder, settings: Settings) -> str:
    """What the crew reads: the text, shortened with a mark, then the place and what did not go along."""
    left_out = len(order.attachments) - len(sent_along(order, settings))
    tail = [f"Plaats: {order.location.address}"] if order.location.address else []
    if left_out:
        tail.append(f"Niet meegestuurd: {left_out} te grote bijlage(n), zie zaak {order.case}.")
    end = cut("\n".join(tail), LONGEST_TEXT // 2)
    start = cut(f"{order.subject}\n\n{order.description}".strip(), LONGEST_TEXT - len(end) - 2)
    return f"{start}\n\n{end}" if end else start


def to_address(location: Location, municipality: str) -> Element | None:
    """The address in parts, only when it has a street and a house number: CityControl refuses half of one."""
    found = _ADDRESS.match(clean(location.address).strip())
    if not found:
        return None
    postcode = location.postcode or found["postcode"] or ""
    address = entity(
        "ZKN:adres",
        "AOA",
        Element("BG:wpl.woonplaatsNaam", cut((found["town"] or municipality).strip(), 80)),
        Element("BG:gor.openbareRuimteNaam", cut(found["street"].strip(), 80)),
        Element("BG:huisnummer", found["number"]),
        *((Element("BG:huisletter", found["letter"]),) if found["letter"] else ()),
        *((Element("BG:postcode", postcode),) if postcode else ()),
    )
    return entity("ZKN:heeftBetrekkingOp", "ZAKOBJ", Element("ZKN:gerelateerde", (address,)))


def to_change(message: Node, settings: Settings, *, system: str, now: datetime) -> WorkOrderChanged:
    """What `actualiseerZaakstatus_Lk01` tells. Raises `NotUnderstoodError` naming the field.

    `text` is what the crew wrote, and not the word of a list: only that may be evidence of work done.

    A case that is not one of ours is told as it is, without `case` and `trip`. `update` is the same for the same
    content, whatever the head of the message says. A date without a time counts as the end of that day, but never
    as later than `now`: a day alone must not seem older than what came that morning.
    """
    object_ = child(message, "soap:Envelope", "soap:Body", "zkn:zakLk01", "zkn:object")
    identification = " ".join(text(object_, "zkn:identificatie").split())
    if not identification or len(identification) > LONGEST_ID:
        raise NotUnderstoodError("zakLk01/object/identificatie: is missing, or too long")
    status = latest_status(object_)
    told = (
        text(object_, "zkn:resultaat", "zkn:omschrijving"),
        _remark(object_, status),
        text(status, "zkn:gerelateerde", "zkn:omschrijving"),
        text(status, "zkn:datumStatusGezet") or text(object_, "zkn:einddatum"),
    )
    state = to_state(told[0], told[2], settings)
    if state is None:
        raise NotUnderstoodError(
            "zakLk01/object: neither `resultaat/omschrijving` nor the status is a word of `results` and `statuses`"
        )
    case, trip = parse_order_id(identification) or (None, 0)
    return WorkOrderChanged(
        system=system,
        outside_id=identification,
        case=case,
        trip=trip,
        update=_hashed(identification, *told),
        state=state,
        text=cut(told[1], LONGEST_TOLD),
        at=to_moment(told[3], now),
    )


def to_photos(
    message: Node, settings: Settings, *, system: str, now: datetime
) -> tuple[WorkShown, tuple[File, ...]]:
    """A photo or document of the work (`voegZaakdocumentToe_Lk01`), with its bytes; without any when we sent it ourselves.

    Raises `NotUnderstoodError` naming the field.
    """
    object_ = child(message, "soap:Envelope", "soap:Body", "zkn:edcLk01", "zkn:object")
    order = " ".join(text(object_, "zkn:isRelevantVoor", "zkn:gerelateerde", "zkn:identificatie").split())
    if not order or len(order) > LONGEST_ID:
        raise NotUnderstoodError("edcLk01/object/isRelevantVoor: names no case, or too long a one")
    document = text(object_, "zkn:identificatie").strip()
    files = () if _OURS.fullmatch(document) else _files(object_, settings)
    case, trip = parse_order_id(order) or (None, 0)
    shown = WorkShown(
        system=system,
        outside_id=order,
        case=case,
        trip=trip,
        update=_hashed(order, document, *(file.attachment.claim for file in files)),
        at=now,
        evidence=tuple(file.attachment for file in files),
    )
    return shown, files


def _hashed(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _files(document: Node, settings: Settings) -> tuple[File, ...]:
    content = _content(text(document, "zkn:inhoud"))
    name = text(document, "zkn:inhoud", "@stuf:bestandsnaam") or text(document, "zkn:titel") or "foto"
    rules = FileRules(max_files=1, max_bytes=settings.max_document_bytes, accepted_types=_EVIDENCE)
    return to_files([Upload(name, content)], rules)


def _content(written: str) -> bytes:
    try:
        content = base64.b64decode("".join(written.split()), validate=True)
    except (binascii.Error, ValueError):
        raise NotUnderstoodError("edcLk01/object/inhoud: is not base64") from None
    if not content:
        raise NotUnderstoodError("edcLk01/object/inhoud: is missing or empty")
    return content


def to_standing(answer: Node, identification: str, settings: Settings) -> OutsideStanding | None:
    """What `geefZaakdetails` answers about a case; None when there is none."""
    for object_ in everywhere(answer, "zkn:object"):
        if " ".join(text(object_, "zkn:identificatie").split()) == identification:
            status = latest_status(object_)
            state = to_state(
                text(object_, "zkn:resultaat", "zkn:omschrijving"),
                text(status, "zkn:gerelateerde", "zkn:omschrijving"),
                settings,
            )
            return OutsideStanding(
                state=state or "",
                outside_id=identification,
                at=_told_at(status),
                text=_remark(object_, status),
            )
    return None


def to_documents(answer: Node) -> frozenset[str]:
    """Identifications of the documents that `geefLijstZaakdocumenten` names."""
    relations = everywhere(answer, "zkn:heeftRelevant")
    return frozenset(text(one, "zkn:gerelateerde", "zkn:identificatie") for one in relations) - {""}


def to_state(result: str, status: str, settings: Settings) -> OrderState | None:
    """A result decides; a result that nobody explained means nothing, whatever the status says. "" = not given."""
    if result:
        return settings.results.get(_word(result))
    return settings.statuses.get(_word(status))


def latest_status(object_: Node) -> Node:
    """The newest of the statuses: that with the latest time, the last one of those."""
    statuses: Sequence[Node] = children(object_, "zkn:heeft")
    return max(reversed(statuses), key=lambda one: text(one, "zkn:datumStatusGezet"), default=None)


def to_moment(written: str, now: datetime) -> datetime:
    """A StUF time (local, yyyymmdd[HHMMSS[fff]]) in UTC; `now` when there is none. Raises `NotUnderstoodError`."""
    if not written:
        return now
    found = _MOMENT.fullmatch(written)
    if not found:
        raise NotUnderstoodError("zakLk01/object: a date is not yyyymmdd[HHMMSS]")
    try:
        date = datetime.strptime(found["day"], "%Y%m%d").date()  # noqa: DTZ007 - its zone comes below
        at_time = datetime.strptime(found["time"], "%H%M%S").time() if found["time"] else time.max  # noqa: DTZ007
        local = datetime.combine(date, at_time, BRUSSELS)
        return min(local.astimezone(UTC), now)
    except (ValueError, OverflowError):
        raise NotUnderstoodError("zakLk01/object: a date does not exist") from None


def _remark(object_: Node, status: Node) -> str:
    return text(object_, "zkn:resultaat", "zkn:toelichting") or text(status, "zkn:toelichting")


def _told_at(status: Node) -> datetime | None:
    written = text(status, "zkn:datumStatusGezet")
    try:
        return to_moment(written, datetime.max.replace(tzinfo=UTC)) if written else None
    except NotUnderstoodError:
        return None


def _head(settings: Settings, reference: str, now: datetime) -> Head:
    return Head(sender=settings.sender, receiver=settings.receiver, reference=reference, at=now)


def _title(identification: str, order: WorkOrder) -> str:
    """For the list: what, which, how urgent, where."""
    parts = (
        order.category,
        identification,
        "URGENT" if order.urgent else "",
        order.location.address or order.location.area or order.subject,
    )
    return cut(" ".join(" ".join(part.split()) for part in parts if part), LONGEST_TITLE)


def _planned_end(order: WorkOrder, settings: Settings, now: datetime) -> datetime:
    return order.due or now + timedelta(days=settings.urgent_days if order.urgent else settings.days)


def _coordinates(location: Location) -> tuple[Element, ...]:
    if location.point is None:
        return ()
    values = (("Ycoordinaat", location.point.latitude), ("Xcoordinaat", location.point.longitude))
    elements = [Element("StUF:extraElement", f"{value:.6f}", {"naam": name}) for name, value in values]
    return (Element("StUF:extraElementen", elements),)


def _case_type(settings: Settings) -> Element:
    type_ = entity(
        "ZKN:gerelateerde",
        "ZKT",
        Element("ZKN:omschrijving", settings.case_type_name),
        Element("ZKN:code", settings.case_type),
    )
    return entity("ZKN:isVan", "ZAKZKT", type_)


def _word(word: str) -> str:
    return " ".join(word.split()).casefold()
