"""Case numbers are given out once, whoever gives them out and whatever fails meanwhile."""

import asyncio
import contextlib

import pytest
import structlog
from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from journal import case_numbers
from journal.schema import cases, numbers
from tests.journal.scene import START, inbound, rows


async def refs(journal):
    return sorted(row.ref for row in await rows(journal, cases))


async def test_numbers_follow_on_each_other_within_a_process(journal):
    for number in range(5):
        await journal.accept(inbound(f"{number}"))

    assert await refs(journal) == [f"LEU-{START.year}-{number:06d}" for number in range(1, 6)]


async def test_processes_never_give_out_the_same_number(open_journal, monkeypatch):
    monkeypatch.setattr(case_numbers, "BLOCK", 3)
    one, other = await open_journal(shard="1"), await open_journal(shard="2")

    for turn in range(4):
        await asyncio.gather(
            *(one.accept(inbound(f"a{turn}{n}")) for n in range(4)),
            *(other.accept(inbound(f"b{turn}{n}")) for n in range(4)),
        )

    assert len(set(await refs(one))) == 32


async def test_a_transaction_that_failed_gave_no_number_out(journal, monkeypatch):
    monkeypatch.setattr(case_numbers, "BLOCK", 2)
    await journal.accept(inbound("1"))

    def broken(tx, arguments):
        year = START.year
        for _ in arguments:
            block = journal._intake.numbers.block(tx, year)
            block.next += 2
        raise ValueError("after numbers were taken")

    with structlog.testing.capture_logs(), pytest.raises(ValueError, match="after numbers"):
        await journal.database.write(broken, None)
    await journal.accept(inbound("2"))
    await journal.accept(inbound("3"))

    found = await refs(journal)
    assert found[0].endswith("000001")
    assert len(set(found)) == 3
    given = await journal.database.read(lambda c: c.execute(select(numbers.c.next)).scalar_one())
    assert given > max(int(ref.rpartition("-")[2]) for ref in found)


async def test_a_commit_whose_answer_is_lost_may_have_given_its_numbers_out(journal, monkeypatch):
    commit = Connection.commit

    def lost(connection):
        commit(connection)
        monkeypatch.undo()
        raise OperationalError("COMMIT", None, ConnectionError("the server closed the connection"))

    await journal.accept(inbound("1"))
    monkeypatch.setattr(Connection, "commit", lost)
    with structlog.testing.capture_logs():
        await journal.accept(inbound("2"))
    await journal.accept(inbound("3"))

    found = await refs(journal)
    assert len(set(found)) == 3


async def test_a_part_that_failed_gave_no_number_out_while_the_rest_goes_on(journal):
    def half(tx, arguments):
        for _ in arguments:
            with contextlib.suppress(ValueError), tx.part():
                journal._intake.numbers.block(tx, START.year).next += 5
                raise ValueError("after numbers were taken")
        return [None] * len(arguments)

    await journal.database.write(half, None)
    await journal.accept(inbound("1"))
    await journal.database.write(half, None)
    await journal.accept(inbound("2"))

    assert await refs(journal) == [f"LEU-{START.year}-{number:06d}" for number in (1, 2)]
