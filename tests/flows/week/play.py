"""A simulated week around a real hub that is killed again and again, and its reckoning.

Citizens report and ask, tills submit, four field teams work off their lists, handlers answer. One in so many completions is never told,
what is told comes twice and out of order, and every target is away for four hours, each at another time. The hub's clock is scaled,
everything else is real: its processes, its journal, its broker, the lines to DOSIS, Notificaties, the tills, a garage behind a RabbitMQ of its
own, the product catalogue, the registers of addresses and people, the relay and the four planning systems, of which the calendar server is
Radicale. Only the tracker is the one in memory, in the process of the test, so that it lives on.
"""

import asyncio
import random
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx

from tests.flows.week import actors
from tests.flows.week.actors import GONE, fail_if_failed
from tests.flows.week.reckoning import (
    differences,
    healed,
    seen_where_it_may_not_be,
    shortcomings,
    unfinished,
)
from tests.flows.week.script import HOUR, OUTAGE, named_in, script
from tests.flows.week.world import AGAIN, SETTLE, SLACK, TIMES, World, world

FAULTS = (2.0, 8.0)
"""Shortest and longest time between two kills in seconds, longer when the clock goes slower."""
READY = 240.0
"""Seconds in which a hub must answer, on the busiest machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a week came to; `wrong` is empty when all is well. `longest`: until it was told, by team and how it was lost."""

    days: float
    kills: int
    contacts: int
    outages: int
    lost: int
    looks: int
    differences: int
    longest: dict[str, timedelta]
    speed: float
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        healed_after = ", ".join(f"{name} {time / HOUR:.1f} h" for name, time in sorted(self.longest.items()))
        return (
            f"week: {self.days:g} days ({self.speed:.0f} times faster), {self.kills} kills, {self.outages} outages, {self.contacts} contacts, "
            f"{self.lost} completions never told, {self.differences} differences found, {self.looks} looks at the queues; at the latest told after: {healed_after}; "
            + ("; ".join(self.wrong) or "the balance is exact, everybody was told once")
        )


async def week(folder: Path, days: float, dice: random.Random, times: float = TIMES) -> Told:
    """Play it, and reckon. `times`: how much faster the clock goes while the machine keeps up."""
    async with world(folder, script(days, dice), dice, times) as around:
        await around.lives.begin()
        await around.lives.until_ready(READY)
        around.began = around.clock.now()
        cast = [
            asyncio.create_task(each)
            for each in (
                *(actors.contact(around, story) for story in around.script.stories),
                *(around.absence(outage, OUTAGE) for outage in around.script.outages),
                actors.teams(around),
                actors.pushing_again(around),
                actors.handlers(around),
                actors.bad_moods(around),
            )
        ]
        try:
            while around.clock.now() < around.began + around.script.ends * HOUR:
                await around.clock.sleep(timedelta(seconds=dice.uniform(*FAULTS) * times))
                await _die_and_rise(around)
                fail_if_failed(cast)
            await _at_rest(around, cast)
            metrics = await _metrics(around)
            await _look_at_queues(around)
            around.over = True
            await asyncio.gather(*cast)
            await asyncio.gather(around.lives.dismiss(), asyncio.to_thread(around.queues.list))
        finally:
            for one in cast:
                one.cancel()
            await asyncio.gather(*cast, return_exceptions=True)
        longest, late = healed(around)
        return Told(
            days=days,
            kills=around.kills,
            contacts=len(around.script.stories),
            outages=len(around.absences),
            lost=len(around.script.lost),
            looks=around.queues.looks,
            differences=len(differences(around)),
            longest=longest,
            speed=around.clock.times * around.clock.rate,
            wrong=(*await shortcomings(around), *late, *seen_where_it_may_not_be(around, metrics)),
        )


async def _die_and_rise(around: World) -> None:
    await around.lives.kill(around.dice)
    around.kills += 1
    await asyncio.gather(around.lives.begin(), _look_at_queues(around))
    if around.dice.random() < 0.7:
        await around.lives.until_ready(READY)


async def _look_at_queues(around: World) -> None:
    await asyncio.to_thread(around.queues.look, partial(named_in, citizens=around.script.citizens))


async def _at_rest(around: World, cast: list["asyncio.Task[None]"]) -> None:
    """Return when every story is told and nothing is under way, or not for too long."""
    await around.lives.until_ready(READY)
    end = around.clock.now() + AGAIN + SETTLE + 2 * SLACK
    while around.clock.now() < end:
        fail_if_failed(cast)
        cases = around.systems.tracker.cases
        untold = [one for one in cases if one.status not in GONE]
        if len(cases) == len(around.script.stories) and not untold and not around.look_up(unfinished):
            break
        await asyncio.sleep(0.3)
    await around.clock.sleep(SETTLE)
    while around.look_up(unfinished) and around.clock.now() < end:  # noqa: ASYNC110 - the journal tells nobody
        await asyncio.sleep(0.2)


async def _metrics(around: World) -> str:
    token = (around.folder / "secrets" / "metrics_token").read_text().strip()
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        answer = await client.get(
            f"http://{around.address}/metrics", headers={"Authorization": f"Bearer {token}"}
        )
    return answer.text
