"""Message Translator: reports and updates to contacts; cases to the records of the standard. Pure.

Records outward hold what the standard names and nothing that is personal: no texts, no places, no groups.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from adapters.open311.documents import Tree
from adapters.open311.posted import Posted
from adapters.open311.problems import NOT_FOUND, ReportError
from adapters.open311.settings import App, Attribute, Datatype, Service, Settings
from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef
from canonical_model.contact import NEW_THREAD, Channel, Contact, Language, Thread
from canonical_model.events import Answer, ContactReceived
from canonical_model.location import NOWHERE, Location, Point
from canonical_model.party import ANONYMOUS, Party, PartyKind
from canonical_model.status import OPEN, CaseStatus, StatusChange
from ports.cases import CaseSummary, CaseView

_BRUSSELS = ZoneInfo("Europe/Brussels")
_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+\.[^\s@<>()\[\],;:\\\".]+")
_SAFE_ID = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_LONGEST_SUBJECT = 100
_NOT_TOLD = frozenset(
    {"title", "easting", "northing", "closest_address", "external_id", "fixmystreet_id", "emergency"}
)
"""Attributes that report apps add for machines."""

NOTES: Mapping[Language, Mapping[CaseStatus, str]] = {
    Language.NL: {
        CaseStatus.NEW: "Uw melding is ontvangen.",
        CaseStatus.IN_PROGRESS: "Uw melding is in behandeling.",
        CaseStatus.WAITING_FOR_CUSTOMER: "We hebben meer informatie nodig van de melder.",
        CaseStatus.WAITING_FOR_FIELD_TEAM: "Het werk is ingepland.",
        CaseStatus.ANSWERED: "De melding is beantwoord.",
        CaseStatus.CLOSED: "De melding is afgesloten.",
    },
    Language.EN: {
        CaseStatus.NEW: "Your report was received.",
        CaseStatus.IN_PROGRESS: "Your report is being handled.",
        CaseStatus.WAITING_FOR_CUSTOMER: "We need more information from the reporter.",
        CaseStatus.WAITING_FOR_FIELD_TEAM: "The work is planned.",
        CaseStatus.ANSWERED: "The report was answered.",
        CaseStatus.CLOSED: "The report was closed.",
    },
    Language.FR: {
        CaseStatus.NEW: "Votre signalement a été reçu.",
        CaseStatus.IN_PROGRESS: "Votre signalement est en cours de traitement.",
        CaseStatus.WAITING_FOR_CUSTOMER: "Nous avons besoin de plus d'informations.",
        CaseStatus.WAITING_FOR_FIELD_TEAM: "Les travaux sont planifiés.",
        CaseStatus.ANSWERED: "Le signalement a reçu une réponse.",
        CaseStatus.CLOSED: "Le signalement est clôturé.",
    },
    Language.DE: {
        CaseStatus.NEW: "Ihre Meldung ist eingegangen.",
        CaseStatus.IN_PROGRESS: "Ihre Meldung wird bearbeitet.",
        CaseStatus.WAITING_FOR_CUSTOMER: "Wir brauchen weitere Angaben.",
        CaseStatus.WAITING_FOR_FIELD_TEAM: "Die Arbeiten sind geplant.",
        CaseStatus.ANSWERED: "Die Meldung wurde beantwortet.",
        CaseStatus.CLOSED: "Die Meldung wurde abgeschlossen.",
    },
}
"""What anybody may read about a status."""

EXTENDED_STATUS: Mapping[CaseStatus, str] = {
    CaseStatus.NEW: "open",
    CaseStatus.IN_PROGRESS: "in_progress",
    CaseStatus.WAITING_FOR_CUSTOMER: "investigating",
    CaseStatus.WAITING_FOR_FIELD_TEAM: "action_scheduled",
    CaseStatus.ANSWERED: "closed",
    CaseStatus.CLOSED: "closed",
}
"""mySociety's words; "fixed" is for the reporter to say, not for us."""

_SAID = {
    "fixed": "De melder meldt: het is opgelost.",
    "closed": "De melder meldt: het is afgehandeld.",
    "open": "De melder meldt: het is nog niet opgelost.",
    "reopen": "De melder meldt: het is nog niet opgelost.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What tells a repetition: the app's own id for it, and how copies are recognised ("" = by the id alone)."""

    source_ref: str
    fingerprint: str = ""


def identity(posted: Posted, own_id: str, source: str, now: datetime, repeat: timedelta) -> Identity:
    """By the app's own id, for ever; without one by content, for `repeat`.

    Time is cut in two rows of windows of twice `repeat`, one half a window later than the other. Two moments
    less than `repeat` apart always share a window in one of the rows: the source reference or the fingerprint is equal.
    """
    if own_id:
        return Identity(source_ref=named("id", own_id))
    content = sha256(posted.kept()).hexdigest()
    window, moment = 2 * repeat.total_seconds(), now.timestamp()
    early, late = math.floor(moment / window), math.floor(moment / window + 0.5)
    return Identity(
        source_ref=named("content", f"{content}/{early}"),
        fingerprint=sha256(f"{source}/{content}/{late}".encode()).hexdigest(),
    )


def named(prefix: str, id_: str) -> str:
    """An id that is safe in an address: as it is where it can be, else its hash."""
    return f"{prefix}-{id_ if _SAFE_ID.fullmatch(id_) else sha256(id_.encode()).hexdigest()[:32]}"


def service_of(posted: Posted, services: Iterable[Service]) -> Service:
    """The service that was chosen, whatever its casing. Raises `ReportError`."""
    code = posted.one("service_code")
    if not code:
        raise ReportError("service_code is missing")
    for service in services:
        if service.code.casefold() == code.casefold():
            return service
    raise ReportError("service_code was not found: see the list of services", code=NOT_FOUND)


def to_report(
    posted: Posted, service: Service, app: App, attachments: tuple[Attachment, ...], fingerprint: str
) -> ContactReceived:
    """A new report. Raises `ReportError` that names the field."""
    answers = _answers(posted, service)
    description = posted.one("description")
    return ContactReceived(
        contact=Contact(
            channel=Channel.REPORT_APP,
            subject=_subject(posted, service),
            text=_joined(description, *answers, *_contact_lines(posted), *_photo_lines(posted)),
            kind=service.kind,
            category=service.dispatched_as,
            language=_language(posted, app),
            party=_party(posted),
            location=_location(posted),
            attachments=attachments,
            fingerprint=fingerprint,
            occurred_at=_moment(posted.one("requested_datetime")),
        )
    )


def to_update(posted: Posted, ref: CaseRef, app: App, attachments: tuple[Attachment, ...]) -> ContactReceived:
    """What a reporter adds to a report of his; the caller has made sure that it is the app's own."""
    said = _SAID.get(posted.one("status").casefold(), "")
    text = _joined(posted.one("description"), said, *_photo_lines(posted))
    if not text and not attachments:
        raise ReportError("description, status and media_url are all empty: there is nothing to add")
    return ContactReceived(
        contact=Contact(
            channel=Channel.REPORT_APP,
            subject="Aanvulling van de melder",
            text=text,
            language=_language(posted, app),
            party=_party(posted),
            attachments=attachments,
            thread=Thread(verified_case=ref),
            occurred_at=_moment(posted.one("updated_datetime")),
        )
    )


def to_photo(ref: CaseRef, attachment: Attachment) -> ContactReceived:
    """A photo that was fetched later."""
    return ContactReceived(
        contact=Contact(
            channel=Channel.REPORT_APP,
            subject="Foto bij de melding",
            text="De foto bij deze melding is opgehaald.",
            attachments=(attachment,),
            thread=replace(NEW_THREAD, verified_case=ref),
        )
    )


def request_of(summary: CaseSummary, settings: Settings, app: App) -> Mapping[str, Tree]:
    """A `request` of the standard."""
    service = next((one for one in settings.services if one.dispatched_as == summary.category), None)
    return {
        "service_request_id": summary.ref,
        "status": "open" if summary.status in OPEN else "closed",
        "status_notes": NOTES[app.language][summary.status],
        "service_name": service.name if service else None,
        "service_code": service.code if service else None,
        "description": None,
        "agency_responsible": settings.agency,
        "service_notice": None,
        "requested_datetime": instant(summary.opened_at),
        "updated_datetime": instant(summary.changed_at),
        "expected_datetime": instant(summary.due) if summary.due else None,
        "address": None,
        "address_id": None,
        "zipcode": None,
        "lat": None,
        "long": None,
        "media_url": None,
    }


def updates_of(view: CaseView, app: App) -> list[tuple[datetime, Mapping[str, Tree]]]:
    """What changed after the report came in, oldest first, with the moment at which the hub heard of it.

    Ids are stable: the place in the history. An answer goes with the step that followed it.
    """
    answers = list(view.answers) if app.answers else []
    told: list[tuple[datetime, Mapping[str, Tree]]] = []
    before: StatusChange | None = None
    for number, step in enumerate(view.history):
        given = [answer for answer in answers if answer.at <= step.at]
        answers = answers[len(given) :]
        if before is not None and (step.status is not before.status or given):
            told.append((step.at, _update(view.summary.ref, f"{number}", step.status, step.at, given, app)))
        before = step
    last = before.status if before else view.summary.status
    for answer in answers:
        key = f"a{sha256(answer.key.encode()).hexdigest()[:8]}"
        told.append((answer.at, _update(view.summary.ref, key, last, answer.at, [answer], app)))
    return told


def _update(
    ref: CaseRef, key: str, status: CaseStatus, at: datetime, answers: Iterable[Answer], app: App
) -> Mapping[str, Tree]:
    text = "\n\n".join(answer.text.strip() for answer in answers)
    return {
        "update_id": f"{ref}-{key}",
        "service_request_id": ref,
        "status": EXTENDED_STATUS[status],
        "updated_datetime": instant(at),
        "description": text or NOTES[app.language][status],
        "media_url": None,
        "external_status_code": status.value,
    }


def is_echo(update_id: str, ref: str) -> bool:
    """Whether an update that an app posts is one of ours coming back."""
    return re.fullmatch(rf"{re.escape(ref)}-(\d+|a[0-9a-f]{{8}})", update_id) is not None


def service_record(service: Service) -> Mapping[str, Tree]:
    """A `service` of the list."""
    return {
        "service_code": service.code,
        "service_name": service.name,
        "description": service.description,
        "metadata": bool(service.attributes),
        "type": service.type.value,
        "keywords": ",".join(service.keywords),
        "group": service.group,
    }


def definition_of(service: Service) -> Mapping[str, Tree]:
    """A `service_definition`: the extra questions."""
    return {
        "service_code": service.code,
        "attributes": [_attribute(number, one) for number, one in enumerate(service.attributes, start=1)],
    }


def _attribute(number: int, attribute: Attribute) -> Mapping[str, Tree]:
    record: dict[str, Tree] = {
        "variable": attribute.variable,
        "code": attribute.code,
        "datatype": attribute.datatype.value,
        "required": attribute.required,
        "datatype_description": attribute.datatype_description,
        "order": number,
        "description": attribute.description,
    }
    if attribute.values:
        record["values"] = [{"key": value.key, "name": value.name} for value in attribute.values]
    return record


def instant(moment: datetime) -> str:
    """`2026-03-02T09:15:00+00:00`: the subset of ISO 8601 that the standard asks for, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def moment_asked(text: str, name: str) -> datetime | None:
    """A moment from a query, None when it was not given. Raises `ReportError`."""
    if not text:
        return None
    moment = _moment(text.replace(" ", "+"))  # a plus sign that nobody escaped
    moment = moment or _moment(text)
    if moment is None:
        raise ReportError(f"{name} is no moment: write 2026-03-02T09:15:00Z")
    return moment


def _subject(posted: Posted, service: Service) -> str:
    title = posted.attributes.get("title", ("",))[0] or posted.one("title")
    lines = (title or posted.one("description")).strip().splitlines()
    subject = " ".join(lines[0].split()) if lines else service.name
    return subject if len(subject) <= _LONGEST_SUBJECT else f"{subject[: _LONGEST_SUBJECT - 1]}…"


def _answers(posted: Posted, service: Service) -> list[str]:
    """The extra questions with their answers, as lines; unknown ones too, as nothing that was said is lost."""
    given = {code.casefold(): (code, values) for code, values in posted.attributes.items()}
    lines: list[str] = []
    for attribute in service.attributes:
        _, values = given.pop(attribute.code.casefold(), ("", ()))
        if attribute.required and attribute.variable and not values:
            raise ReportError(f"attribute[{attribute.code}] is missing")
        if values:
            chosen = ", ".join(_chosen(attribute, value) for value in values)
            lines.append(f"{attribute.description or attribute.code}: {chosen}")
    lines += [
        f"{code}: {', '.join(values)}" for folded, (code, values) in given.items() if folded not in _NOT_TOLD
    ]
    return ["\n".join(lines)] if lines else []


def _chosen(attribute: Attribute, value: str) -> str:
    """The name of a choice, however it was spelled. Raises `ReportError` when the list does not have it."""
    if attribute.datatype not in (Datatype.SINGLE, Datatype.MULTIPLE):
        return value
    for one in attribute.values:
        if value.casefold() in (one.key.casefold(), one.name.casefold()):
            return one.name
    raise ReportError(f"attribute[{attribute.code}] is none of the values of its list")


def _photo_lines(posted: Posted) -> list[str]:
    return (
        ["\n".join(f"Foto: {url}" for url in posted.fields["media_url"])]
        if "media_url" in posted.fields
        else []
    )


def _contact_lines(posted: Posted) -> list[str]:
    """An address that can't be written to is still something that the reporter said."""
    email = posted.one("email")
    return [f"E-mailadres (niet bruikbaar): {email}"] if email and not _usable(email) else []


def _party(posted: Posted) -> Party:
    name = " ".join((posted.one("first_name") + " " + posted.one("last_name")).split()) or posted.one("name")
    email = posted.one("email")
    party = Party(
        kind=PartyKind.PERSON,
        name=" ".join(name.split())[:200],
        email=email if _usable(email) else "",
        phone=" ".join(posted.one("phone").split())[:40],
    )
    return ANONYMOUS if party == Party(kind=PartyKind.PERSON) else party


def _usable(email: str) -> bool:
    return len(email) <= 254 and email.isprintable() and _EMAIL.fullmatch(email) is not None


def _location(posted: Posted) -> Location:
    """The place. Numbers that are no degrees are taken for Lambert metres and stand in the address, for people or an enricher."""
    point, metres = _point(posted.one("lat"), posted.one("long"))
    address = " ".join((posted.one("address_string") or posted.one("address_id") or metres).split())[:500]
    location = Location(address=address, postcode=posted.one("zipcode")[:10], point=point)
    if location == NOWHERE:
        raise ReportError(
            "the place is missing or unreadable: give lat and long, address_string or address_id"
        )
    return location


def _point(latitude: str, longitude: str) -> tuple[Point | None, str]:
    north, east = _number(latitude), _number(longitude)
    if north is None or east is None:
        return None, ""
    if abs(north) <= 90 and abs(east) <= 180:
        return Point(latitude=north, longitude=east), ""
    return None, f"{east:g} {north:g}" if max(abs(north), abs(east)) < 1e7 else ""


def _number(text: str) -> float | None:
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _language(posted: Posted, app: App) -> Language:
    tag = posted.one("language")[:2].lower()
    return Language(tag) if tag in frozenset(Language) else app.language


def _moment(text: str) -> datetime | None:
    """What a clock elsewhere said; without offset Brussels time, unreadable or impossible: None."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=_BRUSSELS)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part.strip())
