"""The texts of letters that people wrote: each save is a new version, and none is ever changed or removed.

The newest version of a letter in a language is in force; one without words says: again as in the files.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, Row, and_, func, select

from journal.database import Database, Transaction
from journal.instants import moment
from journal.operations import AuditEntry, Operations
from journal.schema import letter_texts
from ports.errors import RejectedError

SAVED = "letter_text_saved"
"""The action under which a save stands in the audit trail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextVersion:
    """One version of a letter in one language; `number` counts from 1. Both words are None: as in the files."""

    language: str
    name: str
    number: int
    subject: str | None
    text: str | None
    saved_at: datetime
    saved_by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewText:
    """What somebody saves. `seen` is the number of the newest version that they saw, 0 = none."""

    language: str
    name: str
    seen: int
    subject: str | None
    text: str | None
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """The newest version of each letter that has one. `seq` grows with every save, 0 = there was none."""

    seq: int
    versions: tuple[TextVersion, ...]


class LetterTexts:
    """The versions. Calls may raise `StoreUnavailableError`: nothing was stored, come back later."""

    def __init__(self, database: Database, operations: Operations) -> None:
        self._database = database
        self._operations = operations

    async def save(self, new: NewText) -> int:
        """Write a version down, and who did it in the audit trail; its number.

        `RejectedError` when somebody else saved this letter meanwhile.
        """
        return await self._database.write(self._save_many, new)

    async def newest(self) -> int:
        """The `seq` of the latest save: when it grew, read what is in force again."""
        return await self._database.read(newest_save)

    async def in_force(self) -> InForce:
        """What is in force now."""
        return await self._database.read(in_force)

    def _save_many(self, tx: Transaction, wishes: list[NewText]) -> "list[int | BaseException]":
        tx.lock([sha256(b"letter_texts").hexdigest()])
        return [self._save(tx, wish) for wish in wishes]

    def _save(self, tx: Transaction, wish: NewText) -> int | BaseException:
        if _number(tx.connection, wish.language, wish.name) != wish.seen:
            return RejectedError("somebody else saved this text meanwhile: look at it first")
        number = wish.seen + 1
        tx.connection.execute(
            letter_texts.insert(),
            {
                "seq": newest_save(tx.connection) + 1,
                "language": wish.language,
                "name": wish.name,
                "number": number,
                "subject": wish.subject,
                "text": wish.text,
                "saved_at": tx.now,
                "saved_by": wish.actor,
                "reason": wish.reason,
            },
        )
        subject = f"{wish.name}/{wish.language}/{number}"
        self._operations.audit_many(tx, [AuditEntry(wish.actor, SAVED, subject, wish.reason)])
        return number


def newest_save(connection: Connection) -> int:
    """The `seq` of the latest save; 0 = there was none."""
    return int(connection.execute(select(func.coalesce(func.max(letter_texts.c.seq), 0))).scalar_one())


def in_force(connection: Connection) -> InForce:
    """The newest version of each letter that has one."""
    latest = (
        select(letter_texts.c.language, letter_texts.c.name, func.max(letter_texts.c.number).label("number"))
        .group_by(letter_texts.c.language, letter_texts.c.name)
        .subquery()
    )
    rows = connection.execute(
        select(letter_texts)
        .join(
            latest,
            and_(
                letter_texts.c.language == latest.c.language,
                letter_texts.c.name == latest.c.name,
                letter_texts.c.number == latest.c.number,
            ),
        )
        .order_by(letter_texts.c.seq)
    ).all()
    return InForce(seq=max((row.seq for row in rows), default=0), versions=tuple(map(_version, rows)))


def versions_of(
    connection: Connection, language: str, name: str, *, limit: int = 50
) -> tuple[TextVersion, ...]:
    """The versions of a letter in a language, the newest first."""
    rows = connection.execute(
        select(letter_texts)
        .where(letter_texts.c.language == language, letter_texts.c.name == name)
        .order_by(letter_texts.c.number.desc())
        .limit(limit)
    )
    return tuple(_version(row) for row in rows)


def one_version(connection: Connection, language: str, name: str, number: int) -> TextVersion | None:
    """This version; None when there is none."""
    row = connection.execute(
        select(letter_texts).where(
            letter_texts.c.language == language,
            letter_texts.c.name == name,
            letter_texts.c.number == number,
        )
    ).one_or_none()
    return None if row is None else _version(row)


def _number(connection: Connection, language: str, name: str) -> int:
    query = select(func.coalesce(func.max(letter_texts.c.number), 0)).where(
        letter_texts.c.language == language, letter_texts.c.name == name
    )
    return int(connection.execute(query).scalar_one())


def _version(row: Row[tuple[object, ...]]) -> TextVersion:
    return TextVersion(
        language=row.language,
        name=row.name,
        number=row.number,
        subject=row.subject,
        text=row.text,
        saved_at=moment(row.saved_at),
        saved_by=row.saved_by,
        reason=row.reason,
    )
