"""The journal's feeds: what was done, in an order that never changes, from the effects themselves."""

import pytest
from sqlalchemy import select

from canonical_model.case import CaseRef
from canonical_model.commands import OpenCase
from journal.feeds import JournalFeeds
from journal.schema import effects
from ports.contracts.feeds import FeedsContract
from tests.journal.scene import contact, contact_message

FIRST = CaseRef("LEU-2026-000001")


async def openings(journal):
    """The keys under which cases were opened in the tracker."""
    query = select(effects.c.key).where(effects.c.action == "open_case").order_by(effects.c.id)
    return tuple(await journal.database.read(lambda connection: connection.execute(query).scalars().all()))


@pytest.fixture
def feeds(journal):
    return JournalFeeds(journal.database, journal.keyring)


class TestJournalFeeds(FeedsContract):
    @pytest.fixture
    def feeds(self, journal):
        return JournalFeeds(journal.database, journal.keyring)

    @pytest.fixture
    async def keys(self, journal):
        for number in range(3):
            await journal.accept(contact_message(f"mail-{number}", contact()))
        return await openings(journal)


async def test_an_entry_tells_what_was_done(journal, feeds):
    await journal.accept(contact_message("mail-1", contact()))
    (key,) = await openings(journal)
    await feeds.append("in/dosis", key)

    (entry,) = (await feeds.read("in/dosis", 0, 10)).entries

    assert isinstance(entry.command, OpenCase)
    assert (entry.target, entry.command.case.ref) == ("tracker", FIRST)


async def test_what_was_erased_keeps_its_position_and_tells_nothing(journal, feeds):
    await journal.accept(contact_message("mail-1", contact()))
    (key,) = await openings(journal)
    await feeds.append("in/dosis", key)
    await journal.erase_case(FIRST, "an administrator", "the customer asked for it")

    page = await feeds.read("in/dosis", 0, 10)

    assert [(entry.position, entry.command) for entry in page.entries] == [(1, None)]
    assert page.next == 1
