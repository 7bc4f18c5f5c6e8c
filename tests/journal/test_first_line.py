"""First-line resolution is counted per day and channel, from the cases themselves, and costs mails nothing."""

from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import insert, text

from journal.first_line import FirstLine, first_line, together
from journal.instants import micros
from journal.schema import cases
from tests.journal.scene import START

DAY = START.date()


def row(number, channel, *, at_once=False, days_ago=0):
    return {
        "ref": f"LEU-2026-{number:06d}",
        "kind": "question",
        "channel": channel,
        "handler_group": "kcc",
        "status": "closed" if at_once else "new",
        "category": "",
        "area": "",
        "tracker_id": "",
        "opened_at": micros(START - timedelta(days=days_ago)) + number,
        "changed_at": micros(START),
        "effect_count": 0,
        "tracker_version": 0,
        "answered_at_once": at_once,
        "key_id": "",
        "card_version": 1,
    }


async def put(journal, *rows):
    def work(tx, _):
        tx.connection.execute(insert(cases), list(rows))
        return [None]

    await journal.database.write(work, None)


async def read(journal):
    return await journal.database.read(lambda connection: first_line(connection, START))


async def test_per_day_and_channel_the_newest_first(journal):
    await put(
        journal,
        row(1, "phone", at_once=True),
        row(2, "phone", at_once=True),
        row(3, "phone"),
        row(4, "counter", at_once=True),
        row(5, "mail"),
        row(6, "phone", days_ago=1),
        row(7, "phone", at_once=True, days_ago=14),
    )

    found = await read(journal)

    assert found == (
        FirstLine(day=DAY, channel="counter", cases=1, at_once=1, share=100),
        FirstLine(day=DAY, channel="phone", cases=3, at_once=2, share=66),
        FirstLine(day=DAY - timedelta(days=1), channel="phone", cases=1, at_once=0, share=0),
    )
    assert together(found) == FirstLine(day=None, channel="", cases=5, at_once=3, share=60)


async def test_without_such_cases_there_is_no_share(journal):
    await put(journal, row(1, "mail"))

    assert await read(journal) == ()
    assert together(()) == FirstLine(day=None, channel="", cases=0, at_once=0, share=None)
    assert replace(together(()), day=date(2026, 1, 1)).share is None


async def test_sqlite_reads_the_index_and_nothing_else(journal):
    if journal.database.engine.dialect.name != "sqlite":
        return
    query = "EXPLAIN QUERY PLAN SELECT channel, count(*) FROM cases WHERE channel IN ('counter', 'phone') AND opened_at >= 5"

    plan = await journal.database.read(lambda connection: str(connection.execute(text(query)).all()))

    assert "cases_of_first_line" in plan
