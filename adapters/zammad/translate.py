"""Canonical words to Zammad's and back. Pure."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from adapters.tracking import subjects
from adapters.tracking.markup import to_plain
from adapters.tracking.words import (
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
from adapters.zammad.records import ArticleRow, Condition, Json, TicketRow
from canonical_model.attachment import Attachment
from canonical_model.case import CASE_REF, CanonicalCase, CaseRef
from canonical_model.events import Answer, CaseChanged
from canonical_model.status import OPEN, CaseStatus
from ports.errors import NotUnderstoodError
from ports.tracker import CaseChange, CaseQuery, Note, TrackerCase, TrackerId

REFERENCE = "canonical_id"
FIELDS = (
    REFERENCE,
    "kind",
    "channel",
    "party_ref",
    "customer_name",
    "customer_email",
    "customer_phone",
    "language",
    "category",
    "product",
    "location",
    "area",
    "due",
)
"""Attributes that tickets must have."""
MERGED = "merged"
"""Zammad's own state of a ticket that lives on in another one."""
AGENT, CUSTOMER = "Agent", "Customer"
OCTETS = "application/octet-stream"
MICROS = 1_000_000


def description(case: CanonicalCase) -> Note:
    """The text with which the case begins."""
    key = f"{case.ref}/description"
    return Note(key=key, text=case.description, public=True, incoming=True, channel=case.channel)


def to_ticket(case: CanonicalCase, customer: str) -> dict[str, Json]:
    """The case as a ticket with its first text."""
    return {
        "title": one_line(case.subject) or NO_SUBJECT,
        "group": case.group,
        "customer": customer,
        "state": STATUSES[CaseStatus.NEW],
        "article": to_article(description(case)),
        **to_fields(case),
    }


def to_fields(case: CanonicalCase) -> dict[str, str]:
    """The attributes of the case that have a value."""
    values = {
        REFERENCE: case.ref,
        "kind": KINDS[case.kind],
        "channel": CHANNELS[case.channel],
        "party_ref": case.party_ref,
        "customer_name": one_line(case.party.name),
        "customer_email": one_line(case.party.email),
        "customer_phone": one_line(case.party.phone),
        "language": case.language.value,
        "category": one_line(case.category),
        "product": one_line(case.product),
        "location": location_line(case.location),
        "area": one_line(case.location.area),
        "due": to_date(case.due) if case.due else "",
    }
    return {name: value for name, value in values.items() if value}


def dropped(case: CanonicalCase, row: TicketRow) -> tuple[str, ...]:
    """Names of the attributes that Zammad did not keep."""
    held = {name: getattr(row, name) for name in FIELDS} | {"due": to_date(row.due) if row.due else ""}
    return tuple(name for name, value in to_fields(case).items() if held[name] != value)


def to_article(note: Note) -> dict[str, Json]:
    """A text on a case, with our key in its subject."""
    return {
        "subject": subjects.of_note(note),
        "body": content(note.text),
        "content_type": "text/plain",
        "type": "note",
        "sender": CUSTOMER if note.incoming else AGENT,
        "internal": not note.public,
    }


def to_file(key: str, attachment: Attachment, data: bytes) -> dict[str, Json]:
    """A file on a case: an internal text without words of its own."""
    file: dict[str, Json] = {
        "filename": one_line(attachment.name) or NO_NAME,
        "data": base64.b64encode(data).decode("ascii"),
        "mime-type": one_line(attachment.media_type) or OCTETS,
    }
    return {
        "subject": subjects.of_file(key),
        "body": file["filename"],
        "content_type": "text/plain",
        "type": "note",
        "sender": AGENT,
        "internal": True,
        "attachments": [file],
    }


def to_change(change: CaseChange) -> dict[str, str]:
    """The attributes to set."""
    values = {
        "state": STATUSES[change.status] if change.status else "",
        "group": change.group or "",
        "due": to_date(change.due) if change.due else "",
    }
    return {name: value for name, value in values.items() if value}


def missing(row: TicketRow, values: Mapping[str, str]) -> tuple[str, ...]:
    """Names of those that the ticket does not have."""
    held = {"state": row.state, "group": row.group, "due": to_date(row.due) if row.due else ""}
    return tuple(name for name, value in values.items() if held[name] != value)


def with_reference(ref: str) -> Condition:
    """The condition for the tickets with our reference."""
    return {REFERENCE: ("is", ref)}


def changed_since(moment: datetime) -> Condition:
    """The condition for the tickets that changed after this moment."""
    return {"updated_at": ("after (absolute)", to_instant(moment))}


def to_search(query: CaseQuery, groups: Mapping[str, int], states: Mapping[str, int]) -> Condition | None:
    """The condition; `fits` keeps what it cannot tell apart. None when nothing can fit."""
    condition: dict[str, tuple[str, str | Sequence[str]]] = {}
    if query.group is not None:
        if query.group not in groups:
            return None
        condition["group_id"] = ("is", [str(groups[query.group])])
    wanted = [word for status, word in STATUSES.items() if _wanted(status, query)]
    if not wanted:
        return None
    condition["state_id"] = ("is", [str(states[word]) for word in wanted if word in states])
    if query.party_ref is not None:
        condition["party_ref"] = ("is", query.party_ref)
    if query.due_before is not None:
        condition["due"] = ("before (absolute)", to_date(query.due_before))
    return condition


def _wanted(status: CaseStatus, query: CaseQuery) -> bool:
    right = query.status in {None, status}
    return right and (query.open is None or (status in OPEN) is query.open)


def fits(case: TrackerCase, query: CaseQuery) -> bool:
    """Whether a found case is really meant: capitals count, and the due date is exact."""
    late = query.due_before is not None and (case.due is None or case.due >= query.due_before)
    return bool(case.ref) and not late and query.party_ref in {None, case.party_ref}


def to_case(row: TicketRow, articles: Iterable[ArticleRow] = ()) -> TrackerCase:
    """The case as the tracker holds it. `NotUnderstoodError` for a state that is not ours."""
    kept = tuple(articles)
    return TrackerCase(
        id=TrackerId(str(row.id)),
        ref=CaseRef(row.canonical_id or ""),
        status=to_status(row.state),
        group=row.group,
        subject=row.title or "",
        due=row.due.astimezone(UTC) if row.due else None,
        party_ref=row.party_ref or "",
        version=str(version(row)),
        notes=to_notes(kept),
        attachments=tuple(file.filename for article in kept for file in article.attachments),
    )


def to_notes(articles: Iterable[ArticleRow]) -> tuple[Note, ...]:
    """The texts, each key once. Texts of people have no key of ours: theirs is Zammad's number."""
    notes: dict[str, Note] = {}
    for article in articles:
        if not subjects.is_file(article.subject):
            note = to_note(article)
            notes.setdefault(note.key, note)
    return tuple(notes.values())


def to_note(article: ArticleRow) -> Note:
    """A text on a case."""
    ours = subjects.read(article.subject)
    return Note(
        key=ours.key if ours else str(article.id),
        text=to_text(article),
        public=not article.internal,
        incoming=ours.incoming if ours else article.sender == CUSTOMER,
        channel=ours.channel if ours else None,
    )


def is_answer(article: ArticleRow) -> bool:
    """Whether a person wrote this to the customer: a public text of an agent that is not the hub's own."""
    ours = subjects.read(article.subject) is not None or subjects.is_file(article.subject)
    return article.sender == AGENT and not article.internal and not ours


def to_case_changed(row: TicketRow, articles: Iterable[ArticleRow]) -> CaseChanged:
    """How the case stands now, with every answer of a person in it. `NotUnderstoodError` names the field."""
    answers = (
        Answer(key=str(article.id), text=to_text(article), at=moment(article.created_at))
        for article in articles
        if is_answer(article)
    )
    return CaseChanged(
        case=CaseRef(row.canonical_id or ""),
        tracker_id=str(row.id),
        version=version(row),
        status=to_status(row.state),
        group=row.group,
        answers=tuple(answer for answer in answers if answer.text),
        changed_at=moment(row.updated_at),
    )


def is_ours(row: TicketRow) -> bool:
    """Whether the ticket has a reference of the hub."""
    return bool(CASE_REF.fullmatch(row.canonical_id or ""))


def version(row: TicketRow) -> int:
    """The date of the last change: it grows with every change."""
    return microseconds(moment(row.updated_at))


def microseconds(when: datetime) -> int:
    """Since 1970."""
    return int(when.timestamp()) * MICROS + when.microsecond


def to_status(word: str) -> CaseStatus:
    """The canonical status."""
    if word not in STATUS_OF:
        raise NotUnderstoodError(f"Zammad: state is none of {', '.join(STATUSES.values())}")
    return STATUS_OF[word]


def to_date(when: datetime) -> str:
    """`2026-11-30T17:00:00Z`."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_instant(when: datetime) -> str:
    """`2026-11-30T17:00:00.123Z`: as exact as Zammad keeps it."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(when: datetime | None) -> datetime:
    """UTC; `NotUnderstoodError` when Zammad gave none, or one without a zone."""
    if when is None or when.tzinfo is None:
        raise NotUnderstoodError("Zammad: a date is missing or has no zone")
    return when.astimezone(UTC)


def to_text(article: ArticleRow) -> str:
    """The words of a text: line ends as everywhere, HTML as plain text."""
    if article.content_type == "text/html":
        return to_plain(article.body or "")
    return unix_lines(article.body)
