"""After a journal was lost and a copy put back: nothing that may have been done since is simply done again.

- Every effect that the copy knows as unfinished may have been applied after it: it becomes `unknown`, so the
  worker looks first, and where nobody can look, a person decides.
- What came in after the copy comes again from its source. The list kept apart says which case it opened then;
  it gets the same number, so that the tracker and the sent mailbox recognise what they already have.
- New numbers begin well above all that may have been given out.
- Who was erased since is erased again.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, select, update

from journal.database import Transaction
from journal.instants import DAY
from journal.operations import Act, AuditEntry, Operations
from journal.recovery import RESTORED, restored_below
from journal.rows import InsertRows, UpdateRows
from journal.schema import attempts, cases, data_keys, effects, leases, numbers, sessions

HEADROOM = 10_000
"""Case numbers that are left out after a restore."""
WHAT = "the journal was put back from an older copy: this may have been done after it"
_UNFINISHED = ("due", "claimed", "unknown", "parked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A restored journal against what was kept apart.

    `older`: the journal lacks cases that were opened, so it is a copy from before. `unfinished` effects per
    target will be looked up; `missing` cases come back when their contacts are handed over again;
    `to_erase` were erased since.
    """

    older: bool
    unfinished: dict[str, int]
    missing: tuple[str, ...]
    to_erase: tuple[str, ...]


def standing(connection: Connection, openings: Mapping[str, str], erasures: tuple[str, ...]) -> Standing:
    """How a journal stands against what was kept apart; changes nothing."""
    query = select(effects.c.target).where(effects.c.state.in_(_UNFINISHED))
    opened = sorted(set(openings.values()))
    erased = select(data_keys.c.case_ref).where(data_keys.c.case_ref.is_not(None)).distinct()
    readable = set(connection.execute(erased).scalars()) if erasures else set[str]()
    return Standing(
        older=is_older(connection, opened),
        unfinished=dict(Counter(connection.execute(query).scalars())),
        missing=tuple(ref for ref in opened if ref not in _known(connection, opened)),
        to_erase=tuple(ref for ref in erasures if ref in readable),
    )


def is_older(connection: Connection, opened: Iterable[str]) -> bool:
    """Whether a case was opened that this journal does not know: then it is a copy from before.

    Either it would still give out the number, or the number is in a block that a process had taken before the copy.
    What a restore has dealt with counts no longer.
    """
    refs = list(opened)
    following = {str(year): int(following) for year, following in connection.execute(select(numbers))}
    settled, known = restored_below(connection), _known(connection, refs)
    return any(
        _number(ref) >= following.get(year, 1) or (ref not in known and _number(ref) >= settled.get(year, 0))
        for ref, year in ((ref, ref.split("-")[1]) for ref in refs)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Ask to prepare a journal that was put back. `days`: how long old cases are looked up first."""

    actor: str
    days: int
    openings: Mapping[str, str] = field(repr=False)
    erasures: tuple[str, ...]


class Restoring:
    """Makes a restored journal safe to work with. May be repeated; only while no hub runs."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def restore_many(self, tx: Transaction, requests: list[Restore]) -> list[Standing | BaseException]:
        """Doubt, raise, erase, note; the standing before."""
        return [self._restore(tx, request) for request in requests]

    def _restore(self, tx: Transaction, request: Restore) -> Standing:
        before = standing(tx.connection, request.openings, request.erasures)
        self._doubt(tx)
        self._operations.erase_many(
            tx, [Act(ref, request.actor, "erased before the journal was put back") for ref in before.to_erase]
        )
        first_new = self._raise_numbers(tx, request.openings)
        tx.connection.execute(delete(sessions))  # whoever was logged out since is not let in again
        tx.connection.execute(update(leases).values(until=tx.now))
        noted = {"until": tx.now + request.days * DAY, "first_new": first_new}
        self._operations.save_checkpoints(tx, [("journal", RESTORED, json.dumps(noted))])
        detail = f"{sum(before.unfinished.values())} unfinished, {len(before.missing)} missing"
        self._operations.audit_many(tx, [AuditEntry(request.actor, "journal_restored", "journal", detail)])
        return before

    def _doubt(self, tx: Transaction) -> None:
        """Every unfinished effect gets an attempt whose outcome nobody knows."""
        rows = tx.connection.execute(select(effects).where(effects.c.state.in_(_UNFINISHED))).all()
        _TRIED.run(tx.connection, [_attempt(row, tx.now) for row in rows])
        _DOUBTED.run(tx.connection, [_doubted(row, tx.now) for row in rows])

    def _raise_numbers(self, tx: Transaction, openings: Mapping[str, str]) -> dict[str, int]:
        given: dict[str, int] = {}
        for ref in openings.values():
            year = ref.split("-")[1]
            given[year] = max(given.get(year, 0), _number(ref) + 1)
        for year, following in tx.connection.execute(select(numbers)):
            given[str(year)] = max(given.get(str(year), 0), int(following))
        raised = {year: number + HEADROOM for year, number in given.items()}
        insert = tx.upsert(numbers)
        for year, number in raised.items():
            tx.connection.execute(
                insert.on_conflict_do_update(index_elements=["year"], set_={"next": insert.excluded.next}),
                {"year": int(year), "next": number},
            )
        return raised


def _number(ref: str) -> int:
    return int(ref.rpartition("-")[2])


def _known(connection: Connection, refs: list[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(refs), 500):
        query = select(cases.c.ref).where(cases.c.ref.in_(refs[start : start + 500]))
        known.update(connection.execute(query).scalars())
    return known


def _attempt(row: Any, now: int) -> dict[str, Any]:
    return {
        "effect_id": row.id,
        "number": row.attempts + 1,
        "started_at": now,
        "ended_at": now,
        "outcome": "unknown",
        "error": "Restored",
        "what": WHAT,
        "worker": "",
    }


def _doubted(row: Any, now: int) -> dict[str, Any]:
    """A parked one stays parked, but a replay of it looks first; one death sends it to a person where nobody can look."""
    parked = row.state == "parked"
    return {
        "id": row.id,
        "state": "parked" if parked else "unknown",
        "attempts": row.attempts + 1,
        "deaths": max(1, row.deaths),
        "owner": "",
        "handout_at": None if parked else max(now, row.due_at),
    }


_TRIED = InsertRows(attempts)
_DOUBTED = UpdateRows(effects, "id", ("state", "attempts", "deaths", "owner", "handout_at"))
