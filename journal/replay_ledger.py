"""What all parts of a replay share: the states of plans and rows, the selection, and the counts kept with every change.

The counts of a plan change only in the transaction that changes its rows, while its row is locked.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select

from journal.database import Transaction
from journal.schema import replay_plans, replay_totals

FREEZING: Final = "freezing"
READY: Final = "ready"
RUNNING: Final = "running"
CANARY: Final = "canary"
PAUSED: Final = "paused"
DONE: Final = "done"
CANCELLED: Final = "cancelled"
PLAN_STATES: Final = (FREEZING, READY, RUNNING, CANARY, PAUSED, DONE, CANCELLED)
"""`canary`: the first rows ended, and somebody must look before the rest goes."""

WAITING: Final = "waiting"
ASIDE: Final = "aside"
RELEASED: Final = "released"
APPLIED: Final = "applied"
FAILED: Final = "failed"
GIVEN_UP: Final = "given_up"
ALREADY: Final = "already"
ELSEWHERE: Final = "elsewhere"
LEFT: Final = "left"
ROW_STATES: Final = (WAITING, RELEASED, APPLIED, FAILED, ASIDE, ALREADY, ELSEWHERE, GIVEN_UP, LEFT)
"""`aside`: its verdict says that nothing is to be done, or that a person must decide. `already`: when its turn
came it had been done meanwhile. `elsewhere`: when its turn came somebody else had it under way. `given_up`: a
person skipped it while it was under way. `left`: still under way after a day; the hub goes on by itself."""

EFFECT: Final = "effect"
MESSAGE: Final = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which effects a plan is about; everything that is set must fit. Without `done`: only what is parked.

    `errors` are classes of errors, `but_errors` turns them round (any other error). `like` is a reason without
    what varies (`reading.failures.same_remedy`). `source` is where the message came from. `since` and `until`
    (microseconds, `until` not included) are about when an effect was planned. `ids` names messages and effects
    one by one, whatever became of them. Messages that a route failed on come along as "decide again", unless
    a target or a case is asked for.
    """

    target: str = ""
    errors: tuple[str, ...] = ()
    but_errors: bool = False
    like: str = ""
    source: str = ""
    since: int = 0
    until: int = 0
    case: str = ""
    ids: tuple[str, ...] = ()
    done: bool = False

    def wants_error(self, error: str) -> bool:
        """Whether a failure of this class belongs."""
        return not self.errors or (error in self.errors) != self.but_errors


Total = tuple[str, str, str, bool, str]
"""Target, action, verdict, citizen, state."""


@dataclass(slots=True)
class Totals:
    """Changes of the counts of a plan, gathered and then written at once."""

    plan_id: str
    changes: Counter[Total] = field(default_factory=Counter[Total])

    def add(self, row: Any, state: str) -> None:
        """One more row in this state."""
        self.changes[_total(row, state)] += 1

    def move(self, row: Any, before: str, after: str) -> None:
        """A row goes from one state to another."""
        self.changes[_total(row, before)] -= 1
        self.changes[_total(row, after)] += 1

    def write(self, tx: Transaction) -> None:
        """Add the changes to what is stored; call while the plan is locked."""
        names = ("target", "action", "verdict", "citizen", "state")
        rows = [
            {"plan_id": self.plan_id, **dict(zip(names, key, strict=True)), "count": change}
            for key, change in sorted(self.changes.items())
            if change
        ]
        if rows:
            insert = tx.upsert(replay_totals)
            add = insert.on_conflict_do_update(
                index_elements=["plan_id", *names],
                set_={"count": replay_totals.c.count + insert.excluded.count},
            )
            tx.connection.execute(add, rows)


def locked_plan(tx: Transaction, plan_id: str) -> Any:
    """The row of a plan, held until this transaction ends; None when there is none."""
    return tx.connection.execute(
        select(replay_plans).where(replay_plans.c.id == plan_id).with_for_update()
    ).one_or_none()


def _total(row: Any, state: str) -> Total:
    return row.target, row.action, row.verdict, bool(row.citizen), state
