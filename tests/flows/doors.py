"""Senders at every door of a city, each of which sends again, under the same id, until it is answered well.

What they send twice on purpose, the hub must take once; mail is the exception: each copy in a mailbox is received,
and all copies together are one case.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import httpx
import pika.exceptions

from demo.acmidm import AcmIdm
from demo.counter import Clerk
from demo.forms import Website
from demo.phone import Telephone
from demo.portals import Portals
from demo.report_app import ReportApp
from demo.scenes import GROUP_MAILBOXES, Scene
from demo.systems import ParkingSystem
from demo.writing import first_mail
from tests.adapters.phone import recordings
from tests.flows.city import City
from tests.simulators.asterisk import Asterisk
from tests.simulators.existing_system import ExistingSystem
from tests.simulators.queue_system import BRANCH, QueueSystem

T = TypeVar("T")

RUN = "mixed"
AGAIN = frozenset({429, 502, 503, 504})
PATIENCE = 120
"""Seconds within which somebody who keeps trying must be answered."""
PAUSE = (0.5, 2.5)
"""Seconds between two contacts at one door."""
CALLS = ("answered", "missed", "callback", "voicemail")
BY_LINE = (
    "beantwoord",
    "opgehangen_in_wachtrij",
    "tweede_wachtrij",
    "terugbelverzoek",
    "voicemail",
    "wachtrij_timeout",
)
"""Recordings of one call each."""
GARAGE = "garage"
"""The existing system behind RabbitMQ."""

Door = Callable[[int, random.Random], Awaitable[None]]


@dataclass(slots=True)
class Day:
    """What was sent in. `most`: contacts at each door, at most.

    `scenes` by the title of the case that they open, `calls` by origin and reference; `received`: the messages that
    the hub must count, by source or by the first part of it. `maybe`: visits whose end the queue system could not
    tell, so that the hub may have seen it or not.
    """

    most: int
    scenes: dict[str, Scene] = field(default_factory=dict)
    calls: set[tuple[str, str]] = field(default_factory=set)
    maybe: set[tuple[str, str]] = field(default_factory=set)
    received: Counter[str] = field(default_factory=Counter)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self, scene: Scene, source: str, copies: int = 1) -> Scene:
        """Put down what is about to be sent."""
        self.scenes[scene.subject] = scene
        self.received[source] += copies
        return scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Senders:
    """Everybody who turns to the city."""

    city: City
    day: Day
    website: Website
    app: ReportApp
    telephone: Telephone
    exchange: Asterisk
    clerk: Clerk
    queue: QueueSystem
    told: set[str]
    portals: Portals
    parking: ParkingSystem
    garage: ExistingSystem

    def doors(self) -> Mapping[str, Door]:
        """What happens at each door, by its name."""
        return {
            "mailbox": self.mail,
            "website": self.form,
            "phone/kcc": self.call,
            "phone/pbx": self.line,
            "counter/desk": self.registration,
            "counter/queue": self.visit,
            "mijn_burgerprofiel": partial(self.portal, "mijn_burgerprofiel", "an"),
            "eloket": partial(self.portal, "eloket", "willy"),
            "verenigingsloket": partial(self.portal, "verenigingsloket", "lotte"),
            "open311": self.report,
            "api": self.event,
            "amqp": self.message,
        }

    async def mail(self, number: int, dice: random.Random) -> None:
        """To one mailbox or to several, and some mail programs send everything twice."""
        to = tuple(dice.sample(GROUP_MAILBOXES, dice.choice((1, 1, 2))))
        scene, times = _scene(number, "mail", to=to), dice.choice((1, 1, 2))
        self.day.expect(scene, "mailbox", copies=times * len(to))
        written = first_mail(scene, RUN)  # once: a copy has the date of the first
        for _ in range(times):
            await asyncio.to_thread(self.city.send, scene.email, scene.to, written)

    async def form(self, number: int, dice: random.Random) -> None:
        """In one of the four shapes."""
        door = dice.choice(("json", "form", "drupal", "open-formulieren"))
        scene = self.day.expect(_scene(number, door, times=dice.choice((1, 2))), "website")
        assert len(await self.website.post(scene)) == 1

    async def call(self, number: int, dice: random.Random) -> None:
        """By webhook; every event is posted twice."""
        kind = CALLS[number % len(CALLS)]
        scene = _scene(number, "phone", call=kind, number=f"0470 12 {number:04}", topic=f"onderwerp {number}")
        self.day.calls.add(("phone/kcc", f"{scene.name}-{RUN}"))
        self.day.received["phone/kcc"] += 1
        await self.telephone.call(scene)

    async def line(self, number: int, dice: random.Random) -> None:
        """By AMI to who listens now, and in the exchange's records."""
        scenario = BY_LINE[number % len(BY_LINE)]
        packets, records = recordings.at(datetime.now(UTC), scenario, f"pbx{number}")
        (call,) = recordings.ids(scenario)
        self.day.calls.add(("phone/pbx", f"pbx{number}.{call.rpartition('.')[2]}"))
        self.day.received["phone/pbx"] += 1
        half = dice.randrange(len(packets))
        await self.exchange.play(packets[:half])
        await asyncio.sleep(dice.uniform(0.05, 0.5))
        await self.exchange.play(packets[half:])
        self.exchange.write_record(*records)

    async def registration(self, number: int, dice: random.Random) -> None:
        """By a clerk, who may click twice."""
        scene = _scene(number, "counter", product="5678", times=dice.choice((1, 2)))
        self.day.expect(scene, "counter/desk")
        assert len(await self.clerk.register(scene)) == 1

    async def visit(self, number: int, dice: random.Random) -> None:
        """Told once, to who can be reached: what nobody heard, nobody can know."""
        visit = await self.queue.arrive(f"A{number}")
        await asyncio.sleep(dice.uniform(0.1, 0.5))
        await self.queue.call(visit)
        await asyncio.sleep(dice.uniform(0.1, 0.5))
        await self.queue.end(visit)
        one = ("counter/queue", f"{BRANCH}/{visit}")
        if visit in self.told:
            self.day.calls.add(one)
        else:
            self.day.maybe.add(one)

    async def portal(self, door: str, persona: str, number: int, dice: random.Random) -> None:
        """As the portal posts it, with a token that tells for whom."""
        scene = _scene(number, door, persona=persona, category="sluikstort", times=dice.choice((1, 2)))
        self.day.expect(scene, door)
        assert len(await until_answered(lambda: self.portals.post(scene))) == 1

    async def report(self, number: int, dice: random.Random) -> None:
        """A street report, by daemons that may run twice."""
        scene = _scene(number, "open311", service="lamp", at=(50.8865, 4.7290), times=dice.choice((1, 2)))
        self.day.expect(scene, "open311")
        assert len(await self.app.send(scene)) == 1

    async def event(self, number: int, dice: random.Random) -> None:
        """A CloudEvent."""
        scene = self.day.expect(_scene(number, "system", times=dice.choice((1, 2))), "api")
        assert len(await until_answered(lambda: self.parking.submit(scene))) == 1

    async def message(self, number: int, dice: random.Random) -> None:
        """Through RabbitMQ, until it confirms."""
        scene = self.day.expect(_scene(number, "amqp"), "amqp")
        told = {
            "subject": scene.subject,
            "message": scene.text,
            "person": {"name": scene.person, "email": scene.email},
        }
        for _ in range(dice.choice((1, 2))):
            await self._published(json.dumps(told).encode(), f"{scene.name}-{RUN}")

    async def _published(self, body: bytes, id_: str) -> None:
        """Also before the hub, in its first life, has declared its exchange."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await asyncio.to_thread(self.garage.submit, body, message_id=id_)
                except pika.exceptions.AMQPError:
                    await asyncio.sleep(0.2)

    async def close(self) -> None:
        """Let go of the connections."""
        for sender in (self.website, self.app, self.telephone, self.clerk, self.portals, self.parking):
            await sender.close()


async def at_door(door: Door, day: Day, dice: random.Random) -> None:
    """One contact after the other until the day is over."""
    for number in range(1, day.most):
        if day.over.is_set():
            return
        await door(number, dice)
        await asyncio.sleep(dice.uniform(*PAUSE))


async def until_answered(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, asked for again as long as nobody is there or the hub says that it cannot now."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await ask()
            except httpx.TransportError:
                pass  # nobody is there: once more
            except httpx.HTTPStatusError as refused:
                if refused.response.status_code not in AGAIN:
                    raise
            await asyncio.sleep(0.1)


def senders_in(city: City, day: Day, provider: AcmIdm, exchange: Asterisk, **others: object) -> Senders:
    """Everybody, not yet busy."""
    hub = f"http://{city.address}"
    return Senders(
        city=city,
        day=day,
        website=Website(city.doors, city.tokens, RUN, pause=0.1),
        app=ReportApp(f"{hub}/in/open311/v2/", city.tokens.report_app, RUN, pause=0.1),
        telephone=Telephone(f"{hub}/in/phone", city.tokens, RUN, pause=0.1),
        exchange=exchange,
        portals=Portals(hub, provider, RUN),
        **others,
    )


def _scene(number: int, door: str, /, **fields: object) -> Scene:
    name = f"{door.replace('_', '-')}{number}"
    return Scene(
        name=name,
        time="08:00",
        door=door,
        sender=f"Burger <{name}@postvak.example>",
        subject=f"Melding {name}",
        text=f"Er ligt zwerfvuil aan huisnummer {number}, gemeld via {door}.",
        **fields,
    )
