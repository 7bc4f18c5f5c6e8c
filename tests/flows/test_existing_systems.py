"""A hub and an existing system, with a RabbitMQ between them that is killed, frozen and restarted under traffic."""

import asyncio
import json
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pika.exceptions
import pytest
from sqlalchemy import func, select

from demo.city_hall import city_file, without_crews
from hub import Hub
from journal.schema import cases, effects, incidents, messages
from settings import load, make_secrets
from tests.broker.server import breakable
from tests.servers.private import free_port
from tests.simulators.existing_system import ExistingSystem

MANY = 80
PASSWORD = "een-goed-wachtwoord"
CONFIGURATION = """
[hub]
listen = "127.0.0.1:{listen}"
[worker]
lease = 12
[targets."amqp/parking"]
patience = 4
[targets.tracker]
patience = 4
[adapters.tracker]
system = "memory"
[adapters.amqp]
system = "amqp"
host = "127.0.0.1"
port = {port}
tls = false
vhost = "/"
user = "guest"
password = "guest"
patience = 2
heartbeat = 2
[adapters.amqp.systems.parking]
user = "parking"
"""


@pytest.fixture(scope="module")
def rabbit():
    with breakable() as server:
        server.ctl("add_user", "parking", PASSWORD)
        server.ctl(
            *("set_permissions", "parking", "^$", r"^wegwijzer\.in\.parking$"),
            r"^wegwijzer\.(out|refused)\.parking$",
        )
        yield server


@pytest.fixture
def parking(rabbit):
    return ExistingSystem(
        name="parking", url=f"amqp://parking:{PASSWORD}@127.0.0.1:{rabbit.port}/%2F", prefix="wegwijzer"
    )


@asynccontextmanager
async def running_hub(folder, rabbit):
    (folder / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")))
    (folder / "hub.toml").write_text(CONFIGURATION.format(port=rabbit.port, listen=free_port()))
    make_secrets(folder / "secrets")
    hub = Hub(load(folder / "hub.toml"))
    await hub.start()
    try:
        yield hub
    finally:
        await hub.close()


class Traffic:
    """A system that publishes its messages one by one, and again until the broker confirmed each."""

    def __init__(self, system, count):
        self._system, self._count = system, count
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.tries = 0

    def _run(self):
        for number in range(self._count):
            while not self._published(number):
                time.sleep(0.2)
            time.sleep(0.02)

    def _published(self, number):
        body = json.dumps({"subject": f"melding {number}", "message": "x", "kind": "report"}).encode()
        self.tries += 1
        try:
            self._system.submit(body, message_id=f"m-{number}")
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True


async def test_nothing_is_lost_or_doubled_while_rabbitmq_dies_freezes_and_comes_back(
    tmp_path, rabbit, parking
):
    async with running_hub(tmp_path, rabbit) as hub:
        await until(lambda: asyncio.to_thread(exists, parking), "the hub declared its queues")
        traffic = Traffic(parking, MANY)
        await asyncio.sleep(
            4
        )  # RabbitMQ 3.10 may never find a leader again for a queue made just before a crash
        traffic.thread.start()
        await asyncio.sleep(0.7)
        await asyncio.to_thread(rabbit.kill)
        await until(lambda: is_an_incident(hub), "the outage is an incident")
        await asyncio.to_thread(rabbit.start)
        await asyncio.sleep(1.0)
        await asyncio.to_thread(rabbit.freeze)
        await asyncio.sleep(3.0)
        await asyncio.to_thread(rabbit.thaw)
        await asyncio.to_thread(traffic.thread.join)
        await until(lambda: at_rest(hub), "every message has its case and its news", seconds=90)

        contacts = (
            select(messages.c.state, func.count())
            .where(messages.c.source == "amqp/parking")
            .group_by(messages.c.state)
        )
        assert await rows(hub, contacts) == [("done", MANY)]
        opened = await rows(hub, select(func.count()).select_from(cases))
        assert opened == [(MANY,)]
        assert await is_an_incident(hub)
        failures = {state.name: state.failures for state in await hub.journal.system_states()}
        assert failures["amqp/parking"] == 0, "all its news was told"
        await until(lambda: is_over(hub), "the outage ends with the way that opens last")
    told = await asyncio.to_thread(parking.read)
    accepted = Counter(json.loads(body)["data"]["about"]["id"] for _, body in told)
    assert accepted.keys() == {f"m-{number}" for number in range(MANY)}
    assert len({properties.message_id for properties, _ in told}) == MANY


async def test_what_comes_in_says_nothing_of_what_goes_out_and_both_are_one_system(tmp_path):
    async with running_hub(tmp_path, SimpleNamespace(port=free_port())) as hub:
        known = {state.name for state in await hub.journal.system_states()}
        (listener,) = [one for one in hub.listeners if one.source.name == "amqp/parking"]
        assert {"amqp/parking", listener.system} <= known
        assert listener.system == "amqp/parking/in"
        await until(lambda: is_an_incident(hub), "who can't be listened to is away")


async def is_an_incident(hub):
    """Whether the hub told that the system behind the broker is away."""
    told = select(func.count()).where(incidents.c.system == "amqp/parking")
    return await rows(hub, told) != [(0,)]


def exists(system):
    try:
        with system.channel() as channel:
            channel.basic_get("wegwijzer.out.parking")
    except pika.exceptions.AMQPError:
        return False
    return True


async def is_over(hub):
    """Whether no outage is open any more."""
    open_ones = select(func.count()).select_from(incidents).where(incidents.c.closed_at.is_(None))
    return await rows(hub, open_ones) == [(0,)]


async def at_rest(hub):
    query = select(func.count()).where(effects.c.action == "tell_system", effects.c.state == "applied")
    return await rows(hub, query) == [(MANY,)]


async def rows(hub, query):
    found = await hub.journal.database.read(lambda connection: connection.execute(query).all())
    return [tuple(row) for row in found]


async def until(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.2)
