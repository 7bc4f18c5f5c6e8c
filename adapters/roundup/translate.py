"""Canonical words to Roundup's and back. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from adapters.roundup.records import FileRow, IssueRow, MessageRow, PartyRow
from adapters.tracking.words import (
    CHANNEL_OF,
    CHANNELS,
    KINDS,
    NO_NAME,
    NO_SUBJECT,
    STATUS_OF,
    STATUSES,
    content,
    location_line,
    one_line,
    unix_lines,
)
from canonical_model.attachment import Attachment
from canonical_model.case import CanonicalCase, CaseRef
from canonical_model.events import Answer, CaseChanged
from canonical_model.party import PartyKind
from canonical_model.status import OPEN, CaseStatus
from ports.errors import NotUnderstoodError
from ports.tracker import CaseChange, CaseQuery, Note, TrackerCase, TrackerId

PARTY_KINDS: Mapping[PartyKind, str] = {
    PartyKind.PERSON: "persoon",
    PartyKind.ORGANISATION: "onderneming",
    PartyKind.ASSOCIATION: "vereniging",
    PartyKind.ANONYMOUS: "anoniem",
}

PUBLIC, INTERNAL = "public", "internal"
INCOMING, OUTGOING = "in", "out"

DATE = "%Y-%m-%d.%H:%M:%S"


def description_key(ref: CaseRef) -> str:
    """Our key of the text with which a case began."""
    return f"{ref}/description"


def to_issue(case: CanonicalCase, *, party_id: str, message_id: str) -> dict[str, str | list[str]]:
    """The case as an `issue` record that hangs on its party ("" = none) and carries its first text."""
    values: dict[str, str | list[str]] = {
        "canonical_id": case.ref,
        "title": one_line(case.subject) or NO_SUBJECT,
        "kind": KINDS[case.kind],
        "channel": CHANNELS[case.channel],
        "group": case.group,
        "language": case.language.value,
        "messages": [message_id],
    }
    optional = {
        "requester": party_id,
        "category": one_line(case.category),
        "product": one_line(case.product),
        "location": location_line(case.location),
        "area": one_line(case.location.area),
        "due": to_date(case.due) if case.due else "",
    }
    return values | {name: value for name, value in optional.items() if value}


def to_description(case: CanonicalCase) -> Note:
    """The text with which the case began, as a note."""
    return Note(
        key=description_key(case.ref), text=case.description, public=True, incoming=True, channel=case.channel
    )


def to_message(note: Note) -> dict[str, str]:
    """A note as a `msg` record."""
    values = {
        "content": content(note.text),
        "visibility": PUBLIC if note.public else INTERNAL,
        "direction": INCOMING if note.incoming else OUTGOING,
        "hubref": note.key,
    }
    return values | ({"channel": CHANNELS[note.channel]} if note.channel else {})


def to_file(key: str, attachment: Attachment) -> dict[str, str]:
    """The fields of a `file` record, its bytes apart."""
    return {
        "name": one_line(attachment.name) or NO_NAME,
        "type": one_line(attachment.media_type) or "application/octet-stream",
        "hubref": key,
    }


def to_party(case: CanonicalCase) -> dict[str, str]:
    """What the tracker shows of the customer; the hub's other knowledge of them stays in the hub."""
    party = case.party
    values = {
        "kind": PARTY_KINDS[party.kind],
        "name": one_line(party.name),
        "email": one_line(party.email),
        "phone": one_line(party.phone),
    }
    return {"ref": case.party_ref} | {name: value for name, value in values.items() if value}


def party_news(known: PartyRow, told: Mapping[str, str]) -> dict[str, str]:
    """What this contact tells that the record does not have; what it does not tell stays."""
    old = {
        "ref": known.ref,
        "kind": known.kind,
        "name": known.name,
        "email": known.email,
        "phone": known.phone,
    }
    news = {name: value for name, value in told.items() if old[name] != value}
    if told.get("kind") == PARTY_KINDS[PartyKind.ANONYMOUS]:
        news.pop("kind", None)
    return news


def to_change(change: CaseChange) -> dict[str, str]:
    """The fields to set."""
    values = {
        "status": STATUSES[change.status] if change.status else "",
        "group": change.group or "",
        "due": to_date(change.due) if change.due else "",
    }
    return {name: value for name, value in values.items() if value}


def shows(row: IssueRow, values: Mapping[str, str]) -> bool:
    """Whether the record has all these values."""
    held = {"status": row.status, "group": row.group, "due": row.due}
    return all(held[name] == value for name, value in values.items())


def to_filters(query: CaseQuery) -> list[tuple[str, str]]:
    """Roundup's filters; a `:` after the name asks for the exact text."""
    filters: list[tuple[str, str]] = []
    if query.group is not None:
        filters.append(("group.name:", query.group))
    if query.status is not None:
        filters.append(("status.name:", STATUSES[query.status]))
    if query.open is not None:
        wanted = [status for status in CaseStatus if (status in OPEN) is query.open]
        filters.append(("status", ",".join(STATUSES[status] for status in wanted)))
    if query.party_ref is not None:
        filters.append(("requester.ref:", query.party_ref))
    if query.due_before is not None:
        filters.append(("due", f"to {to_date(query.due_before - timedelta(seconds=1))}"))
    return filters


def to_case(row: IssueRow, messages: Iterable[MessageRow] = (), files: Iterable[FileRow] = ()) -> TrackerCase:
    """The case as the tracker holds it. `NotUnderstoodError` for a status that is not ours."""
    return TrackerCase(
        id=TrackerId(row.id),
        ref=CaseRef(row.canonical_id or ""),
        status=to_status(row.status),
        group=row.group or "",
        subject=row.title or "",
        due=from_date(row.due) if row.due else None,
        party_ref=row.party_ref or "",
        version=str(row.version or 0),
        notes=tuple(to_note(message) for message in messages),
        attachments=tuple(file.name or "" for file in files),
    )


def to_note(row: MessageRow) -> Note:
    """A text on a case. Texts of people have no key of ours: theirs is Roundup's id."""
    return Note(
        key=row.hubref or row.id,
        text=unix_lines(row.content),
        public=row.visibility == PUBLIC,
        incoming=row.direction == INCOMING,
        channel=CHANNEL_OF.get(row.channel or ""),
    )


def to_case_changed(row: IssueRow, answers: Sequence[MessageRow]) -> CaseChanged:
    """How the case stands now, with every answer of a person in it. `NotUnderstoodError` names the field."""
    return CaseChanged(
        case=CaseRef(row.canonical_id or ""),
        tracker_id=row.id,
        version=row.version or 0,
        status=to_status(row.status),
        group=row.group or "",
        answers=tuple(
            Answer(key=message.id, text=unix_lines(message.content), at=from_date(message.date))
            for message in answers
        ),
        changed_at=from_date(row.activity),
    )


def is_answer(row: MessageRow) -> bool:
    """Whether a person wrote this to the customer: public, outgoing and not the hub's own."""
    return row.visibility == PUBLIC and row.direction == OUTGOING and not row.hubref


def to_status(word: str | None) -> CaseStatus:
    """The canonical status."""
    if word is None or word not in STATUS_OF:
        raise NotUnderstoodError(f"Roundup: status.name is {word!r}, expected one of {', '.join(STATUS_OF)}")
    return STATUS_OF[word]


def to_date(moment: datetime) -> str:
    """`2026-11-30.17:00:00`, in UTC: Roundup ignores a date filter that it cannot read."""
    return moment.astimezone(UTC).strftime(DATE)


def from_date(text: str) -> datetime:
    """UTC, from Roundup's form; `NotUnderstoodError` when it is another.

    Roundup rounds the last half millisecond of a minute up to second 60 (`roundup/date.py`, `serialise`).
    """
    rounded_up = text.endswith(":60")
    try:
        moment = datetime.strptime(f"{text[:-2]}59" if rounded_up else text, DATE).replace(tzinfo=UTC)
        return moment + timedelta(seconds=rounded_up)
    except ValueError:
        raise NotUnderstoodError("Roundup: a date is not of the form YYYY-MM-DD.HH:MM:SS") from None
