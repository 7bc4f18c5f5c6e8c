"""A long outage in one step: the newest messages parked, as if their tracker had refused each of them."""

from sqlalchemy import select, update

from journal.database import Transaction
from journal.journal import Journal
from journal.schema import effects, messages

AT_ONCE = 1_000
SOURCE = "bench"


async def park_newest(journal: Journal, number: int) -> None:
    """So many messages whose first effect was refused; the balance knows of it."""
    before = "g"  # beyond every id
    for _ in range(number // AT_ONCE or 1):
        before = await journal.database.write(_park, (before, min(number, AT_ONCE)))


def _park(tx: Transaction, steps: list[tuple[str, int]]) -> list[str | BaseException]:
    return [_parked(tx, before, number) for before, number in steps]


def _parked(tx: Transaction, before: str, number: int) -> str:
    newest = (
        select(messages.c.id, messages.c.received_at)
        .where(messages.c.id < before, messages.c.state == "done")
        .order_by(messages.c.id.desc())
        .limit(number)
    )
    rows = tx.connection.execute(newest).all()
    ids = [row.id for row in rows]
    its_case = select(messages.c.case_ref).where(messages.c.id.in_(ids))
    first = select(effects.c.id, effects.c.target).where(effects.c.case_ref.in_(its_case), effects.c.seq == 0)
    parked = tx.connection.execute(first).all()
    tx.connection.execute(
        update(effects)
        .where(effects.c.id.in_([row.id for row in parked]))
        .values(state="parked", error="RejectedError", reason="no such group", finished_at=None)
    )
    tx.connection.execute(
        update(messages)
        .where(messages.c.id.in_(ids))
        .values(state="parked", open_effects=1, parked_effects=1)
    )
    for row in rows:
        tx.count(row.received_at, SOURCE, "done", -1)
        tx.count(row.received_at, SOURCE, "parked", 1)
    for row in parked:
        tx.move_effect(row.id, row.target, "applied", "parked")
    return min(ids)
