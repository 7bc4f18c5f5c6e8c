"""`wegwijzer reload`: a new dispatch table under load, without a lost message; a wrong one is refused."""

import asyncio
import json
import os
import signal
import time
from collections import Counter

import httpx
import pytest
from sqlalchemy import select

from journal.database import open_engine
from journal.schema import audit, cases, messages
from tests.flows.small_hub import small_hub
from worker.presence import ask_to_reload, present


@pytest.fixture
def city(tmp_path):
    return small_hub(tmp_path)


def decided(city) -> list[tuple[str, str]]:
    """Of every form: the version that decided about it, and the group that got it."""
    engine = open_engine(f"sqlite:///{city.folder}/var/journal.db")
    query = (
        select(messages.c.config_version, cases.c.handler_group)
        .join(cases, cases.c.ref == messages.c.case_ref)
        .where(messages.c.kind == "contact_received")
    )
    with engine.connect() as connection:
        found = [(version, group) for version, group in connection.execute(query)]
    engine.dispose()
    return found


def until(happened) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.05)


async def test_a_new_dispatch_table_under_load_loses_nothing_and_every_message_names_its_version(city):
    group = {}
    with city.running():
        (process,) = present(city.folder / "var" / "processes")
        group[process.version] = "groen"
        limits = httpx.Limits(max_connections=16)
        async with httpx.AsyncClient(limits=limits, timeout=30) as client:
            going_on, statuses = True, Counter()

            async def keep_posting(lane: int):
                number = lane
                while going_on:
                    statuses[await city.post(client, number)] += 1
                    number += 8

            posting = [asyncio.create_task(keep_posting(lane)) for lane in range(8)]
            for wanted in ("kcc", "groen", "kcc"):
                city.dispatch(wanted)
                reload = await asyncio.to_thread(city.command, "reload", "--json")
                assert reload.returncode == 0, reload.stderr
                (told,) = json.loads(reload.stdout)
                group[told["version"]] = wanted
            going_on = False
            await asyncio.gather(*posting)
            assert await city.post(client, 10**6) == 202

    assert set(statuses) == {202}
    found = decided(city)
    assert len(found) == statuses[202] + 1
    assert [one for one in found if group[one[0]] != one[1]] == []
    assert min(Counter(version for version, _ in found).values()) > 10
    assert len({version for version, _ in found}) == 2
    assert len(city.events("reloaded")) == 3


async def test_a_wrong_dispatch_table_is_refused_with_its_reason_and_the_old_one_goes_on(city):
    with city.running() as hub:
        (city.folder / "dispatch.toml").write_text('default = "nobody"\ngroup = []')
        refused = await asyncio.to_thread(city.command, "reload")
        assert refused.returncode == 1
        assert "names group 'nobody'" in refused.stderr
        os.kill(hub.pid, signal.SIGHUP)
        await asyncio.to_thread(until, lambda: city.events("reload_refused"))
        async with httpx.AsyncClient() as client:
            assert await city.post(client, 1) == 202
        (told,) = present(city.folder / "var" / "processes")
        assert "nobody" in told.refused

    assert [one for _, one in decided(city)] == ["groen"]
    (event,) = city.events("reload_refused")
    assert "nobody" in event["reason"]


def test_a_table_that_fails_its_own_examples_is_refused(city):
    table = (city.folder / "dispatch.toml").read_text()
    (city.folder / "dispatch.toml").write_text(table + '[[example]]\nexpect = "kcc"\ntext = "Een boom."\n')
    refused = city.command("reload")
    assert refused.returncode == 1
    assert "groen" in refused.stderr


def test_what_needs_a_restart_is_told_and_the_change_is_in_the_audit_trail(city):
    with city.running():
        with city.hub_toml.open("a") as settings:
            settings.write("\n[worker]\nslots = 7\n")
        assert city.command("reload").returncode == 0
    (event,) = city.events("reloaded")
    assert event["after_restart"] == ["worker"]
    engine = open_engine(f"sqlite:///{city.folder}/var/journal.db")
    with engine.connect() as connection:
        lines = connection.execute(select(audit.c.action, audit.c.subject)).all()
    engine.dispose()
    assert ("configuration_changed", event["version"]) in lines


def test_without_a_hub_there_is_nobody_to_tell(city, tmp_path):
    assert "geen Wegwijzer" in city.command("reload").stdout
    assert asyncio.run(ask_to_reload(tmp_path / "nowhere", 1)) == []


def test_files_of_dead_processes_are_cleared_away_and_nobody_else_is_signalled(tmp_path):
    said = {"pid": os.getpid(), "version": "v", "told": 1, "refused": ""}
    (tmp_path / "1.json").write_text(json.dumps(said))
    (tmp_path / "1.lock").touch()

    assert asyncio.run(ask_to_reload(tmp_path, 1)) == []
    assert list(tmp_path.iterdir()) == []
