"""A day of mixed traffic at every door of a real hub that is killed again and again, and its reckoning."""

import asyncio
import json
import random
import secrets
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Connection, func, select

from demo.acmidm import AcmIdm, Registered
from demo.acmidm import running as running_provider
from demo.city_hall import EXAMPLE_PROVIDER, keep_secret
from demo.counter import Clerk, Login
from demo.handlers import CONTACT_CENTRE, Handler, TrackerCase
from demo.systems import SYSTEM, ParkingSystem
from journal.schema import cases, messages, tally
from ports.clock import SystemClock
from tests.flows.city import PASSWORD, City, running_city
from tests.flows.crew import QUICK
from tests.flows.doors import GARAGE, RUN, Day, Senders, at_door, senders_in
from tests.flows.traffic import all_cases, come_to_rest
from tests.flows.zygote import Zygote, zygote
from tests.servers import rabbitmq
from tests.servers.hosted import Host, hosted
from tests.simulators.asterisk import Asterisk
from tests.simulators.existing_system import ExistingSystem
from tests.simulators.queue_system import QueueSystem

CLERK = "loket"
TERMS = "[terms] # working days\n"
GENEROUS = f"{TERMS}acknowledgements_per_day = 1000\n"
"""Three people use the portals all day; by default only five cases of one customer are acknowledged a day."""
STATES = ("done", "waiting", "parked", "quarantined", "dropped")
FAULTS = (0.0, 1.5)
"""Shortest and longest time to the next kill in seconds, from the beginning of a life or from when it is ready."""
READY = 0.7
"""The share of lives that may get ready first."""
ARRIVALS = 120.0
"""Seconds within which everything must have its case after the last kill."""
PHONE = {
    'seal = "secret:phone_seal"\n': 'seal = "secret:phone_seal"\nsettle_seconds = 0.3\nrecord_seconds = 3\n',
}
MORE_DOORS = """
[adapters.phone.systems.pbx.asterisk]
host = "127.0.0.1"
port = {asterisk}
username = "hub"
secret = "secret:phone_ami"
timeout = 3
records = "{records}"
first_look_back = true
time_zone = "UTC"
inbound_contexts = ["inkomend"]

[adapters.phone.systems.pbx.lines]
"016272001" = "callback"
"016272004" = "voicemail"

[adapters.counter.queue]
token = "secret:queue_token"
allowed = ["127.0.0.1/32"]
url = "{queue}"
callback_url = "http://{hub}/in/counter"
username = "hub"
password = "secret:queue_password"
registration_minutes = 0.05
refresh_seconds = 1

[adapters.counter.queue.branches]
1 = "Stadhuis"

[adapters.counter.queue.services]
12 = "5678"

[adapters.amqp]
system = "amqp"
host = "{broker.hostname}"
port = {broker.port}
tls = false
vhost = "/"
user = "{broker.username}"
password = "secret:amqp_password"
prefix = "{prefix}"
patience = 2

[adapters.amqp.systems.garage]
user = "{broker.username}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a day came to; `wrong` is empty when all is well."""

    kills: int
    seconds: float
    rest: float
    received: Mapping[str, int]
    wrong: Sequence[str]

    def __str__(self) -> str:
        doors = ", ".join(f"{count} {door}" for door, count in sorted(self.received.items()))
        return (
            f"mixed: {self.kills} kills in {self.seconds:.0f} s, received {doors}; at rest {self.rest:.0f} s after "
            "the last kill; " + ("; ".join(self.wrong) or "the balance is exact, one case per contact")
        )


async def mixed(folder: Path, kills: int, dice: random.Random) -> Told:
    """The embedded hub with every door open: it dies and rises again and again."""
    day = Day(most=max(10, kills))
    async with AsyncExitStack() as open_things:
        broker = await asyncio.to_thread(open_things.enter_context, rabbitmq.running())
        city = await asyncio.to_thread(open_things.enter_context, running_city(folder, {**QUICK, **PHONE}))
        senders = await open_things.enter_async_context(everybody(city, day, broker))
        lives = open_things.enter_context(zygote(city))
        async with living(city, lives):  # a calm beginning: one contact at each door, the clerk logs in
            await asyncio.gather(*[door(0, dice) for door in senders.doors().values()])
        began = time.monotonic()
        at_doors = [
            asyncio.create_task(at_door(door, day, random.Random(dice.random())))
            for door in senders.doors().values()
        ]
        try:
            await die_and_rise(city, lives, kills, dice, at_doors)
            seconds, rested = time.monotonic() - began, time.monotonic()
            async with living(city, lives):
                day.over.set()
                await asyncio.gather(*at_doors)
                await everything_arrived(city, day)
                await come_to_rest(city)
                rest = time.monotonic() - rested
                wrong = await shortcomings(senders)
        finally:
            for task in at_doors:
                task.cancel()
            await asyncio.gather(*at_doors, return_exceptions=True)
        received = await asyncio.to_thread(city.look_up, by_source)
    return Told(
        kills=kills,
        seconds=seconds,
        rest=rest,
        received={source: sum(states.values()) for source, states in received.items()},
        wrong=wrong,
    )


async def die_and_rise(
    city: City, lives: Zygote, kills: int, dice: random.Random, at_doors: Sequence["asyncio.Task[None]"]
) -> None:
    """One life after the other, each ended by SIGKILL while it begins or works."""
    for _ in range(kills):
        pid = await asyncio.to_thread(lives.begin)
        try:
            if dice.random() < READY:
                await asyncio.to_thread(city.wait_until_ready)
            await asyncio.sleep(dice.uniform(*FAULTS))
        finally:
            code = await asyncio.to_thread(lives.end, pid)
        assert code == -signal.SIGKILL, city.log()
        failed = [task.exception() for task in at_doors if task.done() and task.exception()]
        assert not failed, failed


@asynccontextmanager
async def living(city: City, lives: Zygote) -> AsyncIterator[None]:
    """A life that nobody disturbs; it must end well when it is asked to."""
    pid = await asyncio.to_thread(lives.begin)
    try:
        await asyncio.to_thread(city.wait_until_ready)
        yield
    except BaseException:
        await asyncio.to_thread(lives.end, pid)
        raise
    assert await asyncio.to_thread(lives.end, pid, signal.SIGTERM) == 0, city.log()


@asynccontextmanager
async def everybody(city: City, day: Day, broker: str) -> AsyncIterator[Senders]:
    """The systems around every door, made known to the hub, and who uses them."""
    host, told, server = hosted(), set[str](), urlsplit(broker)
    prefix = f"mixed-{secrets.token_hex(4)}"
    async with (
        running_provider(AcmIdm) as provider,
        Asterisk(records=city.folder / "Master.csv") as exchange,
        httpx.AsyncClient(trust_env=False, timeout=10, event_hooks={"response": [_noted(told)]}) as deliver,
    ):
        (city.folder / "Master.csv").touch()
        queue = QueueSystem(clock=SystemClock(), deliver=deliver)
        host.app = queue.app()
        provider.clients["leuven"] = Registered(id="leuven", secret=city.tokens.portal)
        _open_doors(city, provider, exchange, host, server, prefix)
        senders = senders_in(
            city,
            day,
            provider,
            exchange,
            clerk=await asyncio.to_thread(_clerk, city),
            queue=queue,
            told=told,
            parking=await asyncio.to_thread(_parking, city),
            garage=ExistingSystem(name=GARAGE, url=f"amqp://{server.netloc}/%2F", prefix=prefix),
        )
        try:
            yield senders
        finally:
            await senders.close()


async def everything_arrived(city: City, day: Day) -> None:
    """Return when there is a case for every contact, or not for too long."""
    end = time.monotonic() + ARRIVALS
    while time.monotonic() < end:
        origins = await asyncio.to_thread(city.look_up, cases_by_origin)
        if day.calls <= origins.keys() and origins.total() >= len(day.calls) + len(day.scenes):
            return
        await asyncio.sleep(0.5)


async def shortcomings(senders: Senders) -> list[str]:
    """Everything that was lost or doubled, by the journal, the tracker, the citizens and the system behind RabbitMQ."""
    city, day = senders.city, senders.day
    origins = await asyncio.to_thread(city.look_up, cases_by_origin)
    async with Handler(city.tracker, CONTACT_CENTRE) as kcc:
        in_tracker = await all_cases(kcc)
    return [
        *unbalanced(city, day, origins),
        *not_once(day, origins, in_tracker),
        *await asyncio.to_thread(acknowledged_otherwise, city, day),
        *await asyncio.to_thread(told_otherwise, senders),
    ]


def unbalanced(city: City, day: Day, origins: Mapping[tuple[str, str], int]) -> list[str]:
    """Sources whose tally, messages and senders do not agree, and everything that is not done."""
    tallied, counted = city.look_up(tallies), city.look_up(by_source)
    wrong: list[str] = []
    for source in tallied.keys() | counted.keys():
        mine, states = tallied.get(source, {}), counted.get(source, {})
        ended = {state: mine.get(state, 0) for state in STATES if mine.get(state, 0)}
        if mine.get("received", 0) != sum(ended.values()) or ended != states:
            wrong.append(f"{source}: the tally says {dict(mine)}, the messages themselves {dict(states)}")
        if set(states) - {"done", "dropped"}:
            wrong.append(f"{source}: {dict(states)}")
    reminders = [one for one in origins if one[0] == "counter/queue"]
    for door, sent in {**day.received, "counter/queue": len(reminders)}.items():
        found = sum(
            sum(states.values())
            for source, states in counted.items()
            if source == door or source.startswith(f"{door}/")
        )
        if found != sent:
            wrong.append(f"{door}: {sent} sent, {found} received")
    return wrong


def not_once(
    day: Day, origins: Mapping[tuple[str, str], int], in_tracker: Sequence[TrackerCase]
) -> list[str]:
    """Contacts without exactly one case, in the journal or in the tracker, and cases that nobody asked for."""
    titles = Counter(case.title for case in in_tracker)
    refs = Counter(case.ref for case in in_tracker)
    calls = {one: count for one, count in origins.items() if one[0].startswith(("phone/", "counter/queue"))}
    wrong = [f"{title}: {titles[title]} cases" for title in day.scenes if titles[title] != 1]
    wrong += [f"{one}: {calls.get(one, 0)} cases" for one in day.calls if calls.get(one) != 1]
    wrong += [f"{one}: nobody sent it" for one in calls.keys() - day.calls - day.maybe]
    wrong += [f"{ref}: {times} times in the tracker" for ref, times in refs.items() if times != 1]
    asked_for = len(day.scenes) + len(calls)
    if not asked_for == sum(origins.values()) == len(in_tracker):
        wrong.append(f"{asked_for} contacts, {sum(origins.values())} cases, {len(in_tracker)} in the tracker")
    return wrong


def acknowledged_otherwise(city: City, day: Day) -> list[str]:
    """Citizens who did not hear exactly once that their contact arrived."""
    letters = city.all_letters()
    wrong = [
        f"{scene.subject}: {len(letters.get(scene.email, ()))} acknowledgements"
        for scene in day.scenes.values()
        if [letter.automatic for letter in letters.get(scene.email, ())] != [True]
    ]
    asked = {scene.email for scene in day.scenes.values()}
    return wrong + [f"{address} asked for nothing" for address in letters.keys() - asked]


def told_otherwise(senders: Senders) -> list[str]:
    """What the system behind RabbitMQ did not hear exactly once; a repeated message has the id of the first."""
    told = {properties.message_id: body for properties, body in senders.garage.read()}
    about = Counter(json.loads(body)["data"]["about"]["id"] for body in told.values())
    sent = {f"{scene.name}-{RUN}" for scene in senders.day.scenes.values() if scene.door == "amqp"}
    wrong = [f"{id_}: told {about[id_]} times" for id_ in sent | about.keys() if about[id_] != (id_ in sent)]
    return wrong + [f"refused: {len(refused)}" for refused in [senders.garage.read("refused")] if refused]


def cases_by_origin(connection: Connection) -> Counter[tuple[str, str]]:
    """How many cases each source and reference opened."""
    return Counter(
        (origin, ref) for origin, ref in connection.execute(select(cases.c.origin, cases.c.origin_ref))
    )


def tallies(connection: Connection) -> dict[str, dict[str, int]]:
    """The tally by source and state."""
    return _by_source(connection, select(tally.c.source, tally.c.state, func.sum(tally.c.count)), tally)


def by_source(connection: Connection) -> dict[str, dict[str, int]]:
    """The messages themselves by source and state."""
    return _by_source(connection, select(messages.c.source, messages.c.state, func.count()), messages)


def _by_source(connection, query, table) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for source, state, count in connection.execute(query.group_by(table.c.source, table.c.state)):
        if count:
            found.setdefault(source, {})[state] = int(count)
    return found


def _noted(told: set[str]):
    """Put down the visits whose end the hub has answered for."""

    async def note(response: httpx.Response) -> None:
        event = json.loads(response.request.content)
        if response.is_success and event["eventName"] == "VISIT_END":
            told.add(str(event["parameters"]["visitId"]))

    return note


def _open_doors(city: City, provider: AcmIdm, exchange: Asterisk, host: Host, broker, prefix: str) -> None:
    for name, value in (
        ("phone_ami", exchange.secret),
        ("queue_token", secrets.token_hex(16)),
        ("queue_password", "geheim"),
        ("amqp_password", broker.password),
    ):
        keep_secret(city.folder, name, value)
    more = MORE_DOORS.format(
        asterisk=exchange.port,
        records=exchange.records,
        queue=host.address,
        hub=city.address,
        broker=broker,
        prefix=prefix,
    )
    table = city.folder / "dispatch.toml"
    assert TERMS in table.read_text()
    table.write_text(table.read_text().replace(TERMS, GENEROUS))
    example = city.hub_toml.read_text()
    city.hub_toml.write_text(example.replace(EXAMPLE_PROVIDER, provider.issuer) + more)


def _clerk(city: City) -> Clerk:
    city.command("user", "add", CLERK, "--role", "kcc_dispatcher", "--password-stdin", typed=f"{PASSWORD}\n")
    hub = f"http://{city.address}"
    return Clerk(hub, hub, Login(name=CLERK, password=PASSWORD), pause=0.1)


def _parking(city: City) -> ParkingSystem:
    made = json.loads(city.command("credential", "add", SYSTEM, "--scope", "send", "--days", "1", "--json"))
    return ParkingSystem(city.address, made["token"], RUN)
