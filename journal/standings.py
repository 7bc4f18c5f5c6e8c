"""How cases stand in outside systems, and what people must look into: read for the routes, written after them."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from canonical_model.decision import Decision
from canonical_model.standing import Standing
from journal.among import among
from journal.database import Transaction
from journal.instants import micros, moment
from journal.rows import PutRows
from journal.schema import standings, work_items

_STANDINGS = select(
    standings.c.case_ref,
    standings.c.system,
    standings.c.state,
    standings.c.outside_id,
    standings.c.trip,
    standings.c.at,
).where(among(standings.c.case_ref, "refs"))
_PUT_STANDINGS = PutRows(standings, ("case_ref", "system"))
_PUT_ITEMS = PutRows(work_items, ("case_ref", "name"))
_OPEN_ITEMS = select(work_items.c.case_ref, work_items.c.name, work_items.c.opened_at).where(
    among(work_items.c.case_ref, "refs"), work_items.c.closed_at.is_(None)
)
HUB = "hub"
"""Who finished a work item that settled itself."""


def standings_of(connection: Connection, ref: str) -> tuple[Standing, ...]:
    """How one case stands in each outside system, by its name."""
    rows = connection.execute(_STANDINGS, {"refs": [ref]})
    return tuple(sorted((_standing(row) for row in rows), key=lambda one: one.system))


class Outside:
    """The standings and work items of the cases of one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._known: dict[str, dict[str, Standing]] = {}
        self._news: list[tuple[str, Standing]] = []
        self._changed: set[tuple[str, str]] = set()
        self._opened: dict[tuple[str, str], str] = {}
        self._finished: set[tuple[str, str]] = set()

    def load(self, refs: Iterable[str]) -> None:
        """Read how these cases stand; those that were read already stay as they are."""
        wanted = sorted(set(refs) - self._known.keys())
        if not wanted:
            return
        self._known |= {ref: {} for ref in wanted}
        for row in self._tx.connection.execute(_STANDINGS, {"refs": wanted}):
            self._known[row.case_ref][row.system] = _standing(row)

    def of(self, ref: str) -> tuple[Standing, ...]:
        """How a case stands, by system; () for a case that was not loaded: it is new."""
        self._settle()
        return tuple(self._known.get(ref, {}).values())

    def note(self, ref: str, decision: Decision, *, new: bool) -> None:
        """What a decision says about a case outside; what it leaves empty stays as it was."""
        if new:
            self._known.setdefault(ref, {})
        for standing in decision.standings:
            self._news.append((ref, standing))
        for item in decision.work_items:
            self._opened[ref, item.name] = item.what
            self._finished.discard((ref, item.name))
        for name in decision.finished_items:
            self._opened.pop((ref, name), None)
            self._finished.add((ref, name))

    def _settle(self) -> None:
        """Put the news together with what is known, which is read for all cases at once."""
        news, self._news = self._news, []
        self.load(ref for ref, _ in news)
        for ref, standing in news:
            known = self._known[ref]
            known[standing.system] = renewed(known.get(standing.system, standing), standing)
            self._changed.add((ref, standing.system))

    def flush(self) -> None:
        """Write what was noted."""
        self._settle()
        _PUT_STANDINGS.run(
            self._tx.connection,
            [
                {**_row(ref, self._known[ref][system]), "compare_at": self._tx.now}
                for ref, system in sorted(self._changed)
            ],
        )
        self._write_items()

    def _write_items(self) -> None:
        touched = {ref for ref, _ in (*self._opened, *self._finished)}
        if not touched:
            return
        found = self._tx.connection.execute(_OPEN_ITEMS, {"refs": sorted(touched)})
        waiting = {(row.case_ref, row.name): row.opened_at for row in found}
        opened = [
            {
                "case_ref": ref,
                "name": name,
                "what": what,
                "opened_at": waiting.get((ref, name), self._tx.now),
                "closed_at": None,
                "closed_by": "",
            }
            for (ref, name), what in self._opened.items()
        ]
        _PUT_ITEMS.run(self._tx.connection, opened)
        for ref, name in sorted(self._finished & waiting.keys()):
            self._tx.connection.execute(
                work_items.update()
                .where(work_items.c.case_ref == ref, work_items.c.name == name)
                .values(closed_at=self._tx.now, closed_by=HUB)
            )


def renewed(old: Standing, new: Standing) -> Standing:
    """What is known after news: what the news leaves empty stays, but a new trip has no id of the other side yet.

    An id alone is no news of how it stands: the date stays that of the state.
    """
    return Standing(
        system=new.system,
        at=new.at if new.state else old.at,
        state=new.state or old.state,
        outside_id=new.outside_id or ("" if new.trip > old.trip else old.outside_id),
        trip=new.trip or old.trip,
    )


def _standing(row: Any) -> Standing:
    return Standing(
        system=row.system, state=row.state, outside_id=row.outside_id, trip=row.trip, at=moment(row.at)
    )


def _row(ref: str, standing: Standing) -> dict[str, str | int]:
    return {
        "case_ref": ref,
        "system": standing.system,
        "state": standing.state,
        "outside_id": standing.outside_id,
        "trip": standing.trip,
        "at": micros(standing.at),
    }
