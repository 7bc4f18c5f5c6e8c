"""Messages: pages of them, one with its effects, and what its sender may know."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, select, text

from journal.instants import DAY, is_id, micros, moment
from journal.reading.bounds import LOOK_BACK, MOST, PAGE
from journal.reading.effects import EffectRow, effects_of_case
from journal.schema import bodies, cases, data_keys, files, messages, tally

NEEDS_SOMEBODY: Final = text("state IN ('parked', 'quarantined')")
"""Word for word the condition of the partial index: SQLite uses it only then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message in a list. `state`: waiting, done, parked, quarantined or dropped."""

    id: str
    source: str
    source_ref: str
    kind: str
    channel: str
    state: str
    reason: str
    rule: str
    case_ref: str
    open_effects: int
    parked_effects: int
    config_version: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Newest first. `older` is the key of the next page, "" at the end; a filtered page may be short."""

    rows: tuple[MessageRow, ...]
    older: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDetail:
    """A message with its effects, and what is kept of its body (`media_type` "" = erased)."""

    row: MessageRow
    effects: tuple[EffectRow, ...]
    media_type: str
    understood: bool
    erased: bool
    file_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """What a sender may know of its own message."""

    message_id: str
    state: str
    received_at: datetime
    case_ref: str
    case_status: str


def newest_messages(
    connection: Connection, *, before: str = "", source: str = "", state: str = "", size: int = PAGE
) -> MessagePage:
    """A page of messages, newest first, older than the message `before`.

    Filters look at `LOOK_BACK` messages per page; `older` then says where to go on, even on an empty page.
    """
    if state in ("parked", "quarantined"):
        return _needing_somebody(connection, before=before, source=source, state=state, size=size)
    older_than = [messages.c.id < before] if before else []
    if not source and not state:
        rows = connection.execute(
            select(messages).where(*older_than).order_by(messages.c.id.desc()).limit(size + 1)
        ).all()
        return _page(rows, size)
    recent = (
        select(messages).where(*older_than).order_by(messages.c.id.desc()).limit(LOOK_BACK).subquery("recent")
    )
    filters = [recent.c.source == source] if source else []
    filters += [recent.c.state == state] if state else []
    rows = connection.execute(
        select(recent).where(*filters).order_by(recent.c.id.desc()).limit(size + 1)
    ).all()
    if len(rows) > size:
        return _page(rows, size)
    last_seen = connection.execute(select(func.min(recent.c.id), func.count())).one()
    return MessagePage(
        rows=tuple(map(message_row, rows)),
        older=last_seen[0] if last_seen[1] == LOOK_BACK else "",
    )


def one_message(connection: Connection, message_id: str) -> MessageDetail | None:
    """A message with its effects and their attempts; None when there is no such message."""
    if not is_id(message_id):
        return None
    found = connection.execute(select(messages).where(messages.c.id == message_id)).one_or_none()
    if found is None:
        return None
    row = message_row(found)
    body = connection.execute(
        select(bodies.c.media_type, bodies.c.canonical.is_not(None).label("understood")).where(
            bodies.c.owner == message_id
        )
    ).one_or_none()
    key = connection.execute(
        select(data_keys.c.message_id).where(data_keys.c.message_id == message_id)
    ).one_or_none()
    file_count = connection.execute(
        select(func.count()).select_from(files).where(files.c.message_id == message_id)
    ).scalar_one()
    its = effects_of_case(connection, row.case_ref, message_id=message_id) if row.case_ref else ()
    return MessageDetail(
        row=row,
        effects=its,
        media_type=body.media_type if body else "",
        understood=bool(body and body.understood),
        erased=body is None or key is None,
        file_count=file_count,
    )


def messages_of_case(connection: Connection, ref: str) -> tuple[MessageRow, ...]:
    """The messages of a case, the oldest first; `MOST` of them."""
    rows = connection.execute(
        select(messages).where(messages.c.case_ref == ref).order_by(messages.c.id).limit(MOST)
    )
    return tuple(map(message_row, rows))


def recent_sources(connection: Connection, now: datetime, *, days: int = 31) -> tuple[str, ...]:
    """Where messages came from lately, for a filter."""
    first = micros(now) // DAY - days
    rows = connection.execute(select(tally.c.source).where(tally.c.day >= first).distinct())
    return tuple(sorted(source for (source,) in rows))


def receipt_of(connection: Connection, message_id: str) -> ReceiptRow | None:
    """How far a message is, without anything personal; None when there is no such message."""
    row = connection.execute(
        select(messages.c.id, messages.c.state, messages.c.received_at, messages.c.case_ref, cases.c.status)
        .outerjoin(cases, cases.c.ref == messages.c.case_ref)
        .where(messages.c.id == message_id)
    ).one_or_none()
    if row is None:
        return None
    return ReceiptRow(
        message_id=row.id,
        state=row.state,
        received_at=moment(row.received_at),
        case_ref=row.case_ref or "",
        case_status=row.status or "",
    )


def message_row(row: Row[Any]) -> MessageRow:
    """A row of the table of messages."""
    return MessageRow(
        id=row.id,
        source=row.source,
        source_ref=row.source_ref,
        kind=row.kind,
        channel=row.channel,
        state=row.state,
        reason=row.reason,
        rule=row.rule,
        case_ref=row.case_ref or "",
        open_effects=row.open_effects,
        parked_effects=row.parked_effects,
        config_version=row.config_version,
        received_at=moment(row.received_at),
    )


def _needing_somebody(
    connection: Connection, *, before: str, source: str, state: str, size: int
) -> MessagePage:
    conditions: list[ColumnElement[bool]] = [messages.c.state == state]
    if before:
        conditions.append(messages.c.id < before)
    if source:
        conditions.append(messages.c.source == source)
    rows = connection.execute(
        select(messages)
        .where(NEEDS_SOMEBODY, and_(*conditions))
        .order_by(messages.c.id.desc())
        .limit(size + 1)
    ).all()
    return _page(rows, size)


def _page(rows: Sequence[Row[Any]], size: int) -> MessagePage:
    found = tuple(map(message_row, rows[:size]))
    return MessagePage(rows=found, older=found[-1].id if len(rows) > size else "")
