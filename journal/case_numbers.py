"""Case numbers. Each process of a shared journal takes a block of them, so that processes don't wait for each other.

Within a block the numbers follow on each other; what a process did not use when it ended is left out for good.
The embedded journal looks its next number up in every transaction, as only one can be open, and leaves nothing out.
"""

import sys
from dataclasses import replace

from sqlalchemy import bindparam, select

from journal.database import Block, Transaction
from journal.questions import Question
from journal.rows import UpdateRows
from journal.schema import numbers

BLOCK = 200
"""Numbers that a process takes at once: the row that gives them out is held until the commit."""


class CaseNumbers:
    """What this process may give out."""

    def __init__(self) -> None:
        self._kept = Block()

    def block(self, tx: Transaction, year: int) -> Block:
        """The block of this transaction, with at least one number; it counts only once that is durable."""
        block = tx.numbers or replace(self._kept)
        if block.year != year or block.next >= block.end:
            block = _taken(tx, year)
        if block is not tx.numbers:
            tx.numbers = block
            tx.afterwards.append(lambda: self._keep(tx, block))
        return block

    def note_used(self, tx: Transaction) -> None:
        """Write down how far the embedded journal's numbers are; a shared one wrote down the whole block.

        The numbers of a commit whose answer is lost may be taken, so nothing is left to give out until one is
        known to be durable.
        """
        self._kept = Block()
        if tx.dialect == "sqlite" and tx.numbers:
            _NEXT.run(tx.connection, [{"year": tx.numbers.year, "next": tx.numbers.next}])

    def _keep(self, tx: Transaction, block: Block) -> None:
        if tx.dialect == "postgresql" and block is tx.numbers:
            self._kept = block


def _taken(tx: Transaction, year: int) -> Block:
    first = _first_free(tx, year)
    if tx.dialect == "sqlite":
        return Block(year, first, sys.maxsize)
    _NEXT.run(tx.connection, [{"year": year, "next": first + BLOCK}])
    return Block(year, first, first + BLOCK)


def _first_free(tx: Transaction, year: int) -> int:
    found = _FREE.ask(tx.connection, year=year)
    if not found:
        tx.connection.execute(tx.insert_ignoring(numbers), {"year": year, "next": 1})
        found = _FREE.ask(tx.connection, year=year)
    return int(found[0][0])


_FREE = Question(select(numbers.c.next).where(numbers.c.year == bindparam("year")).with_for_update())
_NEXT = UpdateRows(numbers, "year", ("next",))
