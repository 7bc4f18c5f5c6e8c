"""The audit trail: whatever is changed, taken out, put in or moved is found."""

import asyncio
import random
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import delete, insert

from journal.journal import Keys
from journal.schema import audit
from tests.journal.scene import rows, together

MUTATIONS = 300


@dataclass(frozen=True)
class Line:
    """A line of the trail as an intruder rewrites it."""

    seq: int
    at: int
    actor: str
    action: str
    subject: str
    detail: str
    hash: str


async def trail(journal, length: int = 12) -> list[Line]:
    for number in range(length):
        await journal.audit(f"actor-{number % 3}", "reveal", f"LEU-2026-{number:06d}", f"reason {number}")
    return [Line(**row._mapping) for row in await rows(journal, audit)]


def edit(lines, chance):
    index = chance.randrange(len(lines))
    field = chance.choice(["at", "actor", "action", "subject", "detail", "hash"])
    old = getattr(lines[index], field)
    new = old + 1 if isinstance(old, int) else ("0" * 64 if field == "hash" else old + "x")
    return [*lines[:index], replace(lines[index], **{field: new}), *lines[index + 1 :]]


def delete_one(lines, chance):
    index = chance.randrange(len(lines) - 1)
    return [*lines[:index], *lines[index + 1 :]]


def delete_one_and_close_the_gap(lines, chance):
    left = delete_one(lines, chance)
    return [replace(line, seq=number) for number, line in enumerate(left, 1)]


def swap(lines, chance):
    one, other = sorted(chance.sample(range(len(lines)), 2))
    swapped = list(lines)
    swapped[one] = replace(lines[other], seq=lines[one].seq)
    swapped[other] = replace(lines[one], seq=lines[other].seq)
    return swapped


def truncate_in_the_middle(lines, chance):
    start = chance.randrange(len(lines) - 2)
    end = chance.randrange(start + 1, len(lines) - 1)
    return [*lines[:start], *lines[end:]]


def insert_one(lines, chance):
    index = chance.randrange(len(lines))
    forged = replace(chance.choice(lines), detail="forged")
    longer = [*lines[:index], forged, *lines[index:]]
    return [replace(line, seq=number) for number, line in enumerate(longer, 1)]


def move_a_border(lines, chance):
    index = chance.randrange(len(lines))
    line = lines[index]
    moved = replace(line, subject=line.subject + line.detail[:1], detail=line.detail[1:])
    return [*lines[:index], moved, *lines[index + 1 :]]


TRICKS = [
    edit,
    delete_one,
    delete_one_and_close_the_gap,
    swap,
    truncate_in_the_middle,
    insert_one,
    move_a_border,
]


async def test_three_hundred_forgeries_are_found(journal):
    chance = random.Random(2026)
    lines = await trail(journal)
    assert await journal.verify_audit() is None
    for number in range(MUTATIONS):
        trick = TRICKS[number % len(TRICKS)]
        forged = trick(lines, chance)
        assert await _verdict_of(journal, forged) is not None, trick.__name__
    assert await _verdict_of(journal, lines) is None


async def test_a_border_between_fields_can_not_be_moved(journal):
    await journal.audit("an", "reveal", "case", "one\x1ftwo")
    (line,) = [Line(**row._mapping) for row in await rows(journal, audit)]

    forged = replace(line, subject="case\x1fone", detail="two")
    assert await _verdict_of(journal, [forged]) == 1


async def test_the_first_broken_line_is_named(journal):
    lines = await trail(journal)
    lines[6] = replace(lines[6], detail="nothing to see here")

    assert await _verdict_of(journal, lines) == 7


async def test_another_key_recognises_nothing(journal, open_journal):
    await trail(journal, 2)
    stranger = await open_journal(keys=Keys(masters=(b"m" * 32,), pepper=b"p" * 32, audit=b"z" * 32))
    assert await stranger.verify_audit() == 1


async def test_many_write_at_once_and_the_chain_holds(journal, open_journal):
    second = await open_journal(shard="2")
    calls = [which.audit("an", "reveal", f"{n}") for n in range(40) for which in (journal, second)]
    await together(journal, *calls[:20])
    await asyncio.gather(*calls[20:])

    assert await journal.verify_audit() is None
    assert [row.seq for row in await rows(journal, audit)] == list(range(1, 81))


@pytest.mark.parametrize("action", ["", "x" * 60])
async def test_an_empty_and_a_full_line_hold(journal, action):
    await journal.audit("", action, "", "é\n\0"[:2])
    assert await journal.verify_audit() is None


async def _verdict_of(journal, lines) -> int | None:
    """Put these lines in place of the trail and have it checked."""

    def forge(tx, arguments):
        tx.connection.execute(delete(audit))
        tx.connection.execute(
            insert(audit),
            [{name: getattr(line, name) for name in Line.__dataclass_fields__} for line in lines],
        )
        return [None] * len(arguments)

    await journal.database.write(forge, None)
    return await journal.verify_audit()
