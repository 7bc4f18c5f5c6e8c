"""Clerks and a queue system at a real hub that is killed again and again: every visit is one case, or none, as it should be.

As one process, and with doors, listeners and workers apart.
"""

import asyncio
import json
import random
import uuid
from contextlib import asynccontextmanager

import httpx
import pytest

from console.access import Role
from console.accounts import Accounts
from demo.city_hall import city_file, keep_secret, without_crews
from demo.counter import Clerk, Login
from demo.outside.serving import serving
from hub import open_journal
from journal.database import open_engine
from journal.migrate import migrate
from journal.schema import cases, checkpoints, messages
from ports.clock import SystemClock
from settings import load, make_secrets
from tests.adapters.counter.conftest import TOKEN
from tests.flows.killed import APART, EMBEDDED, Lives, rows
from tests.servers.private import free_port
from tests.simulators.queue_system import QueueSystem

KILLS = 5
VISITS = 12
LOGIN = Login(name="els", password="een lang wachtwoord voor het loket")
HUB_TOML = """
[hub]
listen = "{address}"

[journal]
url = "{journal}"

[adapters.tracker]
system = "memory"

[adapters.counter]
system = "counter"
products = {{ "1234" = {{ name = "Rijbewijs", kind = "question" }} }}

[adapters.counter.queue]
token = "secret:queue_token"
allowed = ["127.0.0.0/8"]
url = "{queue}"
callback_url = "http://{address}/in/counter"
username = "hub"
password = "geheim"
branches = {{ "1" = "Stadhuis" }}
services = {{ "12" = "1234" }}
registration_minutes = 0
refresh_seconds = 0.3
"""


@pytest.fixture(params=["one process", "apart"])
def crew(request):
    return {"one process": EMBEDDED, "apart": APART}[request.param]


@pytest.fixture
def journal(tmp_path, crew, request):
    """Where the journal is."""
    apart = crew is APART
    return request.getfixturevalue("postgres_url") if apart else f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
async def queue():
    """A queue system whose callbacks are lost whenever no hub answers."""
    async with httpx.AsyncClient(trust_env=False, timeout=5) as deliver:
        system = QueueSystem(clock=SystemClock(), deliver=deliver)
        async with serving(system.app()) as where:
            yield system, where


@pytest.fixture
async def address(tmp_path, queue, journal):
    address = f"127.0.0.1:{free_port()}"
    make_secrets(tmp_path / "secrets")
    keep_secret(tmp_path, "queue_token", TOKEN)
    (tmp_path / "dispatch.toml").write_text(without_crews(city_file("dispatch.toml")))
    (tmp_path / "hub.toml").write_text(HUB_TOML.format(address=address, journal=journal, queue=queue[1]))
    engine = open_engine(journal)
    migrate(engine)
    engine.dispose()
    async with opened(tmp_path) as store:
        accounts = Accounts(store.database, store.clock)
        await accounts.add(LOGIN.name, LOGIN.password, [Role.KCC_DISPATCHER])
    return address


@asynccontextmanager
async def opened(folder):
    store = open_journal(load(folder / "hub.toml"), shard="test")
    await store.start()
    yield store
    await store.close()


@pytest.fixture
def lives(tmp_path, address, crew):
    lives = Lives(tmp_path, address, crew)
    yield lives
    lives.close()


async def test_every_visit_is_one_case_or_none_however_often_the_hub_dies(
    tmp_path, address, journal, queue, lives
):
    dice = random.Random(7)
    await lives.begin()
    await lives.until_ready()
    clerk = TicketClerk(f"http://{address}", f"http://{address}", LOGIN, pause=0.1)
    await clerk.begin()
    day = asyncio.gather(
        *(visit(number, queue[0], clerk, journal, random.Random(number)) for number in range(VISITS))
    )
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.3, 1.5))
        await lives.kill(dice)
        await lives.begin()
    expected = set(await day)
    found = await come_to_rest(journal, expected)
    await lives.dismiss()
    await clerk.close()

    assert found == expected, (tmp_path / "hub.log").read_text()[-3000:]
    assert len(rows(journal, cases.c.ref)) == len(expected)
    assert len(found) == VISITS
    assert not rows(journal, checkpoints.c.name, where=[checkpoints.c.name.like("letters/%")])


class TicketClerk(Clerk):
    """Registers a ticket, again and again until there is a receipt."""

    async def begin(self):
        self._csrf = await self._log_in()

    async def register_ticket(self, ticket):
        form = {
            "csrf": self._csrf,
            "id": str(uuid.uuid4()),
            "product": "Rijbewijs (1234)",
            "subject": "Rijbewijs verlengen",
            "text": f"Ticket {ticket}",
            "language": "nl",
            "ticket": ticket,
        }
        await self._until_receipt(form)
        return form["id"]


async def visit(number, queue, clerk, journal, dice):
    """One visitor; every other one is registered. What must be found.

    They wait until the hub has seen them wait, and stay until it has seen them called: what nobody could read back
    is known to nobody.
    """
    await asyncio.sleep(dice.uniform(0, 4))
    id_ = await queue.arrive(f"A{number:03}")
    await until_seen(journal, id_, "created")
    await queue.call(id_)
    registered = await clerk.register_ticket(f"A{number:03}") if number % 2 else ""
    await until_seen(journal, id_, "called")
    await queue.end(id_)
    return ("counter/desk", registered) if registered else ("counter/queue", f"1/{id_}")


async def until_seen(journal, visit, stage):
    """Return when the hub knows this of the visit."""
    while stage not in stages(journal, visit):  # noqa: ASYNC110 - the hub is another process
        await asyncio.sleep(0.3)


def stages(journal, visit):
    room = rows(journal, checkpoints.c.value, where=[checkpoints.c.name == "visits/counter"])
    seen = [one for (value,) in room for one in json.loads(value)["seen"].get(f"1/{visit}", ())]
    return {one["stage"] for one in seen}


async def come_to_rest(journal, expected):
    """The messages by source and reference, once all visits are settled or nothing moves any more."""
    found = set()
    for _ in range(150):
        found = set(
            rows(
                journal,
                messages.c.source,
                messages.c.source_ref,
                where=[messages.c.case_ref.is_not(None), messages.c.source.like("counter/%")],
            )
        )
        kept = rows(journal, checkpoints.c.value, where=[checkpoints.c.name == "visits/counter"])
        if found >= expected and not any('"seen":{"' in value for (value,) in kept):
            break
        await asyncio.sleep(0.2)
    return found
