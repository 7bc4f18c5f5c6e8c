"""Everything that stands around the hub in a simulated week, and the hub's configuration."""

import asyncio
import base64
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection

from demo.city_hall import city_file
from demo.field_planning import FieldPlanning
from demo.mail import PostOffice, open_post_office
from demo.outside import citycontrol, planning
from demo.outside.digitaal_vlaanderen import TOKEN_PATH, Provider
from demo.outside.dosis import SOURCE, Dosis
from demo.outside.ipdc import KEY as CATALOGUE_KEY
from demo.outside.ipdc import Ipdc
from demo.outside.magda import Magda, Papers, make_papers
from demo.outside.notifications import BRAND, Notificaties
from demo.outside.serving import Tls
from demo.post_office import Settings as PostOfficeSettings
from demo.task_app import TaskApp
from journal.database import open_engine
from settings import make_secrets
from tests.flows import field_teams
from tests.flows.far import Far
from tests.flows.killed import EMBEDDED, Lives
from tests.flows.scaled import Wound, winding
from tests.flows.week.queues import Queues
from tests.flows.week.script import ADDRESSES, GARAGE, HOUR, KASSA, PEOPLE, TEAMS, Outage, Script, Story
from tests.flows.week.systems import CalendarLine, Gate, Place, Till, Tracker
from tests.servers import rabbitmq, radicale, wiretap
from tests.servers.private import free_port
from tests.simulators import basisregisters
from tests.simulators.existing_system import ExistingSystem

TIMES = 1500
"""An hour goes by in 2.4 seconds while the machine keeps up."""
AGAIN = 6 * HOUR
SETTLE = HOUR
SLACK = 8 * HOUR
"""What the machine may take on top of a term: nineteen seconds, for lives of the hub that begin and end meanwhile."""
IT = "it@stad.example"
WEBHOOK = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, or so!").decode()
MAIL_PASSWORD = "een-wachtwoord-van-de-post"
EXPECT = """
[terms] # working days
acknowledgements_per_day = 1000
[[expect]]
what = "een antwoord"
kind = ["question"]
status = ["new"]
within = 1
"""
HUB = """
[hub]
listen = "{address}"
mail_domain = "hub.stad.example"
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
[adapters.post]
system = "mailbox"
imap_host = "127.0.0.1"
imap_port = {imap}
imap_tls = "none"
smtp_host = "127.0.0.1"
smtp_port = {smtp}
smtp_tls = "none"
sender = {{ address = "meldingen@stad.example", name = "Stad" }}
sent_mailbox = {{ address = "verzonden@stad.example", password = "secret:post" }}
sent_patience = 0
[adapters.website]
system = "website"
secrets = ["secret:website_webhook"]
[api.systems.kassa]
title = "Kassa's"
webhook = "{kassa}/hook"
webhook_secrets = ["secret:website_webhook"]
[adapters.catalogus]
system = "ipdc"
url = "{catalogue}"
api_key = "secret:catalogue"
poll_seconds = 1800
requests_per_minute = 10000
[adapters.amqp]
system = "amqp"
host = "127.0.0.1"
port = {exchange}
tls = false
vhost = "/"
user = "guest"
password = "guest"
[adapters.amqp.systems.garage]
user = "guest"
[adapters.adressen]
system = "places"
areas = "file:areas.geojson"
[adapters.adressen.register]
url = "{addresses}/v2"
api_key = "secret:addresses"
seconds = 2.5
[adapters.magda]
system = "magda"
legal_basis = "protocol 2026/12"
purpose = "meldingen behandelen"
sender = "stad.example/wegwijzer"
certificate_file = "{papers.certificate}"
key_file = "{papers.key}"
ca_file = "{papers.authority}"
[adapters.magda.persons]
url = "{people}/GeefPersoonDienst-02.02/soap/WebService"
channels = ["web_form", "system"]
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
"""


@dataclass(kw_only=True)
class Systems:
    """The systems themselves, as people at their own screens have them."""

    tracker: Tracker
    dosis: Dosis
    notificaties: Notificaties
    roads: citycontrol.CityControl
    lighting: planning.Planning
    cleaning: FieldPlanning
    green: TaskApp
    calendar: CalendarLine
    till: Till
    garage: ExistingSystem
    post: PostOffice


@dataclass(kw_only=True)
class World:
    """Everything around the hub."""

    clock: Wound
    folder: Path
    address: str
    dice: random.Random
    script: Script
    systems: Systems
    places: Mapping[str, Place | Far | Gate]
    lives: Lives
    wire: "wiretap.Wiretap"
    queues: Queues
    token: str
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

    async def absence(self, outage: Outage, length: timedelta) -> None:
        """A target goes away, and comes back."""
        place = self.places[outage.target]
        await self.until(outage.hour)
        self.away.add(outage.target)
        began = self.clock.now()
        await place.leave()
        await self.clock.sleep(length)
        self.absences[outage.target] = began, self.clock.now()
        await place.come()
        self.away.discard(outage.target)

    def story_of(self, case: str) -> Story:
        """What a case in the tracker is about."""
        return self.script.story_in(
            next(one.subject for one in self.systems.tracker.cases if one.ref == case)
        )

    def orders(self) -> list[tuple[str, str, Story]]:
        """What was ever put on the teams' lists: team, number of the order, what it is about; what is there twice is there twice."""
        systems = self.systems
        written = [
            *(("wegen", one.identification, one.title + one.text) for one in systems.roads.cases.values() for _ in range(one.created)),
            *(("verlichting", one.name, one.title + one.text) for one in systems.lighting.orders),
            *(("reiniging", signed(job.fields["description"]), job.fields["description"]) for job in systems.cleaning.jobs.values()),
            *(
                ("groen", name.removesuffix(".ics"), systems.calendar.texts[name])
                for name, times in systems.calendar.made.items() for _ in range(times)
            ),
        ]  # fmt: skip
        return [(team, name, self.script.story_in(text)) for team, name, text in written]

    def look_up(self, query: Callable[[Connection], Any]) -> Any:
        engine = open_engine(f"sqlite:///{self.folder / 'var' / 'journal.db'}")
        try:
            with engine.connect() as connection:
                return query(connection)
        finally:
            engine.dispose()


def signed(text: str) -> str:
    """The number of ours under an order."""
    found = re.search(r"\[([A-Z]+-\d+-\d+\.\d+)\]\s*$", text)
    assert found, "every order is signed"
    return found[1]


@asynccontextmanager
async def world(folder: Path, played: Script, dice: random.Random, times: float) -> AsyncIterator[World]:
    """Everything that stands around a hub, which has not begun yet."""
    address = f"127.0.0.1:{free_port()}"
    make_secrets(folder / "secrets")
    papers = make_papers(folder / "papers")
    async with AsyncExitStack() as stack:
        token, post, calendars, (broker, exchange) = await _begun(
            stack, _credential(folder), _post_office(folder), radicale.running(), rabbitmq.nodes(2)
        )
        wire = await asyncio.to_thread(stack.enter_context, wiretap.before(broker.port))
        tasks = await asyncio.to_thread(calendars.list, "groen")
        queues = Queues(broker)
        await asyncio.to_thread(queues.mark)
        provider, hubs = Provider(), list[Lives]()
        waiting = lambda: [os.getpid(), *(pid for hub in hubs for pid in hub.pids)]  # noqa: E731
        clock = stack.enter_context(winding(folder / "clock", times, waiting))
        garage = ExistingSystem(
            name="garage", url=f"amqp://guest:guest@127.0.0.1:{exchange.port}/%2F", prefix="wegwijzer"
        )
        systems = _systems(provider, clock, calendars, tasks, post, garage)
        systems.roads.hub = f"http://{address}/in/wegen/soap"
        stack.push_async_callback(systems.green.close)
        stack.push_async_callback(systems.calendar.close)
        places = _places(folder, systems, exchange.port) | _registers(papers, played)
        origins = {name: one.origin for name, one in places.items() if isinstance(one, Place)}
        origins["groen"] += urlsplit(tasks).path
        (folder / "hub.toml").write_text(
            HUB.format(
                address=address, broker=broker.url.replace(f":{broker.port}", f":{wire.port}"), hours=AGAIN / HOUR, settle=SETTLE / HOUR * 60,
                it=IT, folder=folder, source=SOURCE, brand=BRAND, token=TOKEN_PATH, dosis=origins["dosis"],
                notificaties=origins["notificaties"], kassa=origins[KASSA], catalogue=origins["catalogus"],
                imap=post.imap_port, smtp=_port(places, "mail"), exchange=_port(places, GARAGE), addresses=origins[ADDRESSES],
                people=origins[PEOPLE], papers=papers,
            )
            + field_teams.sections({team: origins[team] for team in TEAMS}, poll_seconds=1)
            .replace('default_service = "voetpad"\n', 'default_service = "voetpad"\noverlap_hours = 1\n')
        )  # fmt: skip
        (folder / "dispatch.toml").write_text(field_teams.dispatch(*TEAMS) + EXPECT)
        (folder / "areas.geojson").write_text(city_file("areas.geojson"))
        _keep_secrets(folder, provider, calendars.passwords["hub"])
        for place in places.values():
            await place.come()
            stack.push_async_callback(place.leave)
        lives = Lives(folder, address, EMBEDDED, program="tests.flows.scaled_lives")
        stack.callback(lives.close)
        hubs.append(lives)
        yield World(
            clock=clock, folder=folder, address=address, dice=dice, script=played, systems=systems, places=places, lives=lives,
            wire=wire, queues=queues, token=token,
        )  # fmt: skip


def _systems(
    provider: Provider,
    clock: Wound,
    calendars: "radicale.RunningRadicale",
    tasks: str,
    post: PostOffice,
    garage: ExistingSystem,
) -> Systems:
    notificaties = Notificaties(provider=provider)
    cleaning = FieldPlanning(api_key=field_teams.OPEN311_KEY, now=clock.now)
    cleaning.bad_days.repeat_and_shuffle = True
    return Systems(
        tracker=Tracker(clock),
        dosis=Dosis(provider=provider, notifications=notificaties),
        notificaties=notificaties,
        roads=citycontrol.CityControl(push_times=2),
        lighting=planning.Planning(),
        cleaning=cleaning,
        green=TaskApp(tasks, "ploeg", calendars.passwords["ploeg"], clock.now),
        calendar=CalendarLine(calendars.url),
        till=Till(WEBHOOK),
        garage=garage,
        post=post,
    )


async def _begun(stack: AsyncExitStack, *managers: AbstractContextManager[Any]) -> list[Any]:
    """What these give; all at once, as each takes its time to begin."""
    begun = await asyncio.gather(
        *(asyncio.to_thread(stack.enter_context, one) for one in managers), return_exceptions=True
    )
    for failure in begun:
        if isinstance(failure, BaseException):
            raise failure
    return begun


def _places(folder: Path, systems: Systems, exchange: int) -> dict[str, Place | Far | Gate]:
    catalogue = Ipdc()
    catalogue.publish("1446", "2026-01-05T10:00:00Z", naam={"nl": "Melding openbaar domein"})
    return {
        "dosis": Place(systems.dosis.app()),
        "notificaties": Place(systems.notificaties.app()),
        "wegen": Place(systems.roads.app()),
        "verlichting": Place(systems.lighting.app()),
        "reiniging": Place(systems.cleaning.app),
        "groen": Place(systems.calendar),
        "catalogus": Place(catalogue.app()),
        KASSA: Place(systems.till),
        "tracker": Far(folder, "tracker", systems.tracker),
        "mail": Gate(systems.post.smtp_port),
        GARAGE: Gate(exchange),
    }


def _registers(papers: Papers, played: Script) -> dict[str, Place]:
    """They know where every citizen lives, and how everybody is called."""
    addresses = [
        basisregisters.Known(str(one.number), "Schapenstraat", one.house, "3000", "Leuven", 172900.0 + one.number, 174400.0)
        for one in played.citizens
    ]  # fmt: skip
    names = {one.insz: (one.first_name, one.last_name) for one in played.citizens}
    tls = Tls(certificate=papers.server, key=papers.server_key, authority=papers.authority)
    return {
        ADDRESSES: Place(basisregisters.Basisregisters(addresses=addresses).app()),
        PEOPLE: Place(Magda(certificate=papers.certificate, persons=names, throttle=1000).app(), tls),
    }


def _port(places: Mapping[str, Place | Far | Gate], name: str) -> int:
    gate = places[name]
    assert isinstance(gate, Gate)
    return gate.port


@contextmanager
def _post_office(folder: Path) -> Iterator[PostOffice]:
    settings = PostOfficeSettings(
        domain="stad.example",
        password=MAIL_PASSWORD,
        mailboxes=["verzonden@stad.example"],
        gone=[],
        letters=str(folder / "letters"),
    )
    post = open_post_office(settings, folder / "post.log")
    try:
        yield post
    finally:
        post.close()


def _keep_secrets(folder: Path, provider: Provider, agenda: str) -> None:
    field_teams.keep_secrets(folder, agenda)
    for name, value in (
        ("website_webhook", WEBHOOK),
        ("dosis_private_key", provider.private_key),
        ("post", MAIL_PASSWORD),
        ("catalogue", CATALOGUE_KEY),
        ("addresses", basisregisters.KEY),
    ):
        (folder / "secrets" / name).write_text(value)


@contextmanager
def _credential(folder: Path) -> Iterator[str]:
    """With which the tills come to the API."""
    (folder / "dispatch.toml").write_text(field_teams.dispatch())
    (folder / "hub.toml").write_text('[api.systems.kassa]\ntitle = "Kassa\'s"\n')
    words = ("credential", "add", "kassa", "--scope", "send", "--days", "60", "--json")
    done = subprocess.run(
        [sys.executable, "-m", "hub", "--config", folder / "hub.toml", *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    yield str(json.loads(done.stdout)["token"])
