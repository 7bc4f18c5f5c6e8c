"""A long plan needs no more memory than a short one, and no step of it holds the journal's writer for long."""

import tracemalloc
from datetime import timedelta

from journal.replay_ledger import Selection
from journal.replay_reading import one_plan, plan_rows
from tests.journal.many import apply, park


async def carried_out(journal, clock, source):
    """Freeze and carry a plan out; the most memory it took, and the largest number of rows in one step."""
    tracemalloc.start()
    plan_id = await journal.replays.plan(Selection(source=source), "an", "again")
    largest, before, more = 0, 0, True
    while more:
        more = await journal.replays.freeze(plan_id)
        rows = (await journal.database.read(lambda connection: one_plan(connection, plan_id))).plan.rows
        largest, before = max(largest, rows - before), rows
    await journal.replays.start(plan_id, "an")
    state = "running"
    while state == "running":
        clock.advance(timedelta(seconds=1))
        ids = await journal.replays.release(plan_id)
        largest = max(largest, len(ids))
        await apply(journal, ids)
        await journal.replays.follow(plan_id)
        view = await journal.database.read(lambda connection: one_plan(connection, plan_id))
        state = view.plan.state
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert view.sums("state") == {("applied",): view.plan.rows}
    page = await journal.database.read(lambda connection: plan_rows(connection, plan_id, after=before - 1))
    assert [row.number for row in page.rows] == [before]
    return peak, largest, before


async def test_five_times_the_rows_take_the_same_memory_in_steps_of_the_same_size(planned, clock):
    await park(planned, 600, source="first")
    await carried_out(planned, clock, "first")  # what is loaded once is loaded now
    await park(planned, 600, source="few")
    short, largest, rows = await carried_out(planned, clock, "few")
    await park(planned, 3_000, source="many")
    long, as_large, many = await carried_out(planned, clock, "many")

    assert (rows, many) == (600, 3_000)
    assert largest <= 500
    assert as_large <= 500
    assert long < 1.5 * short
