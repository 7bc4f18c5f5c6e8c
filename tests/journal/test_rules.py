"""The configuration changes under load: every message is decided by one version, whole, and says which."""

import asyncio
from collections import Counter

import pytest

from journal.schema import cases, messages
from routes.router import CityRoutes
from tests.journal.scene import DISPATCH, configuration, contact, contact_message, inbound, recount, rows

OTHER = DISPATCH.replace('group = "openbaar-domein"', 'group = "groen"')
GROUP = {"one": "openbaar-domein", "other": "groen"}


@pytest.fixture
def tables():
    return {"one": CityRoutes(configuration()), "other": CityRoutes(configuration(OTHER))}


async def test_every_message_is_decided_by_exactly_the_version_that_it_names(open_journal, tables):
    journal = await open_journal(tables["one"], config_version="one")
    for start in range(0, 400, 40):
        batch = range(start, start + 40)
        accepting = [asyncio.create_task(journal.accept(contact_message(f"{n}", contact()))) for n in batch]
        await asyncio.sleep(0.002)  # some are on their way, some not yet
        version = "other" if start // 40 % 2 else "one"
        journal.follow(tables[version], version)
        await asyncio.gather(*accepting)

    groups = {row.ref: row.handler_group for row in await rows(journal, cases)}
    decided = [(row.config_version, groups[row.case_ref]) for row in await rows(journal, messages)]
    assert len(decided) == 400
    assert {version for version, _ in decided} == {"one", "other"}
    assert [one for one in decided if GROUP[one[0]] != one[1]] == []
    await recount(journal)


async def test_a_change_in_the_middle_of_a_transaction_counts_from_the_next_one(
    open_journal, tables, monkeypatch
):
    journal = await open_journal(tables["one"], config_version="one")
    honest = tables["one"].decide

    def decide_while_it_changes(message, known):
        journal.follow(tables["other"], "other")
        return honest(message, known)

    monkeypatch.setattr(tables["one"], "decide", decide_while_it_changes)
    await asyncio.gather(*(journal.accept(contact_message(f"{n}", contact())) for n in range(5)))
    await journal.accept(inbound("after", contact_message("", contact()).event))

    decided = Counter((row.config_version) for row in await rows(journal, messages))
    groups = Counter(row.handler_group for row in await rows(journal, cases))
    assert decided["other"] == groups["groen"] >= 1
    assert decided["one"] == groups["openbaar-domein"] >= 1
