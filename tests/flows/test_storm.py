"""Everything under the distributed hub breaks while citizens write: nothing is lost, doubled or out of order.

PostgreSQL, a cluster of three RabbitMQ nodes and a crew of processes: workers come and go, one is frozen beyond its
lease, the listener dies, the broker loses its leader, the database is restarted, and in the end the broker loses all
its data. One reckoning at the end: the journal, the tracker, the mailboxes and the citizens agree.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.engines.postgres import Postgres
from tests.flows.city import City
from tests.flows.crew import LEASE, Crew, distributed_city
from tests.flows.traffic import Traffic, citizens, come_to_rest, shortcomings
from tests.servers import postgres, rabbitmq_cluster
from tests.servers.rabbitmq_cluster import Cluster
from worker import listeners

QUEUE = "wegwijzer.effects"
CALM = 2.0
"""Seconds between two faults."""
MOVED_WITHIN = 4 * listeners.LEASE
"""Seconds, on a machine that is busy with everything else."""


@pytest.fixture
def database() -> Iterator[Postgres]:
    with postgres.breakable() as server:
        yield server


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with rabbitmq_cluster.prepared() as nodes:
        nodes.start()
        yield nodes


@pytest.mark.slow
async def test_a_storm_loses_doubles_and_reorders_nothing(tmp_path: Path, tell, database, cluster):
    seed = int(os.environ.get("WEGWIJZER_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    tell(f"seed {seed}")
    dice, traffic, told = random.Random(seed), Traffic(pace=0.5), {}
    with distributed_city(tmp_path, database.address, cluster.url) as (city, crew):
        crew.begin_all()
        async with citizens(city, dice, traffic) as going_on:
            for name, fault in faults(city, crew, database, cluster, dice):
                await asyncio.sleep(CALM)
                began = time.monotonic()
                await asyncio.to_thread(fault)
                told[name] = round(time.monotonic() - began, 1)
                going_on()
            await asyncio.sleep(CALM)
            await traffic.end()
            rest = await come_to_rest(city)
            wrong = await shortcomings(city, traffic)
        await asyncio.to_thread(crew.dismiss_all)

    tell(
        f"{told}; {len(traffic.mails)} mails, {len(traffic.forms)} forms, "
        f"{sum(map(len, traffic.follow_ups.values()))} follow-ups; at rest {rest:.0f} s after the last fault"
    )
    assert not wrong, "\n".join(wrong)


def faults(city: City, crew: Crew, database: Postgres, cluster: Cluster, dice: random.Random):
    """What happens, by name; the loss of all the broker's data comes last, on whatever is left by then."""

    def more_workers() -> None:
        crew.wait_until_ready(crew.begin("worker"))
        crew.wait_until_ready(crew.begin("worker"))

    def fewer_workers() -> None:
        crew.dismiss(crew.some("worker", dice))

    def a_worker_dies() -> None:
        crew.kill(crew.some("worker", dice))
        crew.begin("worker")

    def a_worker_sleeps_past_its_lease() -> None:
        crew.freeze(crew.some("worker", dice), LEASE + 2)

    def a_listener_dies() -> None:
        listening = crew.listening()
        sources, pid = set(listening), dice.choice(sorted(listening.values()))
        victim = next(life for life in crew.alive if life.pid == pid)
        crew.kill(victim)
        wait_until(
            lambda: sources == (now := crew.listening()).keys() and victim.pid not in now.values(),
            MOVED_WITHIN,
        )
        crew.begin("listener")

    def the_doors_die() -> None:
        crew.kill(crew.some("intake", dice))
        crew.begin("intake")

    def the_broker_loses_its_leader() -> None:
        leader = cluster.leader_of(QUEUE)
        leader.stop(signal.SIGKILL)
        time.sleep(CALM)
        leader.start()

    def the_database_is_restarted() -> None:
        database.stop(signal.SIGINT)
        time.sleep(CALM)
        database.start()

    in_any_order = [
        more_workers,
        fewer_workers,
        a_worker_dies,
        a_worker_sleeps_past_its_lease,
        a_listener_dies,
        the_doors_die,
        the_broker_loses_its_leader,
        the_database_is_restarted,
    ]
    dice.shuffle(in_any_order)

    def the_broker_forgets_everything() -> None:
        cluster.wipe()
        cluster.start()

    return [(fault.__name__, fault) for fault in (*in_any_order, the_broker_forgets_everything)]


def wait_until(condition, seconds: float) -> None:
    """Return as soon as this holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:.0f} s"
        time.sleep(0.2)
