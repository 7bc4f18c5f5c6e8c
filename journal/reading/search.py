"""What is known under the words that somebody types."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, or_, select

from canonical_model.case import CASE_REF
from journal.crypto import Keyring
from journal.instants import is_id
from journal.reading.bounds import PAGE
from journal.reading.cases import CaseRow, case_row, one_case
from journal.reading.messages import MessageRow, message_row
from journal.schema import cases, effects, messages, references

REFERENCE_SYSTEMS: Final = ("case", "tracker", "mail-id", "form", "fingerprint")
"""The systems whose references a search tries: those of things. A customer is looked up with a purpose and a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a search found; `found_by` is the system of the reference, or message, effect or key."""

    found_by: str
    case: CaseRow | None = None
    message: MessageRow | None = None


def find(connection: Connection, keyring: Keyring, words: str) -> tuple[Hit, ...]:
    """Cases and messages known under any reference: ours, the tracker's, an id, a Message-ID; never a customer's.

    Exact, whatever the case of the letters; the names are looked up by their keyed hash.
    """
    wanted = words.replace("\0", "").strip().strip("<>").strip()
    if not wanted:
        return ()
    hits = [*_hits_by_id(connection, wanted), *_hits_by_reference(connection, keyring, wanted)]
    once: dict[tuple[str, str], Hit] = {}
    for hit in hits:
        name = (hit.case.ref if hit.case else "", hit.message.id if hit.message else "")
        once.setdefault(name, hit)
    with_case = {hit.case.ref for hit in once.values() if hit.case and not hit.message}
    return tuple(hit for hit in once.values() if not (hit.message and hit.case and hit.case.ref in with_case))


def spellings(words: str) -> tuple[str, ...]:
    """How the same reference may have been noted: as it stands, and a case number without the words around it."""
    case = CASE_REF.search(words.upper())
    return tuple(dict.fromkeys((words, case[0]))) if case else (words,)


def _hits_by_id(connection: Connection, wanted: str) -> Iterable[Hit]:
    if case := one_case(connection, wanted.upper()):
        yield Hit(found_by="case", case=case)
    id_ = wanted.lower()
    if is_id(id_):
        found = connection.execute(select(messages).where(messages.c.id == id_)).one_or_none()
        if found:
            row = message_row(found)
            case = one_case(connection, row.case_ref) if row.case_ref else None
            yield Hit(found_by="message", case=case, message=None if case else row)
    owner = connection.execute(
        select(effects.c.case_ref).where(or_(effects.c.id == id_, effects.c.key == wanted)).limit(1)
    ).scalar_one_or_none()
    if owner and (case := one_case(connection, owner)):
        yield Hit(found_by="effect", case=case)


def _hits_by_reference(connection: Connection, keyring: Keyring, wanted: str) -> Iterable[Hit]:
    hashes = [
        keyring.find_hash(system, spelling) for system in REFERENCE_SYSTEMS for spelling in spellings(wanted)
    ]
    rows = connection.execute(
        select(references.c.system, cases)
        .join(cases, cases.c.ref == references.c.case_ref)
        .where(references.c.hash.in_(hashes))
        .order_by(references.c.at.desc())
        .limit(PAGE)
    )
    return [Hit(found_by=row.system, case=case_row(row)) for row in rows]
