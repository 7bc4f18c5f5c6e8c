"""Kinds, channels and statuses in the words of handlers, and texts that every product takes."""

import re
from collections.abc import Mapping

from canonical_model.contact import Channel, Kind
from canonical_model.location import Location
from canonical_model.status import CaseStatus

KINDS: Mapping[Kind, str] = {
    Kind.QUESTION: "vraag",
    Kind.REPORT: "melding",
    Kind.SUGGESTION: "suggestie",
    Kind.COMPLAINT: "klacht",
}
CHANNELS: Mapping[Channel, str] = {
    Channel.MAIL: "e-mail",
    Channel.WEB_FORM: "webformulier",
    Channel.PHONE: "telefoon",
    Channel.COUNTER: "balie",
    Channel.MIJN_BURGERPROFIEL: "mijn-burgerprofiel",
    Channel.ELOKET: "e-loket",
    Channel.VERENIGINGSLOKET: "verenigingsprofiel",
    Channel.ASSISTANT: "digitale-assistent",
    Channel.REPORT_APP: "meldingsapp",
    Channel.SYSTEM: "systeem",
}
STATUSES: Mapping[CaseStatus, str] = {
    CaseStatus.NEW: "nieuw",
    CaseStatus.IN_PROGRESS: "in behandeling",
    CaseStatus.WAITING_FOR_CUSTOMER: "wacht op klant",
    CaseStatus.WAITING_FOR_FIELD_TEAM: "wacht op uitvoering",
    CaseStatus.ANSWERED: "beantwoord",
    CaseStatus.CLOSED: "afgesloten",
}
STATUS_OF: Mapping[str, CaseStatus] = {word: status for status, word in STATUSES.items()}
CHANNEL_OF: Mapping[str, Channel] = {word: channel for channel, word in CHANNELS.items()}

NO_SUBJECT = "(zonder onderwerp)"
NO_TEXT = "(zonder tekst)"
"""Trackers refuse empty titles and texts."""
NO_NAME = "bijlage"

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE = re.compile(r"\s+")


def content(text: str) -> str:
    """A text, never empty."""
    return clean(text).strip() or NO_TEXT


def location_line(location: Location) -> str:
    """Address, postcode and point in one line; the area has its own field."""
    point = f"({location.point.latitude:.6f}, {location.point.longitude:.6f})" if location.point else ""
    return " ".join(part for part in (one_line(location.address), location.postcode, point) if part)


def unix_lines(text: str | None) -> str:
    """A text from a web form or an API: line ends as everywhere."""
    return (text or "").replace("\r\n", "\n").replace("\r", "\n").strip()


def one_line(text: str) -> str:
    """The text on one line."""
    return _LINE.sub(" ", clean(text)).strip()


def clean(text: str) -> str:
    """Without control signs and half characters, which JSON or the database would choke on."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROLS.sub("", whole)
