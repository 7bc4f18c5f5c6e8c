"""A restore drill: the journal is lost, yesterday's copy is put back, and nothing happens twice."""

import asyncio
import json
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import asynccontextmanager

import httpx
import pytest
from click.testing import CliRunner

from canonical_model.case import CaseRef
from hub import Hub, main
from journal.schema import attempts, cases, data_keys, effects, messages
from ports.errors import MisconfiguredError
from ports.target import Idempotency
from settings import load
from tests.flows import outside
from tests.flows.small_hub import small_hub
from tests.journal.scene import recount, rows

OUTSIDE = '[adapters.outside]\nsystem = "tests.flows.outside:build"\n'


@pytest.fixture
def city(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "WORLD", outside.World())
    hub = small_hub(tmp_path)
    text = hub.hub_toml.read_text().replace('[adapters.tracker]\nsystem = "memory"\n', OUTSIDE)
    hub.hub_toml.write_text(text)
    return hub


@asynccontextmanager
async def hub_of(city):
    hub = Hub(load(city.hub_toml), ["worker", "listener", "scheduler"])
    try:
        await hub.start()
        yield hub
    finally:
        await hub.close()


async def at_rest(hub, wanted: int) -> None:
    """Every mail that should be there was taken over, and nothing is left to do that can be done now."""
    async with asyncio.timeout(40):
        while True:
            states = Counter(row.state for row in await rows(hub.journal, effects))
            held = Counter(
                row.state for row in await rows(hub.journal, effects, effects.c.target == "tracker")
            )
            busy = states["claimed"] + states["unknown"] + states["due"]
            paused = await hub.journal.system_states()
            waits = held["due"] if any(one.paused for one in paused) else 0
            if not outside.WORLD.inbox and len(outside.WORLD.done) == wanted and busy == waits:
                return
            await asyncio.sleep(0.05)


def command(city, *words):
    return CliRunner().invoke(main, ["--config", str(city.hub_toml), *words], catch_exceptions=False)


async def spoken(city, *words):
    return await asyncio.to_thread(command, city, *words)


def lose(city) -> None:
    for path in (city.folder / "var").glob("journal.db*"):
        path.unlink()


async def test_after_a_restore_no_case_is_opened_twice_and_no_mail_goes_out_twice(city):
    world = outside.WORLD
    async with hub_of(city) as hub:
        copy = await days_before_the_copy(city, hub)
        refs = await days_after_the_copy(hub)
    assert set(Counter(mail.message_id for mail in world.mail.sent).values()) == {1}
    await world.tracker.answer(CaseRef(refs[9]), "Dit antwoord wacht nog.")
    lose(city)
    await told_that_it_is_old(city, copy, refs)

    restored = await spoken(city, "restore", copy)
    assert restored.exit_code == 0, restored.output
    async with hub_of(city) as hub:
        await resume(hub)  # it was paused when the copy was made
        world.drag_back()
        world.receive(10)
        await catch_up(hub)
        nothing_twice_outside(refs)
        await whole_again(hub, refs)


async def days_before_the_copy(city, hub) -> str:
    """Five cases that are finished, and one whose steps wait; where the copy is."""
    for number in range(5):
        outside.WORLD.receive(number)
    await at_rest(hub, 5)
    await hub.journal.pause("tracker", "piet", "to have something unfinished in the copy")
    await hub.breakers.refresh()
    outside.WORLD.receive(5)
    await at_rest(hub, 6)
    copied = await spoken(city, "backup", str(city.folder / "copies"), "--json")
    assert copied.exit_code == 0, copied.output
    return json.loads(copied.stdout)["file"]


async def resume(hub) -> None:
    """The tracker goes on, and this process knows it at once."""
    await hub.journal.resume("tracker", "piet")
    await hub.breakers.refresh()


async def days_after_the_copy(hub) -> list[str]:
    """What waited is done, four more cases, two answers, somebody is erased; the numbers of all cases."""
    world = outside.WORLD
    await resume(hub)
    await hub.broker.hand_out([row.id for row in await rows(hub.journal, effects)])
    for number in range(6, 10):
        world.receive(number)
    await at_rest(hub, 10)
    refs = sorted(case.ref for case in world.tracker.cases)
    await world.tracker.answer(CaseRef(refs[0]), "Dit is opgelost.")
    await world.tracker.answer(CaseRef(refs[8]), "Dit ook.")
    await asyncio.to_thread(until, lambda: len(world.mail.sent) == 12)
    await at_rest(hub, 10)
    await hub.journal.erase_case(refs[1], "dpo", "asked by the customer")
    return refs


async def told_that_it_is_old(city, copy: str, refs: list[str]) -> None:
    await asyncio.to_thread(shutil.copy, copy, city.folder / "var" / "journal.db")
    with pytest.raises(MisconfiguredError, match="wegwijzer restore"):
        async with hub_of(city):
            pytest.fail("it may not work on an old copy")
    checked = await spoken(city, "restore-check", "--json")
    assert checked.exit_code == 1
    found = json.loads(checked.stdout)
    assert found["missing"] == refs[6:]
    assert found["to_erase"] == [refs[1]]
    assert found["unfinished"]["tracker"] >= 1


async def catch_up(hub) -> None:
    """The mails come again; news that came before its mail follows by itself."""
    world = outside.WORLD
    await asyncio.to_thread(until, lambda: any("wacht nog" in mail.text for mail in world.mail.sent))
    await at_rest(hub, 11)


def nothing_twice_outside(refs: list[str]) -> None:
    opened = Counter(case.ref for case in outside.WORLD.tracker.cases)
    assert sorted(opened)[:10] == refs
    assert set(opened.values()) == {1}
    assert len(opened) == 11
    assert int(max(opened)[-6:]) > 10_000
    assert set(Counter(mail.message_id for mail in outside.WORLD.mail.sent).values()) == {1}
    assert len(outside.WORLD.mail.sent) == 14


async def whole_again(hub, refs: list[str]) -> None:
    """Inside, every case is known again under its number, and who was erased stays so."""
    journal = hub.journal
    assert {row.ref for row in await rows(journal, cases)} > set(refs)
    assert await rows(journal, data_keys, data_keys.c.case_ref == refs[1]) == []
    again = await rows(journal, messages, messages.c.reason.contains("was erased"))
    assert [row.state for row in again] == ["dropped"]
    assert {row.state for row in await rows(journal, effects)} == {"applied"}
    assert await rows(journal, attempts, attempts.c.error == "Restored")
    assert await journal.verify_audit() is None
    await recount(journal)


def until(happened) -> None:
    end = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


async def test_where_nobody_can_look_a_person_decides(city):
    outside.WORLD.mail = outside.MemoryMail(Idempotency.NONE)
    async with hub_of(city) as hub:
        outside.WORLD.receive(1)
        await at_rest(hub, 1)
        copied = await spoken(city, "backup", str(city.folder / "copies"), "--json")
        outside.WORLD.receive(2)
        await at_rest(hub, 2)
    restored = await spoken(city, "restore", json.loads(copied.stdout)["file"])
    assert restored.exit_code == 0, restored.output
    outside.WORLD.drag_back()
    async with hub_of(city) as hub:
        await at_rest(hub, 2)
        parked = await rows(hub.journal, effects, effects.c.state == "parked")

    assert [(row.target, row.error) for row in parked] == [("mail", "UncertainError")]
    assert len(outside.WORLD.mail.sent) == 2
    assert len(outside.WORLD.tracker.cases) == 2


async def test_a_copy_under_load_is_whole(city):
    with city.running():
        going_on = True

        async def keep_posting(client, lane: int) -> int:
            number = lane
            while going_on:
                assert await city.post(client, number) in {202, 503}
                number += 8
            return number

        async with httpx.AsyncClient(timeout=60) as client:
            posting = [asyncio.create_task(keep_posting(client, lane)) for lane in range(8)]
            await asyncio.sleep(0.3)
            copied = await asyncio.to_thread(city.command, "backup", str(city.folder / "copies"), "--json")
            going_on = False
            await asyncio.gather(*posting)
    assert copied.returncode == 0, copied.stderr
    with sqlite3.connect(json.loads(copied.stdout)["file"]) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        count = connection.execute("SELECT count(*) FROM messages").fetchone()[0]
        assert count > 0
        assert (
            connection.execute("SELECT sum(count) FROM tally WHERE state = 'received'").fetchone()[0] == count
        )
        orphans = "SELECT count(*) FROM messages WHERE id NOT IN (SELECT owner FROM bodies)"
        assert connection.execute(orphans).fetchone()[0] == 0


def test_a_damaged_copy_is_refused_and_the_journal_stays(city, tmp_path):
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"not a database at all" * 100)
    city.command("status")
    before = (city.folder / "var" / "journal.db").read_bytes()

    refused = command(city, "restore", str(broken))
    assert refused.exit_code == 1
    assert "geen gave kopie van een journaal" in refused.output
    assert (city.folder / "var" / "journal.db").read_bytes() == before


def test_while_a_hub_runs_nothing_is_put_back(city):
    with city.running():
        refused = city.command("restore")
    assert refused.returncode == 1
    assert "draait al een hub: stop die eerst" in refused.stderr
