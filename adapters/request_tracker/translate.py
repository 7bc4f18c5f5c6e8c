"""Canonical words to Request Tracker's and back. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from adapters.request_tracker.records import AttachmentRow, TicketRow, TransactionRow
from adapters.tracking import subjects
from adapters.tracking.markup import to_plain
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
from canonical_model.case import CASE_REF, CanonicalCase, CaseRef
from canonical_model.events import Answer, CaseChanged
from canonical_model.status import OPEN, CaseStatus
from ports.errors import NotUnderstoodError
from ports.tracker import CaseChange, CaseQuery, Note, TrackerCase, TrackerId

DELETED = "deleted"
"""RT has this status in every lifecycle, and shows such tickets to nobody."""
_STATUS_OF = {**STATUS_OF, DELETED: CaseStatus.CLOSED}

REFERENCE = "canonical_id"
PARTY = "party_ref"
FIELDS = (
    REFERENCE,
    "kind",
    "channel",
    PARTY,
    "customer",
    "customer_email",
    "customer_phone",
    "language",
    "category",
    "product",
    "location",
    "area",
)
"""Custom fields that RT must have."""
CHOICES: Mapping[str, Collection[str]] = {"kind": KINDS.values(), "channel": CHANNELS.values()}
"""What must be choosable in some of them: RT leaves a field empty rather than refuse another word."""

OCTETS = "application/octet-stream"
CREATE, CORRESPOND, COMMENT = "Create", "Correspond", "Comment"
SPEAKING = f"(Type = '{CREATE}' OR Type = '{CORRESPOND}' OR Type = '{COMMENT}')"
LOSSES = frozenset({"AttachmentTruncate", "AttachmentDrop"})
CHANGING = "(Type = 'Status' OR Type = 'Set')"

SQL_DATE = "%Y-%m-%d %H:%M:%S"
FIRST_DATE = "1971-01-01"
"""RT keeps "no date" as the first second of 1970."""
ZONES = timedelta(hours=14)
"""RT reads a date in a search in the zone of the account, and in a ticket as UTC."""
_BYTE_TYPES = ("image/", "audio/", "video/", "application/")


def description_key(ref: str) -> str:
    """Our key of the text with which a case began."""
    return f"{ref}/description"


def to_ticket(case: CanonicalCase) -> dict[str, str | dict[str, str]]:
    """The case as a ticket with its first text. Without a requestor: RT would make an account of it, and mail it."""
    values: dict[str, str | dict[str, str]] = {
        "Queue": case.group,
        "Subject": to_subject(case),
        "Status": STATUSES[CaseStatus.NEW],
        "Content": content(case.description),
        "ContentType": "text/plain",
        "CustomFields": to_fields(case),
    }
    return values | ({"Due": to_date(case.due)} if case.due else {})


def to_subject(case: CanonicalCase) -> str:
    """What a case is called in lists."""
    return one_line(case.subject) or NO_SUBJECT


def to_fields(case: CanonicalCase) -> dict[str, str]:
    """The custom fields that have a value."""
    values = {
        REFERENCE: case.ref,
        "kind": KINDS[case.kind],
        "channel": CHANNELS[case.channel],
        PARTY: case.party_ref,
        "customer": one_line(case.party.name),
        "customer_email": one_line(case.party.email),
        "customer_phone": one_line(case.party.phone),
        "language": case.language.value,
        "category": one_line(case.category),
        "product": one_line(case.product),
        "location": location_line(case.location),
        "area": one_line(case.location.area),
    }
    return {name: value for name, value in values.items() if value}


def dropped(case: CanonicalCase, row: TicketRow) -> tuple[str, ...]:
    """Names of the fields that RT did not keep, though it said that it made the ticket."""
    fields = [name for name, value in to_fields(case).items() if row.field(name) != value]
    elsewhere = ["Queue"] if row.group != case.group else []
    undated = ["Due"] if case.due and to_due(row) != case.due.replace(microsecond=0) else []
    return (*fields, *elsewhere, *undated)


def to_media_type(media_type: str) -> str:
    """The kind of a file. RT converts the letters of texts and takes messages apart: those are bytes to it."""
    lowered = one_line(media_type).lower()
    return lowered if lowered.startswith(_BYTE_TYPES) else OCTETS


def to_file_name(name: str) -> str:
    """The name of a file."""
    return one_line(name) or NO_NAME


def to_steps(change: CaseChange) -> tuple[dict[str, str], ...]:
    """The fields to set, in the order in which they must be set.

    The group first and on its own: RT can refuse it in silence and still set the rest of the same request.
    """
    values = {
        "Status": STATUSES[change.status] if change.status else "",
        "Due": to_date(change.due) if change.due else "",
    }
    rest = {name: value for name, value in values.items() if value}
    return (*([{"Queue": change.group}] if change.group else []), *([rest] if rest else []))


def missing(row: TicketRow, values: Mapping[str, str]) -> dict[str, str]:
    """Those of the values that the ticket does not have."""
    due = to_due(row)
    held = {"Status": row.status, "Queue": row.group, "Due": to_date(due) if due else ""}
    return {name: value for name, value in values.items() if held[name] != value}


def to_search(query: CaseQuery) -> str:
    """The query in RT's language; `fits` keeps what RT cannot tell apart."""
    limits = [f"CF.{{{REFERENCE}}} IS NOT NULL"]
    if query.group is not None:
        limits.append(f"Queue = {quoted(query.group)}")
    if query.status is not None:
        limits.append(f"Status = {quoted(STATUSES[query.status])}")
    if query.open is not None:
        words = [STATUSES[status] for status in CaseStatus if (status in OPEN) is query.open]
        limits.append(f"({' OR '.join(f'Status = {quoted(word)}' for word in words)})")
    if query.party_ref is not None:
        limits.append(f"CF.{{{PARTY}}} = {quoted(query.party_ref)}")
    if query.due_before is not None:
        limits.append(f"Due > {quoted(FIRST_DATE)} AND Due < {quoted(to_date(query.due_before + ZONES))}")
    return " AND ".join(limits)


def fits(case: TrackerCase, query: CaseQuery) -> bool:
    """Whether a found case is really meant: capitals count, and the due date is exact."""
    late = query.due_before is not None and (case.due is None or case.due >= query.due_before)
    return not late and query.party_ref in {None, case.party_ref}


def with_reference(ref: str) -> str:
    """The query for the tickets with our reference."""
    return f"CF.{{{REFERENCE}}} = {quoted(ref)}"


def quoted(text: str) -> str:
    """A text in a query, which can hold nothing but itself."""
    escaped = one_line(text).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def to_case(row: TicketRow, notes: Iterable[Note] = (), files: Iterable[AttachmentRow] = ()) -> TrackerCase:
    """The case as the tracker holds it. `NotUnderstoodError` for a status that is not ours."""
    return TrackerCase(
        id=TrackerId(str(row.id)),
        ref=CaseRef(row.field(REFERENCE)),
        status=to_status(row.status),
        group=row.group,
        subject=row.subject or "",
        due=to_due(row),
        party_ref=row.field(PARTY),
        version=str(row.version),
        notes=tuple(notes),
        attachments=tuple(file.filename or "" for file in files),
    )


def to_notes(
    row: TicketRow, said: Iterable[TransactionRow], texts: Iterable[AttachmentRow]
) -> tuple[Note, ...]:
    """The texts on a case, oldest first, each key once. Texts of people have no key of ours: theirs is RT's number."""
    by_transaction = text_of_each(texts)
    notes = [
        _note(row, one, by_transaction[one.id])
        for one in sorted(said, key=lambda one: one.id)
        if one.id in by_transaction
    ]
    return tuple({note.key: note for note in reversed(notes)}.values())[::-1]


def text_of_each(texts: Iterable[AttachmentRow]) -> dict[int, AttachmentRow]:
    """The text of each transaction; where it was sent as plain text and as HTML, the plain one."""
    ordered = sorted(texts, key=lambda text: (text.content_type == "text/plain", -text.id))
    return {text.transaction_id: text for text in ordered}


def _note(row: TicketRow, said: TransactionRow, text: AttachmentRow) -> Note:
    if said.type == CREATE:
        key, channel = description_key(row.field(REFERENCE)), CHANNEL_OF.get(row.field("channel"))
        return Note(key=key, text=to_text(text), public=True, incoming=True, channel=channel)
    ours = subjects.read(text.subject)
    return Note(
        key=ours.key if ours else str(said.id),
        text=to_text(text),
        public=said.type == CORRESPOND,
        incoming=ours is not None and ours.incoming,
        channel=ours.channel if ours else None,
    )


def is_answer(said: TransactionRow, text: AttachmentRow) -> bool:
    """Whether a person wrote this to the customer: a public reply that is not the hub's own."""
    return said.type == CORRESPOND and subjects.read(text.subject) is None


def to_case_changed(
    row: TicketRow, said: Sequence[TransactionRow], texts: Iterable[AttachmentRow]
) -> CaseChanged:
    """How the case stands now, with every answer of a person in it. `NotUnderstoodError` names the field."""
    by_transaction = text_of_each(texts)
    answers = [
        Answer(key=str(one.id), text=to_text(by_transaction[one.id]), at=moment(one.created))
        for one in sorted(said, key=lambda one: one.id)
        if one.id in by_transaction and is_answer(one, by_transaction[one.id])
    ]
    return CaseChanged(
        case=CaseRef(row.field(REFERENCE)),
        tracker_id=str(row.id),
        version=row.version,
        status=to_status(row.status),
        group=row.group,
        answers=tuple(answer for answer in answers if answer.text),
        changed_at=moment(row.last_updated),
    )


def is_ours(row: TicketRow) -> bool:
    """Whether the ticket has a reference of the hub."""
    return bool(CASE_REF.fullmatch(row.field(REFERENCE)))


def to_status(word: str) -> CaseStatus:
    """The canonical status; a deleted ticket is closed."""
    if word not in _STATUS_OF:
        raise NotUnderstoodError(f"Request Tracker: Status is none of {', '.join(STATUSES.values())}")
    return _STATUS_OF[word]


def to_date(moment: datetime) -> str:
    """`2026-11-30 17:00:00`, in UTC, as RT reads the dates of a ticket."""
    return moment.astimezone(UTC).strftime(SQL_DATE)


def to_due(row: TicketRow) -> datetime | None:
    """The date in UTC; RT's first second of 1970 is none."""
    return row.due if row.due and row.due.year > 1970 else None


def moment(when: datetime | None) -> datetime:
    """UTC; `NotUnderstoodError` when RT gave none, or one without a zone."""
    if when is None or when.tzinfo is None:
        raise NotUnderstoodError("Request Tracker: a date is missing or has no zone")
    return when.astimezone(UTC)


def to_text(row: AttachmentRow) -> str:
    """The words of a text: line ends as everywhere, HTML as plain text."""
    return to_plain(row.content or "") if row.content_type == "text/html" else unix_lines(row.content)
