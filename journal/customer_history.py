"""All contacts and cases of one customer over all channels, found by keyed hash, masked.

A list is a page by key, and looks at no more than `LOOK_BACK` references of a customer for each name: a school with
thousands of contacts answers as fast as somebody who wrote once. References lie in the order of their case numbers,
which is the order in which cases were opened, but for the blocks of numbers that processes take: a page is put in the
order of time, and the end of one page may be a little younger than the beginning of the next.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, or_, select

from canonical_model.customer import CustomerKey
from canonical_model.decision import ANSWER, NO_ADDRESS, Reference
from canonical_model.status import CaseStatus
from journal.crypto import Keyring
from journal.instants import moment
from journal.reading.bounds import LOOK_BACK
from journal.reading.cases import CaseRow, case_row
from journal.reading.citizens import Citizen, citizen_of
from journal.schema import OPEN_STATUSES, case_history, cases, effects, messages, references
from journal.seals import Opener

PAGE: Final = 25
MOST_NAMES: Final = 20
"""Names of a customer that one look takes along."""

LATEST_CONTACTS: Final = 5
"""Contacts that a case in the list names; its own page has all."""

_PERSONAL: Final = tuple(key.value for key in CustomerKey)
_KEY = re.compile(r"(open|rest):([A-Z0-9-]{1,20})")


@dataclass(frozen=True, slots=True, kw_only=True)
class HashedName:
    """A name of a customer as the journal keeps it: nobody can read it back."""

    system: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """One time that the customer came. `message_id` leads to it, and to its sealed words."""

    message_id: str
    channel: str
    source: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """A case of the customer. `contacts`: the latest, newest first; `more_contacts`: there are older ones.

    `answered`: an answer was given at least once; `first_line`: while the customer was still there.
    `found_by`: the systems of the names that lead to it (a shared telephone number does not prove who it was).
    """

    case: CaseRow
    citizen: Citizen
    contacts: tuple[ContactRow, ...]
    more_contacts: bool
    answered: bool
    first_line: bool
    found_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Open cases first, then the others, each newest first; `older` is the key of the next page, "" at the end.

    Open cases beyond the newest `LOOK_BACK` stand at their place among the others.
    """

    rows: tuple[HistoryRow, ...]
    older: str = ""


def hashed(keyring: Keyring, names: Iterable[Reference]) -> tuple[HashedName, ...]:
    """Names as the journal keeps them."""
    return tuple(
        HashedName(system=name.system, hash=keyring.find_hash(name.system, name.value)) for name in names
    )


def pseudonym(keyring: Keyring, name: HashedName) -> str:
    """The customer's name for the audit trail: the same at every look, and no reference of any case."""
    return f"customer/{name.system}/{keyring.find_hash('look', name.hash)}"


def customer_names_of(connection: Connection, ref: str) -> tuple[HashedName, ...]:
    """The names under which the customer of a case is known; nothing is opened for it. Representatives are not among them."""
    rows = connection.execute(
        select(references.c.system, references.c.hash)
        .where(references.c.case_ref == ref, references.c.system.in_(_PERSONAL))
        .order_by(references.c.at, references.c.hash)
        .limit(MOST_NAMES)
    )
    return tuple(HashedName(system=row.system, hash=row.hash) for row in rows)


def customer_history(
    connection: Connection,
    keyring: Keyring,
    names: Sequence[HashedName],
    *,
    before: str = "",
    size: int = PAGE,
) -> HistoryPage:
    """A page of the cases that carry any of these names; `before` is `older` of the page before, anything else begins anew.

    Write the look down first. Every row is masked.
    """
    hashes = [name.hash for name in names[:MOST_NAMES]]
    part, ref = _place(before)
    horizon = _horizon(connection, hashes)
    found: list[tuple[str, Row[Any]]] = []
    if part == "open":
        found = [("open", row) for row in _newest_open(connection, hashes, horizon, ref, size + 1)]
        ref = ""
    if len(found) <= size:
        below = or_(cases.c.status.not_in(OPEN_STATUSES), references.c.shared_by <= horizon)
        missing = size + 1 - len(found)
        found += [("rest", row) for row in _newest(connection, hashes, below, ref, missing)]
    shown = found[:size]
    older = f"{shown[-1][0]}:{shown[-1][1].ref}" if len(found) > size else ""
    return HistoryPage(rows=_rows(connection, keyring, hashes, [row for _, row in shown]), older=older)


def _place(before: str) -> tuple[str, str]:
    found = _KEY.fullmatch(before)
    return (found[1], found[2]) if found else ("open", "")


def _horizon(connection: Connection, hashes: Sequence[str]) -> str:
    """The newest case number that is more than `LOOK_BACK` references of one name ago; "" when there is none."""
    ends = [connection.execute(walk(one, "").limit(1).offset(LOOK_BACK)).scalar() for one in hashes]
    return max((str(end) for end in ends if end), default="")


def _newest_open(
    connection: Connection, hashes: Sequence[str], horizon: str, before: str, size: int
) -> list[Row[Any]]:
    """The newest open cases above the horizon. The bounded walk is a query of its own, or a planner may walk all cases."""
    once: dict[str, Row[Any]] = {}
    for one in hashes:
        recent = walk(one, before).where(references.c.shared_by > horizon).limit(LOOK_BACK).subquery("recent")
        rows = connection.execute(
            select(cases)
            .join(recent, recent.c.case_ref == cases.c.ref)
            .where(cases.c.status.in_(OPEN_STATUSES))
            .order_by(recent.c.case_ref.desc())
            .limit(size)
        )
        once |= {row.ref: row for row in rows}
    return [once[ref] for ref in sorted(once, reverse=True)[:size]]


def _newest(
    connection: Connection, hashes: Sequence[str], condition: ColumnElement[bool], before: str, size: int
) -> list[Row[Any]]:
    """The newest cases of all names together; each name is walked along its own stretch of the index."""
    older_than = [references.c.shared_by < before] if before else []
    once: dict[str, Row[Any]] = {}
    for one in hashes:
        rows = connection.execute(
            select(cases)
            .join(references, references.c.shared_by == cases.c.ref)
            .where(references.c.hash == one, condition, *older_than)
            .order_by(references.c.shared_by.desc())
            .limit(size)
        )
        once |= {row.ref: row for row in rows}
    return [once[ref] for ref in sorted(once, reverse=True)[:size]]


def walk(hash_: str, before: str = "") -> Select[tuple[str]]:
    """The case numbers under one name, the newest first: along the index, so give it a limit."""
    older_than = [references.c.shared_by < before] if before else []
    return (
        select(references.c.shared_by.label("case_ref"))
        .where(references.c.hash == hash_, *older_than)
        .order_by(references.c.shared_by.desc())
    )


def _rows(
    connection: Connection, keyring: Keyring, hashes: Sequence[str], found: Sequence[Row[Any]]
) -> tuple[HistoryRow, ...]:
    refs = [row.ref for row in found]
    opener = Opener(connection, keyring)
    opener.fetch({row.key_id for row in found})
    answered = _answered(connection, refs)
    found_by = _found_by(connection, hashes, refs)
    in_time = sorted(
        found, key=lambda row: (row.status in OPEN_STATUSES, row.opened_at, row.ref), reverse=True
    )
    return tuple(
        _row(row, citizen_of(opener, row)[0], _contacts(connection, row.ref), answered, found_by[row.ref])
        for row in in_time
    )


def _row(
    row: Row[Any],
    citizen: Citizen,
    contacts: Sequence[ContactRow],
    answered: set[str],
    found_by: tuple[str, ...],
) -> HistoryRow:
    return HistoryRow(
        case=case_row(row),
        citizen=citizen,
        contacts=tuple(contacts[:LATEST_CONTACTS]),
        more_contacts=len(contacts) > LATEST_CONTACTS,
        answered=row.answered_at_once or row.ref in answered,
        first_line=row.answered_at_once,
        found_by=found_by,
    )


def _contacts(connection: Connection, ref: str) -> list[ContactRow]:
    rows = connection.execute(
        select(messages.c.id, messages.c.channel, messages.c.source, messages.c.received_at)
        .where(messages.c.case_ref == ref, messages.c.kind == "contact_received")
        .order_by(messages.c.id.desc())
        .limit(LATEST_CONTACTS + 1)
    )
    return [
        ContactRow(
            message_id=row.id, channel=row.channel, source=row.source, received_at=moment(row.received_at)
        )
        for row in rows
    ]


def _answered(connection: Connection, refs: Sequence[str]) -> set[str]:
    """Cases that were called answered once, or from which an answer left."""
    history = select(case_history.c.case_ref).where(
        case_history.c.case_ref.in_(refs), case_history.c.status == CaseStatus.ANSWERED.value
    )
    keys = select(effects.c.case_ref, effects.c.key).where(effects.c.case_ref.in_(refs)).limit(LOOK_BACK)
    told = {row.case_ref for row in connection.execute(keys) if _brings_answer(row.key)}
    return told | set(connection.execute(history).scalars())


def _brings_answer(key: str) -> bool:
    return key.rpartition("/")[2].startswith((ANSWER, NO_ADDRESS))


def _found_by(
    connection: Connection, hashes: Sequence[str], refs: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    rows = connection.execute(
        select(references.c.case_ref, references.c.system).where(
            references.c.hash.in_(hashes), references.c.case_ref.in_(refs)
        )
    ).all()
    return {ref: tuple(sorted({row.system for row in rows if row.case_ref == ref})) for ref in refs}
