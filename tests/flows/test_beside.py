"""Two processes over one SQLite file: both take messages in and deliver, one leads, and the dead are told from the living."""

import asyncio
import fcntl
import signal

import httpx
import pytest
from sqlalchemy import func, select

from journal.database import open_engine
from journal.schema import cases, effects, messages
from tests.flows.small_hub import small_hub
from tests.servers.private import free_port

BESIDE = ("intake", "worker")
FORMS = 120


@pytest.fixture
def city(tmp_path):
    return small_hub(tmp_path)


def stored(city, query) -> list:
    engine = open_engine(f"sqlite:///{city.folder}/var/journal.db")
    with engine.connect() as connection:
        found = list(connection.execute(query))
    engine.dispose()
    return found


async def until_delivered(city, count: int) -> None:
    async with asyncio.timeout(30):
        while stored(city, select(func.count()).where(effects.c.state == "applied")) != [(count,)]:  # noqa: ASYNC110 - the journal tells nobody
            await asyncio.sleep(0.1)


async def test_both_take_in_and_deliver_and_no_case_number_is_given_twice_or_left_out(city):
    second = free_port()
    with city.running(), city.running(*BESIDE, listen=second):
        async with httpx.AsyncClient(timeout=30) as client:
            posts = [city.post(client, number, port=second if number % 2 else 0) for number in range(FORMS)]
            assert set(await asyncio.gather(*posts)) == {202}
            again = await city.post(client, 1)  # the other process knows it as well
        await until_delivered(city, FORMS)
    assert again == 200
    refs = sorted(ref for (ref,) in stored(city, select(cases.c.ref)))
    assert [int(ref.rpartition("-")[2]) for ref in refs] == list(range(1, FORMS + 1))
    owners = {owner for (owner,) in stored(city, select(effects.c.owner))}
    assert len(owners) == 2
    assert stored(city, select(messages.c.state).distinct()) == [("done",)]


async def test_a_second_leader_is_refused_and_told_how_to_stand_beside(city):
    with city.running():
        refused = city.command("run")
    assert refused.returncode == 1
    assert "--role intake --role worker" in refused.stderr


async def test_a_leader_that_comes_back_leaves_alone_what_the_other_process_holds(city):
    second = free_port()
    with city.running() as first, city.running(*BESIDE, listen=second) as other:
        async with httpx.AsyncClient(timeout=30) as client:
            assert await city.post(client, 1, port=second) == 202
            await until_delivered(city, 1)
            first.kill()
            first.wait(10)
            held = await claim_for(city, f"/{other.pid}/")
            with city.running():
                assert stored(city, select(effects.c.handout_at)) == held
                assert await city.post(client, 2) == 202
                assert await city.post(client, 3, port=second) == 202
                await until_delivered(city, 2)


async def test_a_leader_that_comes_back_alone_buries_what_the_dead_held(city):
    second = free_port()
    with city.running() as first, city.running(*BESIDE, listen=second) as other:
        async with httpx.AsyncClient(timeout=30) as client:
            assert await city.post(client, 1, port=second) == 202
        await until_delivered(city, 1)
        first.kill()
        other.send_signal(signal.SIGKILL)
        first.wait(10)
        other.wait(10)
        await claim_for(city, f"/{other.pid}/")
        with city.running():
            await until_delivered(city, 1)


async def claim_for(city, owner: str) -> list:
    """The only effect stands claimed by this worker for a long time, as if it had been cut off there."""
    engine = open_engine(f"sqlite:///{city.folder}/var/journal.db")
    with (city.folder / "var" / "journal.db-turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        with engine.begin() as connection:
            name = connection.execute(select(effects.c.owner)).scalar_one()
            assert owner in name
            connection.execute(
                effects.update().values(state="claimed", handout_at=effects.c.created_at + 3_600_000_000)
            )
    engine.dispose()
    return stored(city, select(effects.c.handout_at))
