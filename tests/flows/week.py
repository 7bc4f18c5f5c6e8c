"""A simulated week around a real hub that is killed again and again, and its reckoning: `make week`.

    python -m tests.flows.week --days 7 --seed 7

Citizens report and ask, two field teams work off their lists, handlers answer. One in so many completions is never told, what is told
comes twice and out of order, and every target is away for four hours, each at another time. The hub's clock is scaled, everything else
is real: its processes, its journal, its broker, the lines to DOSIS, Notificaties and both planning systems. Tracker and mail relay are
those in memory, in the process of the test, so that they live on.
"""

import argparse
import asyncio
import base64
import json
import logging
import random
import re
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from sqlalchemy import Connection, Table, select
from starlette.responses import Response

from adapters.dosis.translate import status_of
from adapters.memory import MemoryMail, MemoryTracker
from canonical_model.public_status import PublicStatus
from canonical_model.status import CaseStatus
from demo.outside import citycontrol, planning
from demo.outside.digitaal_vlaanderen import TOKEN_PATH, Provider
from demo.outside.dosis import SOURCE, Dosis
from demo.outside.notifications import BRAND, Notificaties
from demo.outside.serving import serving
from journal import schema
from journal.database import open_engine
from journal.instants import moment
from settings import make_secrets
from tests.flows.far import Far
from tests.flows.killed import EMBEDDED, Lives
from tests.flows.mixed import by_source, tallies
from tests.flows.scaled import Scaled, from_next_monday
from tests.servers import rabbitmq, wiretap
from tests.servers.private import free_port
from tests.simulators.website import Website

TIMES = 1500
"""An hour goes by in 2.4 seconds."""
HOUR = timedelta(hours=1)
OUTAGE = 4 * HOUR
AGAIN = 6 * HOUR
SETTLE = HOUR
SLACK = 8 * HOUR
"""What the machine may take on top of a term: nineteen seconds, for lives of the hub that begin and end meanwhile."""
FAULTS = (2.0, 8.0)
"""Shortest and longest time between two kills in seconds."""
ONE_IN = 20
"""So many completions, of which one is never told."""
IT = "it@stad.example"
WEBHOOK = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so!").decode()
TARGETS = ("dosis", "tracker", "ploeg-wegen", "mail", "notificaties", "ploeg-groen")
GONE = {CaseStatus.ANSWERED, CaseStatus.CLOSED}
DISPATCH = """
default = "kcc"
[terms] # working days
acknowledgements_per_day = 1000
[[group]]
name = "kcc"
label = "Klantencontactcentrum"
[[group]]
name = "wegen"
label = "Wegen"
[[group]]
name = "groen"
label = "Groendienst"
[[category]]
name = "tegel"
words = ["tegel"]
[[category]]
name = "boom"
words = ["boom"]
[[rule]]
name = "tegels"
category = ["tegel"]
group = "wegen"
crew = "ploeg-wegen"
[[rule]]
name = "bomen"
category = ["boom"]
group = "groen"
crew = "ploeg-groen"
[[expect]]
what = "een antwoord"
kind = ["question"]
status = ["new"]
within = 1
"""
HUB = """
[hub]
listen = "{address}"
[broker]
url = "{broker}"
[metrics]
token = "secret:metrics_token"
[worker]
lease = 86400
[answers]
board = "dosis"
notices = "notificaties"
[reconcile]
hours = {hours}
settle = {settle}
rate = 1000
[alarm]
to = "{it}"
after = 1200
[adapters.tracker]
system = "tests.flows.far:tracker"
socket = "{folder}/tracker.socket"
[adapters.mail]
system = "tests.flows.far:mail"
socket = "{folder}/mail.socket"
[adapters.website]
system = "website"
secrets = ["secret:website_webhook"]
[adapters.dosis]
system = "dosis"
source = "{source}"
product = "1446"
[adapters.dosis.push]
base_url = "{dosis}"
poll_seconds = 0.1
result_seconds = 1
log_in = {{ token_url = "{dosis}{token}", client_id = "6776", private_key = "secret:dosis_private_key" }}
[adapters.notificaties]
system = "notifications"
base_url = "{notificaties}"
offerer = "{source}"
brand = "{brand}"
source = "{source}"
product = "1446"
log_in = {{ token_url = "{notificaties}{token}", client_id = "6776", private_key = "secret:dosis_private_key", scope = "Notificaties" }}
[adapters.ploeg-wegen]
system = "citycontrol"
url = "{roads}/OntvangAsynchroon"
questions_url = "{roads}/BeantwoordVraag"
username = "{roads_name}"
password = "secret:citycontrol"
caller = {{ username = "{our_name}", passwords = ["secret:caller"] }}
[adapters.ploeg-groen]
system = "planning"
url = "{green}/planning"
username = "{green_name}"
password = "secret:planning"
poll_seconds = 1
"""


@dataclass(kw_only=True)
class Citizen:
    """Somebody whose every word is known, so that it can be searched for where it may not be."""

    number: int

    @property
    def name(self) -> str:
        return f"Filomena{self.number} Quaghebeur{self.number}"

    @property
    def email(self) -> str:
        return f"quaghebeur.{self.number}@postvak.example"

    @property
    def insz(self) -> str:
        born = f"{60 + self.number % 39:02}0730{self.number % 997 + 1:03}"
        return f"{born}{97 - int(born) % 97:02}"

    @property
    def phone(self) -> str:
        return f"04789{self.number:05}"

    @property
    def street(self) -> str:
        return f"Schapenstraat {self.number + 1}"


@dataclass(kw_only=True)
class Story:
    """A contact and what becomes of it. Hours are counted from the beginning; `waits`: until the first and the second step."""

    number: int
    kind: str
    hour: float
    waits: tuple[float, float]
    lost: bool = False
    reordered: bool = False
    mails: bool = True
    done_at: datetime | None = None

    @property
    def citizen(self) -> Citizen:
        return Citizen(number=self.number)

    @property
    def subject(self) -> str:
        return {"tile": "Losse tegel", "tree": "Omgevallen boom"}.get(
            self.kind, "Vraag"
        ) + f" nr. {self.number:04}."

    @property
    def submission(self) -> dict[str, Any]:
        person = {"name": self.citizen.name, "insz": self.citizen.insz, "phone": self.citizen.phone}
        if self.mails:
            person["email"] = self.citizen.email
        return {
            "id": f"week-{self.number}",
            "subject": self.subject,
            "message": f"{self.subject} Ik ben {self.citizen.name}, {self.citizen.street}, en heb wratten op mijn linkervoet.",
            "kind": "report" if self.kind in ("tile", "tree") else "question",
            "language": "nl",
            "person": person,
            "location": {"address": self.citizen.street, "postcode": "3000"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A target that is away for four hours."""

    target: str
    hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What happens when, all of it known beforehand."""

    stories: tuple[Story, ...]
    outages: tuple[Outage, ...]

    @property
    def ends(self) -> float:
        return max(one.hour + sum(one.waits) for one in self.stories)


def script(days: float, dice: random.Random) -> Script:
    """Contacts at all hours, and during every outage something for whoever is away."""
    hours = days * 24
    apart = (hours - 6) / len(TARGETS)
    outages = tuple(Outage(target=name, hour=3 + apart * i) for i, name in enumerate(TARGETS))
    told: list[tuple[str, float, tuple[float, float]]] = []
    hour, kinds = 0.5, 0
    while hour < hours:
        told.append((("tile", "tree", "question")[kinds % 3], hour, (dice.uniform(1, 4), dice.uniform(1, 4))))
        hour, kinds = hour + dice.uniform(0.5, 1.5) * max(0.8, days / 7), kinds + 1
    for outage in outages:
        told += [("tile", outage.hour - 1, (1.5, 1)), ("tree", outage.hour - 1, (1.5, 1))]
        told += [
            (kind, outage.hour + after, (1, 1))
            for kind in ("tile", "tree", "question")
            for after in (0.2, 0.6, 1)
        ]
    told.append(("silent", 0.1, (0.5, 0.5)))
    told.sort(key=lambda one: one[1])
    stories = tuple(
        Story(
            number=number,
            kind=kind,
            hour=hour,
            waits=waits,
            mails=kind in ("question", "silent") or number % 2 == 0,
        )
        for number, (kind, hour, waits) in enumerate(told, 1)
    )
    tiles = [one for one in stories if one.kind == "tile"]
    dice.shuffle(tiles)
    completions = sum(one.kind in ("tile", "tree") for one in stories)
    for one in tiles[: max(2, completions // ONE_IN)]:
        one.lost = True
    for one in tiles[-max(3, completions // 6) :]:
        one.reordered = True
    return Script(stories=stories, outages=outages)


class Place:
    """A web application that can go away; whoever calls then is refused at the door."""

    def __init__(self, app: Any) -> None:
        self.app, self.port = app, free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self._open = AsyncExitStack()
        self._is_away = True

    async def come(self) -> None:
        self._is_away = False
        await self._open.enter_async_context(serving(self, self.port))

    async def leave(self) -> None:
        self._is_away = True
        await self._open.aclose()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Who still has a line from before hears that nobody is there."""
        answer = Response(status_code=503, headers={"Connection": "close"}) if self._is_away else self.app
        await answer(scope, receive, send)


@dataclass(kw_only=True)
class World:
    """Everything around the hub."""

    clock: Scaled
    folder: Path
    address: str
    dice: random.Random
    script: Script
    tracker: MemoryTracker
    mail: MemoryMail
    dosis: Dosis
    notificaties: Notificaties
    roads: citycontrol.CityControl
    green: planning.Planning
    places: dict[str, Place | Far]
    lives: Lives
    wire: "wiretap.Wiretap"
    away: set[str] = field(default_factory=set)
    absences: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    kills: int = 0
    over: bool = False
    began: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock.now()

    async def until(self, hour: float) -> None:
        await self.clock.sleep(max(timedelta(), self.began + hour * HOUR - self.clock.now()))

    async def present(self, target: str) -> None:
        while target in self.away:  # noqa: ASYNC110 - it tells nobody when it is back
            await asyncio.sleep(0.05)

    def story_of(self, case: str) -> Story:
        """What a case in the tracker is about."""
        return self.story_in(next(one.subject for one in self.tracker.cases if one.ref == case))

    def story_in(self, text: str) -> Story:
        found = re.search(r"nr\. (\d+)", text)
        assert found, "every subject has its number"
        return self.script.stories[int(found[1]) - 1]

    @property
    def orders(self) -> dict[str, Story]:
        """What is on the lists of both teams, by the number of the order."""
        written = {name: one.title + one.text for name, one in self.roads.cases.items()}
        written |= {one.name: one.title + one.text for one in self.green.orders}
        return {name: self.story_in(text) for name, text in written.items()}

    def look_up(self, query: Callable[[Connection], Any]) -> Any:
        engine = open_engine(f"sqlite:///{self.folder / 'var' / 'journal.db'}")
        try:
            with engine.connect() as connection:
                return query(connection)
        finally:
            engine.dispose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a week came to; `wrong` is empty when all is well."""

    days: float
    kills: int
    contacts: int
    lost: int
    differences: int
    longest: timedelta
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"week: {self.days:g} days, {self.kills} kills, {self.contacts} contacts, {self.lost} completions never told, "
            f"{self.differences} differences found, the longest healed after {self.longest.total_seconds() / 3600:.1f} h; "
            + ("; ".join(self.wrong) or "the balance is exact, everybody was told once")
        )


async def week(folder: Path, days: float, dice: random.Random) -> Told:
    """Play it, and reckon."""
    async with world(folder, script(days, dice), dice) as around:
        await around.lives.begin()
        await around.lives.until_ready()
        around.began = around.clock.now()
        actors = [
            asyncio.create_task(each)
            for each in (
                *(contact(around, story) for story in around.script.stories),
                *(absence(around, outage) for outage in around.script.outages),
                teams(around),
                pushing_again(around),
                handlers(around),
                bad_moods(around),
            )
        ]
        try:
            while around.clock.now() < around.began + around.script.ends * HOUR:
                await asyncio.sleep(dice.uniform(*FAULTS))
                await die_and_rise(around)
                fail_if_failed(actors)
            await at_rest(around, actors)
            metrics = await read_metrics(around)
            around.over = True
            await asyncio.gather(*actors)
            await around.lives.dismiss()
        finally:
            for one in actors:
                one.cancel()
            await asyncio.gather(*actors, return_exceptions=True)
        longest, late = healed(around)
        wrong = (*shortcomings(around), *late, *seen_where_it_may_not_be(around, metrics))
        return Told(
            days=days,
            kills=around.kills,
            contacts=len(around.script.stories),
            lost=sum(one.lost for one in around.script.stories),
            differences=len(differences(around)),
            longest=longest,
            wrong=wrong,
        )


async def die_and_rise(around: World) -> None:
    await around.lives.kill(around.dice)
    around.kills += 1
    await around.lives.begin()
    if around.dice.random() < 0.7:
        await around.lives.until_ready()


def fail_if_failed(actors: list["asyncio.Task[None]"]) -> None:
    failed = [one.exception() for one in actors if one.done() and one.exception()]
    for error in failed:
        raise AssertionError("an actor failed") from error


async def at_rest(around: World, actors: list["asyncio.Task[None]"]) -> None:
    """Return when every story is told and nothing is under way, or not for too long."""
    await around.lives.until_ready()
    end = around.clock.now() + AGAIN + SETTLE + 2 * SLACK
    while around.clock.now() < end:
        fail_if_failed(actors)
        untold = [one for one in around.tracker.cases if one.status not in GONE]
        all_there = len(around.tracker.cases) == len(around.script.stories)
        if all_there and not untold and not around.look_up(unfinished):
            break
        await asyncio.sleep(0.3)
    await around.clock.sleep(SETTLE)
    while around.look_up(unfinished) and around.clock.now() < end:  # noqa: ASYNC110 - the journal tells nobody
        await asyncio.sleep(0.2)


def unfinished(connection: Connection) -> list[tuple[str, str, str]]:
    effects = schema.effects.c
    query = select(effects.case_ref, effects.target, effects.state).where(
        effects.state.in_(("due", "claimed", "unknown"))
    )
    return [tuple(row) for row in connection.execute(query)]


async def contact(around: World, story: Story) -> None:
    """A citizen writes; the website's server tries until the hub took it."""
    await around.until(story.hour)
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        website = Website(
            client=client, address=f"http://{around.address}/in/website", secret=WEBHOOK, token=""
        )
        while not around.over:
            try:
                answer = await website.post_json(story.submission, at=around.clock.now().timestamp())
            except httpx.HTTPError:
                await asyncio.sleep(0.3)
                continue
            if answer.status_code in (429, 502, 503, 504):
                await asyncio.sleep(0.3)
                continue
            assert answer.status_code in (200, 202), answer.text
            return


async def absence(around: World, outage: Outage) -> None:
    """A target goes away, and comes back four hours later."""
    place = around.places[outage.target]
    await around.until(outage.hour)
    around.away.add(outage.target)
    began = around.clock.now()
    await place.leave()
    await around.clock.sleep(OUTAGE)
    await place.come()
    around.absences[outage.target] = began, around.clock.now()
    around.away.discard(outage.target)


async def teams(around: World) -> None:
    """The field teams work off their lists, each order for itself."""
    begun: set[str] = set()
    jobs: list[asyncio.Task[None]] = []
    while not around.over:
        for name, story in around.orders.items():
            if name not in begun:
                begun.add(name)
                job = roads_job if name in around.roads.cases else green_job
                jobs.append(asyncio.create_task(job(around, name, story)))
        fail_if_failed(jobs)
        await asyncio.sleep(0.1)
    await asyncio.gather(*jobs)


async def roads_job(around: World, name: str, story: Story) -> None:
    """It pushes every step twice; sometimes it pushes them in the wrong order, and sometimes not the last one."""
    roads, case = around.roads, around.roads.cases[name]
    await around.clock.sleep(story.waits[0] * HOUR)
    await around.present("ploeg-wegen")
    held = b""
    if story.reordered:
        case.status, case.result = citycontrol.WORDS[citycontrol.Step.PLANNED]
        case.status_at = around.clock.now().astimezone(citycontrol.BRUSSELS).strftime("%Y%m%d%H%M%S")
        held = roads.heard_of(name)
    else:
        await roads.step(
            name, citycontrol.Step.PLANNED, at=around.clock.now().astimezone(citycontrol.BRUSSELS)
        )
    await around.clock.sleep(story.waits[1] * HOUR)
    await around.present("ploeg-wegen")
    roads.lose_pushes = int(story.lost)
    story.done_at = around.clock.now()
    at = story.done_at.astimezone(citycontrol.BRUSSELS)
    await roads.step(name, citycontrol.Step.DONE, "Tegel vastgelegd", at=at)
    if held:
        await roads.push(held)


async def green_job(around: World, name: str, story: Story) -> None:
    """The planning is asked, it never calls."""
    for wait, status, remark in zip(
        story.waits, ("Gepland", "Uitgevoerd"), ("", "Boom weggehaald"), strict=True
    ):
        await around.clock.sleep(wait * HOUR)
        await around.present("ploeg-groen")
        around.green.tell(name, status, remark)
    story.done_at = around.clock.now()


async def pushing_again(around: World) -> None:
    """What the hub did not confirm is pushed again by CityControl."""
    while not around.over:
        if "ploeg-wegen" not in around.away:
            await around.roads.push_again()
        await asyncio.sleep(0.4)


async def handlers(around: World) -> None:
    """They take up questions and answer them."""
    begun: set[str] = set()
    jobs: list[asyncio.Task[None]] = []
    while not around.over:
        for case in around.tracker.cases:
            if case.ref not in begun:
                begun.add(case.ref)
                story = around.story_of(case.ref)
                if story.kind in ("question", "silent"):
                    jobs.append(asyncio.create_task(answering(around, case.ref, story)))
        fail_if_failed(jobs)
        await asyncio.sleep(0.2)
    await asyncio.gather(*jobs)


async def answering(around: World, case: Any, story: Story) -> None:
    while story.kind == "silent" and case not in around.look_up(silences):  # noqa: ASYNC110 - the journal tells nobody
        await asyncio.sleep(1)
    for wait, status in zip(story.waits, (CaseStatus.IN_PROGRESS, CaseStatus.ANSWERED), strict=True):
        await around.clock.sleep(wait * HOUR)
        await around.present("tracker")
        if status is CaseStatus.ANSWERED:
            await around.tracker.answer(case, "Dat kan aan het loket.")
        await around.tracker.set_status(case, status)
    story.done_at = around.clock.now()


def silences(connection: Connection) -> set[str]:
    """Cases of which somebody was told that nothing happened."""
    items = schema.work_items.c
    return set(connection.scalars(select(items.case_ref).where(items.name == "silence")))


async def bad_moods(around: World) -> None:
    """Now and then an answer is lost on its way, though the work was done."""
    while not around.over:
        match around.dice.randrange(4):
            case 0:
                around.roads.moods = [citycontrol.Mood.BV03_LOST]
            case 1:
                around.green.moods = [planning.Mood.ANSWER_LOST]
            case 2:
                around.dosis.weather.losing = 1
            case _:
                around.notificaties.weather.losing = 1
        await around.clock.sleep(2 * HOUR)


# What is looked at afterwards


def shortcomings(around: World) -> list[str]:
    """Everything that was lost, doubled, out of order or left to a person."""
    return [
        *unbalanced(around),
        *not_once(around),
        *board_differs(around),
        *told_otherwise(around),
        *outages_otherwise(around),
        *left_to_people(around),
        *out_of_order(around),
    ]


def unbalanced(around: World) -> Iterator[str]:
    tallied, counted = around.look_up(tallies), around.look_up(by_source)
    for source in tallied.keys() | counted.keys():
        mine, states = tallied.get(source, {}), counted.get(source, {})
        ended = {state: count for state, count in mine.items() if state != "received" and count}
        if mine.get("received", 0) != sum(ended.values()) or ended != states:
            yield f"{source}: the tally says {mine}, the messages themselves {states}"
        if set(states) - {"done", "dropped"}:
            yield f"{source}: {states}"
    if unfinished_now := around.look_up(unfinished):
        yield f"unfinished: {unfinished_now}"


def not_once(around: World) -> Iterator[str]:
    """One case per contact, one order per report, each story ended."""
    subjects = Counter(case.subject for case in around.tracker.cases)
    orders = Counter(story.number for story in around.orders.values())
    for story in around.script.stories:
        if subjects[story.subject] != 1:
            yield f"{story.subject} {subjects[story.subject]} cases"
        if orders[story.number] != (story.kind in ("tile", "tree")):
            yield f"{story.subject} {orders[story.number]} orders"
        if story.done_at is None:
            yield f"{story.subject} never ended"
    planned = Counter(one.name for one in around.green.orders)
    yield from (f"{name} made {times} times" for name, times in planned.items() if times != 1)
    yield from (
        f"{name} made {one.created} times" for name, one in around.roads.cases.items() if one.created != 1
    )
    yield from (
        f"{case.ref} ({case.subject}) is {case.status} in the tracker"
        for case in around.tracker.cases
        if case.status not in GONE
    )
    for case in around.tracker.cases:
        remarks = [
            note.text
            for note in case.notes
            if "Tegel vastgelegd" in note.text or "Boom weggehaald" in note.text
        ]
        if len(remarks) != (around.story_of(case.ref).kind in ("tile", "tree")):
            yield f"{case.ref}: {len(remarks)} notes of the work"
        keys = Counter(note.key for note in case.notes)
        yield from (f"{case.ref}: note {key} {times} times" for key, times in keys.items() if times > 1)


def board_differs(around: World) -> Iterator[str]:
    """Each dossier ends as its case does, its dates only grow, and nothing older comes after something newer."""
    for case in around.tracker.cases:
        versions = around.dosis.versions.get(case.ref, [])
        steps = [status_of(one.upload) for one in versions]
        wanted = (
            PublicStatus.EXECUTED
            if around.story_of(case.ref).kind in ("tile", "tree")
            else PublicStatus.ANSWERED
        )
        if not steps or steps[-1] != wanted:
            yield f"{case.ref}: DOSIS ends with {steps}"
        if any(one.late or one.faults for one in versions):
            yield f"{case.ref}: late or faulty at DOSIS"
        dates = [one.body["WijzigingsDatum"] for one in versions]
        if dates != sorted(set(dates)):
            yield f"{case.ref}: dates at DOSIS do not grow: {list(zip(steps, dates, strict=True))}"
        ranks = [_RANK.index(step) for step in steps]
        if ranks != sorted(set(ranks)):
            yield f"{case.ref}: {steps} at DOSIS"


_RANK = (
    PublicStatus.RECEIVED,
    PublicStatus.IN_PROGRESS,
    PublicStatus.PLANNED,
    PublicStatus.EXECUTED,
    PublicStatus.ANSWERED,
)


def told_otherwise(around: World) -> Iterator[str]:
    """Who was not told exactly once: by a notice of the work, by a letter with the answer."""
    notices = Counter(
        (keys["DossierNummer"], keys["StatusVlaamseCode"])
        for keys in map(_keys, around.notificaties.bundles.values())
    )
    letters = defaultdict(list)
    for letter in around.mail.sent:
        letters[letter.to].append(letter.message_id)
    for case in around.tracker.cases:
        story = around.story_of(case.ref)
        if story.kind in ("tile", "tree") and notices[case.ref, "Uitgevoerd"] != 1:
            yield f"{case.ref}: {notices[case.ref, 'Uitgevoerd']} notices of the work"
        got = letters.pop(story.citizen.email, [])
        if len(got) != (0 if not story.mails else 1 if story.kind in ("tile", "tree") else 2):
            yield f"{case.ref} ({story.kind}): letters {got}"
    yield from (f"notice {one} {times} times" for one, times in notices.items() if times > 1)
    ids = Counter(letter.message_id for letter in around.mail.sent)
    yield from (f"letter {one} {times} times" for one, times in ids.items() if times > 1)
    yield from (f"{address} has letters" for address in letters.keys() - {IT})


def _keys(bundle: dict[str, Any]) -> dict[str, str]:
    return {pair["Sleutel"]: pair["Waarde"] for pair in bundle["SleutelWaardeParen"]}


def outages_otherwise(around: World) -> Iterator[str]:
    """One incident and two mails per outage, and none besides."""
    found = defaultdict(list)
    for row in around.look_up(lambda connection: connection.execute(select(schema.incidents)).all()):
        found[row.system].append((moment(row.opened_at), moment(row.closed_at) if row.closed_at else None))
    for target, (began, ended) in around.absences.items():
        incidents = found.pop(target, [])
        if len(incidents) != 1:
            yield f"{target}: {len(incidents)} incidents {incidents}, away from {began} to {ended}"
            continue
        ((opened, closed),) = incidents
        if not (began <= opened <= ended and closed and ended <= closed <= ended + SLACK):
            yield f"{target}: away from {began} to {ended}, the incident was from {opened} to {closed}"
    yield from (f"{system}: {incidents}, though it was there" for system, incidents in found.items())
    mails = [letter.subject for letter in around.mail.sent if letter.to == IT]
    if len(mails) != 2 * len(around.script.outages):
        yield f"{len(mails)} mails about outages: {mails}"


def left_to_people(around: World) -> Iterator[str]:
    """Nobody had to replay; who was silent was noticed, and is no more."""
    yield from (f"parked: {row}" for row in around.look_up(lambda c: c.execute(_PARKED).all()))
    yield from (f"audited: {row}" for row in around.look_up(lambda c: c.execute(_REPLAYED).all()))
    items = around.look_up(lambda c: c.execute(select(schema.work_items)).all())
    yield from (f"left open: {one.case_ref} {one.name}: {one.what}" for one in items if one.closed_at is None)
    silent = around.look_up(silences)
    for case in around.tracker.cases:
        if around.story_of(case.ref).kind == "silent" and case.ref not in silent:
            yield f"{case.ref}: nobody noticed the silence"


_PARKED = select(schema.effects.c.key, schema.effects.c.error, schema.effects.c.reason).where(
    schema.effects.c.state == "parked"
)
_REPLAYED = select(schema.audit.c.action, schema.audit.c.subject).where(schema.audit.c.action.like("%repla%"))


def out_of_order(around: World) -> Iterator[str]:
    """Of one case, each target was told in the order in which it was decided."""
    query = (
        select(schema.effects)
        .where(schema.effects.c.state == "applied", schema.effects.c.blocking)
        .order_by(schema.effects.c.case_ref, schema.effects.c.target, schema.effects.c.seq)
    )
    before: dict[tuple[str, str], int] = {}
    for row in around.look_up(lambda connection: connection.execute(query).all()):
        if row.finished_at < before.get((row.case_ref, row.target), 0):
            yield f"{row.key}: before one that was decided earlier"
        before[row.case_ref, row.target] = row.finished_at


def healed(around: World) -> tuple[timedelta, list[str]]:
    """How long after its end the slowest of the works stood at DOSIS, and which were too late."""
    longest, late = timedelta(), []
    for case in around.tracker.cases:
        story = around.story_of(case.ref)
        shown = [
            one
            for one in around.dosis.versions.get(case.ref, [])
            if status_of(one.upload) is PublicStatus.EXECUTED
        ]
        if story.kind not in ("tile", "tree") or story.done_at is None or not shown:
            continue
        at = around.clock.at(shown[0].ready_at)
        longest = max(longest, at - story.done_at)
        if at - story.done_at > _term(around, story.done_at, at, lost=story.lost):
            late.append(f"{case.ref}: done at {story.done_at}, told at {at} (lost: {story.lost})")
    found = {one["case"] for one in differences(around)}
    unseen = [
        case.ref for case in around.tracker.cases if around.story_of(case.ref).lost and case.ref not in found
    ]
    late += [f"{case}: its completion was never told, and nobody looked" for case in unseen]
    return longest, late


def _term(around: World, done: datetime, told: datetime, *, lost: bool) -> timedelta:
    """Between two looks, and as long as whoever is needed for it was away."""
    away = sum(
        (ended - began for began, ended in around.absences.values() if began < told and ended > done),
        timedelta(),
    )
    return away + SLACK + (AGAIN + SETTLE if lost else timedelta())


def differences(around: World) -> list[dict[str, Any]]:
    lines = (around.folder / "hub.log").read_text().splitlines()
    return [json.loads(line) for line in lines if '"difference_found"' in line]


PLANTED = ("filomena", "quaghebeur", "postvak.example", "schapenstraat", "wratten", "linkervoet")


def seen_where_it_may_not_be(around: World, metrics: str) -> Iterator[str]:
    """Where administrators, monitors and brokers look, nobody is named."""
    journal = around.look_up(_in_clear)
    said = {
        "log": (around.folder / "hub.log").read_text(errors="replace"),
        "metrics": metrics,
        "broker": around.wire.said.decode(errors="replace"),
        **journal,
    }
    if "attempt_failed" not in said["log"] or "wegwijzer_" not in metrics:
        yield "there was nothing to search"
    if len(re.findall(r"[0-9a-f]{32}", said["broker"])) < len(around.script.stories):
        yield "the broker heard too little to search"
    citizens = [story.citizen for story in around.script.stories]
    numbers = [word for one in citizens for word in (one.insz, one.phone)]
    encoded = [base64.b64encode(one.email.encode()).decode().rstrip("=")[:-1].lower() for one in citizens]
    for where, text in said.items():
        lowered = text.lower()
        found = [word for word in (*PLANTED, *numbers, *encoded) if word in lowered]
        if found:
            yield f"{where} tells {found[:5]}"


def _in_clear(connection: Connection) -> dict[str, str]:
    """What the journal says to whoever may look at it without a reason to know a customer."""
    tables: tuple[Table, ...] = (
        schema.attempts, schema.incidents, schema.systems, schema.work_items, schema.messages, schema.effects, schema.timers,
        schema.checkpoints, schema.audit, schema.standings, schema.case_history, schema.cases,
    )  # fmt: skip
    return {one.name: repr(connection.execute(select(one)).all()) for one in tables}


async def read_metrics(around: World) -> str:
    token = (around.folder / "secrets" / "metrics_token").read_text().strip()
    async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
        answer = await client.get(
            f"http://{around.address}/metrics", headers={"Authorization": f"Bearer {token}"}
        )
    return answer.text


@asynccontextmanager
async def world(folder: Path, played: Script, dice: random.Random) -> AsyncIterator[World]:
    """Everything that stands around a hub, which has not begun yet."""
    provider = Provider()
    notificaties = Notificaties(provider=provider)
    dosis = Dosis(provider=provider, notifications=notificaties)
    roads, green = citycontrol.CityControl(push_times=2), planning.Planning()
    apps = {
        "dosis": dosis.app(),
        "notificaties": notificaties.app(),
        "ploeg-wegen": roads.app(),
        "ploeg-groen": green.app(),
    }
    address = f"127.0.0.1:{free_port()}"
    roads.hub = f"http://{address}/in/ploeg-wegen/soap"
    async with AsyncExitStack() as stack:
        broker = await asyncio.to_thread(stack.enter_context, rabbitmq.running())
        wire = await asyncio.to_thread(stack.enter_context, wiretap.before(urlsplit(broker).port or 5672))
        broker_url = broker.replace(f":{urlsplit(broker).port}", f":{wire.port}")
        clock = from_next_monday(TIMES)
        tracker, mail = MemoryTracker(None, clock), MemoryMail()
        places: dict[str, Place | Far] = {name: Place(app) for name, app in apps.items()}
        places |= {"tracker": Far(folder, "tracker", tracker), "mail": Far(folder, "mail", mail)}
        configure(
            folder,
            address,
            {name: one.origin for name, one in places.items() if isinstance(one, Place)},
            provider,
            broker_url,
        )
        clock.write(folder / "clock.json")
        for place in places.values():
            await place.come()
            stack.push_async_callback(place.leave)
        lives = Lives(folder, address, EMBEDDED, program="tests.flows.scaled_lives")
        stack.callback(lives.close)
        yield World(
            clock=clock, folder=folder, address=address, dice=dice, script=played, tracker=tracker, mail=mail, dosis=dosis,
            notificaties=notificaties, roads=roads, green=green, places=places, lives=lives, wire=wire,
        )  # fmt: skip


def configure(
    folder: Path, address: str, origins: dict[str, str], provider: Provider, broker_url: str
) -> None:
    make_secrets(folder / "secrets")
    for name, value in (
        ("website_webhook", WEBHOOK),
        ("dosis_private_key", provider.private_key),
        ("citycontrol", citycontrol.PASSWORD),
        ("caller", citycontrol.OUR_PASSWORD),
        ("planning", planning.PASSWORD),
    ):
        (folder / "secrets" / name).write_text(value)
    (folder / "dispatch.toml").write_text(DISPATCH)
    settings = HUB.format(
        address=address, broker=broker_url, hours=AGAIN / HOUR, settle=SETTLE / HOUR * 60,
        it=IT, folder=folder, source=SOURCE, brand=BRAND, token=TOKEN_PATH, dosis=origins["dosis"],
        notificaties=origins["notificaties"], roads=origins["ploeg-wegen"], green=origins["ploeg-groen"],
        roads_name=citycontrol.USERNAME, our_name=citycontrol.OUR_USERNAME, green_name=planning.USERNAME,
    )  # fmt: skip
    (folder / "hub.toml").write_text(settings)


def main() -> None:
    """One week; the exit code says whether all was well."""
    parser = argparse.ArgumentParser(description="A simulated week with outages, lost completions and kills.")
    parser.add_argument("--days", type=float, default=7)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    parser.add_argument("--keep", type=Path, help="folder that is left behind, to look what happened")
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # servers that hang up on purpose
    folder = wanted.keep or Path(tempfile.mkdtemp(prefix="wegwijzer-week-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        told = asyncio.run(week(folder, wanted.days, random.Random(wanted.seed)))
    finally:
        if not wanted.keep:
            shutil.rmtree(folder)
    print(told, flush=True)
    sys.exit(bool(told.wrong))


if __name__ == "__main__":
    main()
