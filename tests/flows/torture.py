"""A real hub is killed at random moments under load, and must lose and double nothing: `make torture`.

    python -m tests.flows.torture --kills 2000 --seed 7 --setup both

`single`: the embedded hub in one process, one life after the other. `distributed`: a process for every role on
PostgreSQL and RabbitMQ, of which one after the other is killed and replaced. `mixed`: the embedded hub with every door
open. Every round of 200 kills begins with an empty city and ends with its reckoning; the seed that is printed repeats a
run's choices.
"""

import argparse
import asyncio
import random
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.engines import postgres, rabbitmq
from tests.flows.city import City, running_city
from tests.flows.crew import QUICK, Crew, distributed_city
from tests.flows.mixed import mixed
from tests.flows.traffic import Traffic, citizens, come_to_rest, shortcomings
from tests.flows.zygote import Zygote, live_by_script, zygote

LIFE = (0.02, 1.7)
"""Shortest and longest life in seconds, on a machine where a hub begins within `BEGINS`; longer on a slower one."""
BEGINS = 0.5
"""Seconds. A quiet machine needs some 0.3."""
MEASURED_EVERY = 25
"""Lives: a machine that others use as well is slower at one time than at another."""
READY_WITHIN = 120
EVERY_BY_SCRIPT = 20
"""One life in so many begins from the installed script, with its imports."""
BETWEEN = (0.05, 1.2)
"""Shortest and longest time between two kills of a crew."""
ROUND = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a round came to; `wrong` is empty when all is well."""

    setup: str
    kills: int
    seconds: float
    rest: float
    traffic: Traffic
    wrong: Sequence[str]

    def __str__(self) -> str:
        traffic = self.traffic
        return (
            f"{self.setup}: {self.kills} kills in {self.seconds:.0f} s, {len(traffic.mails)} mails, "
            f"{len(traffic.forms)} forms, {sum(map(len, traffic.follow_ups.values()))} follow-ups, "
            f"{len(traffic.answered)} answers; at rest {self.rest:.0f} s after the last kill; "
            + ("; ".join(self.wrong) or "the balance is exact, one object per effect")
        )


async def single(folder: Path, kills: int, dice: random.Random) -> Told:
    """The embedded hub: it dies and rises again and again."""
    traffic = Traffic()
    with running_city(folder, QUICK) as city, zygote(city) as lives:
        await asyncio.to_thread(_seconds_to_begin, city, lives)  # makes the tables
        began = time.monotonic()
        async with citizens(city, dice, traffic) as going_on:
            for number in range(kills):
                if number % MEASURED_EVERY == 0:
                    slowness = max(1.0, await asyncio.to_thread(_seconds_to_begin, city, lives) / BEGINS)
                    traffic.pace = 1 / slowness
                by_script = number % EVERY_BY_SCRIPT == 0
                live = live_by_script if by_script else lives.live
                await asyncio.to_thread(live, city, (dice.uniform(*LIFE) + by_script) * slowness)
                going_on()
            seconds = time.monotonic() - began
            with city.running_hub():  # what was being sent may be sent to its end
                await traffic.end()
                rest = await come_to_rest(city)
                wrong = await shortcomings(city, traffic)
    return Told(setup="single", kills=kills, seconds=seconds, rest=rest, traffic=traffic, wrong=wrong)


def _seconds_to_begin(city: City, lives: Zygote) -> float:
    """How long a life takes to answer, on this machine with all that it does now; it ends at once."""
    began = time.monotonic()
    pid = lives.begin()
    city.wait_until_ready(READY_WITHIN)
    seconds = time.monotonic() - began
    assert lives.end(pid) == -signal.SIGKILL, city.log()
    return seconds


async def distributed(folder: Path, kills: int, dice: random.Random) -> Told:
    """A crew of processes: one after the other is killed, and another takes its place."""
    traffic = Traffic()
    with (
        postgres.running() as database,
        rabbitmq.running() as broker,
        distributed_city(folder, database.address, broker.url) as (city, crew),
    ):
        crew.begin_all()
        began = time.monotonic()
        async with citizens(city, dice, traffic) as going_on:
            for _ in range(kills):
                await asyncio.sleep(dice.uniform(*BETWEEN))
                await asyncio.to_thread(_replace, crew, dice)
                going_on()
            seconds = time.monotonic() - began
            await traffic.end()
            rest = await come_to_rest(city)
            wrong = await shortcomings(city, traffic)
        await asyncio.to_thread(crew.dismiss_all)
    return Told(setup="distributed", kills=kills, seconds=seconds, rest=rest, traffic=traffic, wrong=wrong)


def _replace(crew: Crew, dice: random.Random) -> None:
    victim = dice.choice(crew.alive)
    crew.kill(victim)
    crew.begin(victim.role)


SETUPS: dict[str, Callable[[Path, int, random.Random], Awaitable[Told]]] = {
    "single": single,
    "distributed": distributed,
}


ROUNDS = {**SETUPS, "mixed": mixed}
"""What `make torture` plays; `both` are the set-ups without the other doors."""


def main() -> None:
    """Round after round; the exit code says whether all was well."""
    parser = argparse.ArgumentParser(
        description="Kill a real hub at random, and look what is lost or doubled."
    )
    parser.add_argument("--kills", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--setup", choices=[*ROUNDS, "both"], default="both")
    wanted = parser.parse_args()
    setups = list(SETUPS) if wanted.setup == "both" else [wanted.setup]
    print(f"seed {wanted.seed}", flush=True)
    wrong = 0
    for number in range(-(-wanted.kills // ROUND)):
        kills = min(ROUND, wanted.kills - number * ROUND)
        for setup in setups:
            with tempfile.TemporaryDirectory(prefix="wegwijzer-torture-") as folder:
                dice = random.Random(f"{wanted.seed}/{setup}/{number}")
                told = asyncio.run(ROUNDS[setup](Path(folder), kills, dice))
            print(f"round {number + 1}, {told}", flush=True)
            wrong += len(told.wrong)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
