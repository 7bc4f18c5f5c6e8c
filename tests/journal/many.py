"""Very many parked effects: accepted as ever, then refused (and later applied) all at once: one by one is too slow."""

import asyncio

from sqlalchemy import update

from journal.journal import Journal
from journal.schema import effects, messages
from tests.journal.scene import inbound

AT_ONCE = 500


async def park(journal: Journal, number: int, *, source: str = "many") -> None:
    """So many messages of which every effect was refused at its first try."""
    for start in range(0, number, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, number))
        await asyncio.gather(*(journal.accept(inbound(f"{n}", source=source)) for n in numbers))
    await journal.database.write(_refuse, source)


def _refuse(tx, sources):
    refused = {"state": "parked", "attempts": 1, "handout_at": None, "error": "RejectedError", "reason": "no"}
    tx.connection.execute(update(effects).where(effects.c.state == "due").values(refused))
    tx.connection.execute(
        update(messages)
        .where(messages.c.state == "waiting")
        .values(state="parked", parked_effects=messages.c.open_effects)
    )
    return [None] * len(sources)


async def apply(journal: Journal, ids) -> None:
    """What workers would do with released effects, in one go."""
    await journal.database.write(_apply, tuple(ids))


def _apply(tx, groups):
    for ids in groups:
        done = {"state": "applied", "handout_at": None, "finished_at": tx.now}
        tx.connection.execute(update(effects).where(effects.c.id.in_(ids)).values(done))
    return [None] * len(groups)
