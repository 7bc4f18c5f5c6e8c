"""The audit trail: who did or saw what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from journal.instants import moment
from journal.reading.bounds import LOOK_BACK, PAGE
from journal.schema import audit


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did or saw what."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Newest first; `older` is the key of the next page, 0 at the end."""

    rows: tuple[AuditRow, ...]
    older: int = 0


def audit_page(connection: Connection, *, before: int = 0, size: int = PAGE) -> AuditPage:
    """The newest entries of the audit trail, or those before an entry."""
    older_than = [audit.c.seq < before] if before else []
    rows = connection.execute(
        select(audit).where(*older_than).order_by(audit.c.seq.desc()).limit(size + 1)
    ).all()
    found = tuple(map(_audit_row, rows[:size]))
    return AuditPage(rows=found, older=found[-1].seq if len(rows) > size else 0)


def audit_of(connection: Connection, subject: str) -> tuple[AuditRow, ...]:
    """Who did or saw something of this subject, among the last `LOOK_BACK` entries; newest first."""
    recent = select(audit).order_by(audit.c.seq.desc()).limit(LOOK_BACK).subquery("recent")
    rows = connection.execute(
        select(recent).where(recent.c.subject == subject).order_by(recent.c.seq.desc()).limit(PAGE)
    )
    return tuple(map(_audit_row, rows))


def _audit_row(row: Row[Any]) -> AuditRow:
    return AuditRow(
        seq=row.seq,
        at=moment(row.at),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
    )
