"""A system that was paused when the hub ended gets nothing when a hub begins again, and goes on soon after `resume`."""

import asyncio
import time

import pytest

from hub import Hub
from journal.schema import effects
from settings import load
from tests.flows import outside
from tests.flows.small_hub import small_hub
from tests.journal.scene import rows

OUTSIDE = '[adapters.outside]\nsystem = "tests.flows.outside:build"\n'
ROUNDS = 2.5
"""Seconds in which the scheduler and the look at the systems board have come round twice."""


@pytest.fixture
def city(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "WORLD", outside.World())
    hub = small_hub(tmp_path)
    text = hub.hub_toml.read_text().replace('[adapters.tracker]\nsystem = "memory"\n', OUTSIDE)
    hub.hub_toml.write_text(text)
    return hub


async def until(happened) -> None:
    end = time.monotonic() + 20
    while not await happened():
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def test_a_paused_system_stays_paused_over_a_restart_and_goes_on_when_it_is_resumed(city):
    world = outside.WORLD

    async def something_waits() -> bool:
        return bool(await rows(hub.journal, effects))

    async def the_case_is_there() -> bool:
        return len(world.tracker.cases) == 1

    hub = Hub(load(city.hub_toml), ["worker", "listener", "scheduler"])
    await hub.start()
    await hub.journal.pause("tracker", "piet", "it is being moved")
    await hub.breakers.refresh()
    world.receive(1)
    await until(something_waits)
    await hub.close()

    hub = Hub(load(city.hub_toml), ["worker", "listener", "scheduler"])
    await hub.start()
    await asyncio.sleep(ROUNDS)
    opened_while_paused = len(world.tracker.cases)
    await hub.journal.resume("tracker", "piet")
    await until(the_case_is_there)
    await hub.close()
    assert opened_while_paused == 0
