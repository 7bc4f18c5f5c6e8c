"""A believable morning of a city on one machine: real mail, a real tracker, real forms, and the hub between them.

Progress is told in plain lines, Dutch first. With `once` it ends with a reckoning and says whether the
balance is exact.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
import time
import webbrowser
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeVar

import httpx

from canonical_model.work_order import ENDED, OrderState
from console.access import Role
from console.accounts import Accounts
from demo.acmidm import AcmIdm, Registered
from demo.acmidm import running as running_provider
from demo.catalogue import Offer
from demo.city_hall import CityHall, forget_earlier_mornings, only_demo_in, open_city_hall
from demo.counter import Clerk, Login
from demo.distributed import Arrangement, in_one_process
from demo.forms import Website
from demo.handlers import CONTACT_CENTRE, Handler, TrackerCase
from demo.look_ups import Answered, LookUps, references_in_audit, seen_in, wrong_look_ups
from demo.mail import Letter
from demo.outside.around import Around
from demo.outside.crews import News
from demo.outside.serving import serving as serving_at
from demo.outside.surroundings import running_surroundings
from demo.phone import Telephone
from demo.portals import Portals
from demo.reckoning import (
    INBOX,
    PHONE,
    Books,
    Evidence,
    all_heard,
    count_mails,
    of_balance,
    read_books,
    shortcomings,
    to_citizens,
)
from demo.report_app import ReportApp
from demo.scenes import FORMS, PORTALS, Scene, attachment, read_scenes
from demo.screens import screens
from demo.systems import ParkingSystem, token_for
from demo.writing import first_mail, reply
from journal.journal import Journal
from ports.clock import Clock
from ports.errors import TransientError

T = TypeVar("T")

PACE = 2.5
"""Seconds between two scenes, when somebody looks on."""
PATIENCE = 90.0
"""Seconds that one expected thing may take before the demo goes on without it."""
LOOK = 0.3
STOPPED = 130
"""Exit code after Ctrl-C, as shells know it."""

KCC, ADMINISTRATOR = "kcc", "beheer"
DEEDS = {
    OrderState.PLANNED: "plant het werk",
    OrderState.IN_PROGRESS: "is aan het werk",
    OrderState.DONE: "is klaar",
    OrderState.CANCELLED: "voert het werk niet uit",
    OrderState.NOT_FOUND: "vindt niets ter plaatse",
}
CALLS = {
    "answered": "beantwoorde oproep",
    "missed": "gemiste oproep",
    "callback": "vraag om terug te bellen",
    "voicemail": "ingesproken bericht",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """How to play it. `keep`: go on with what earlier mornings left in the folder."""

    folder: Path
    once: bool = False
    as_json: bool = False
    browser: bool = True
    keep: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.started


class RunningHub(Protocol):
    """What the demo needs of a hub."""

    @property
    def journal(self) -> Journal: ...
    @property
    def clock(self) -> Clock: ...

    async def start(self) -> None: ...
    async def serve(self) -> None: ...
    def stop(self) -> None: ...
    async def close(self) -> None: ...


OpenHub = Callable[[Path, Arrangement], Awaitable[RunningHub]]
Arrange = Callable[[], AbstractAsyncContextManager[Arrangement]]


async def play(demo: Demo, open_hub: OpenHub, arrange: Arrange = in_one_process) -> int:
    """Play the morning; the exit code: 0 when all is well. Runs until Ctrl-C unless `once`."""
    playing = asyncio.ensure_future(_play(demo, open_hub, arrange))
    for wish in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(wish, playing.cancel)
    try:
        return await playing
    except asyncio.CancelledError:
        return STOPPED


async def _play(demo: Demo, open_hub: OpenHub, arrange: Arrange) -> int:
    voice = Voice(sys.stderr if demo.as_json else sys.stdout)
    scenes = read_scenes()
    with only_demo_in(demo.folder):
        if not demo.keep and forget_earlier_mornings(demo.folder):
            voice.say(f"De vorige ochtend in {demo.folder} is gewist; --keep bewaart hem (began afresh).")
        async with AsyncExitStack() as open_things:
            arrangement = await open_things.enter_async_context(arrange())
            provider = await open_things.enter_async_context(running_provider(AcmIdm))
            voice.say(
                "Tracker, postkantoor, ploegen en portalen starten (starting the systems around the hub) ..."
            )
            outside = await open_things.enter_async_context(running_surroundings(demo.folder))
            city = await open_city_hall(demo.folder, scenes, provider.issuer, outside, arrangement.changes)
            open_things.push_async_callback(asyncio.to_thread, city.close)
            _register(provider, city)
            hub = await open_hub(city.hub_toml, arrangement)
            await hub.start()
            open_things.push_async_callback(hub.close)
            serving = asyncio.create_task(hub.serve())
            open_things.push_async_callback(_end, hub, serving)
            passwords = await _accounts(hub)
            token = await token_for(hub.journal, hub.clock)
            await _until_ready(city)
            console = f"http://{arrangement.console or city.address}/"
            login = Login(name=KCC, password=passwords[KCC])
            clerk = Clerk(f"http://{city.address}", console.rstrip("/"), login)
            open_things.push_async_callback(clerk.close)
            morning = Morning(demo, city, hub, voice, scenes, token, provider, clerk)
            open_things.push_async_callback(morning.close)
            around = await open_things.enter_async_context(serving_at(morning.around(console).app()))
            _tell_where(voice, city, passwords, demo, console, around)
            if demo.browser and _has_display():
                webbrowser.open(around)
            return await _played(morning, serving)


def _register(provider: AcmIdm, city: CityHall) -> None:
    """Make the hub known to the log-in provider, as the city asked the Flemish government."""
    back = f"http://{city.address}/in/mijn_burgerprofiel/callback"
    provider.clients["leuven"] = Registered(id="leuven", secret=city.tokens.portal, redirect_uris=(back,))


async def _played(morning: "Morning", serving: "asyncio.Task[None]") -> int:
    """The morning, unless the hub ends before it does."""
    playing = asyncio.create_task(morning.play())
    try:
        await asyncio.wait({playing, serving}, return_when=asyncio.FIRST_COMPLETED)
        if not playing.done():
            return 1
        code = playing.result()
        if not morning.demo.once:
            morning.voice.say("De hub blijft draaien. Ctrl-C stopt alles (the hub keeps running).")
            await serving
        return code
    finally:
        if not playing.done():
            playing.cancel()
            await asyncio.wait({playing})


async def _accounts(hub: RunningHub) -> dict[str, str]:
    """Fresh passwords for the contact centre and the administrator, valid for this run."""
    accounts = Accounts(hub.journal.database, hub.clock)
    roles = {KCC: (Role.KCC_VIEWER, Role.KCC_DISPATCHER), ADMINISTRATOR: (Role.ADMINISTRATOR,)}
    passwords = {name: secrets.token_hex(8) for name in roles}
    for name, password in passwords.items():
        await accounts.add(name, password, roles[name])
    return passwords


async def _until_ready(city: CityHall) -> None:
    async with httpx.AsyncClient(base_url=f"http://{city.address}", trust_env=False) as client:

        async def look() -> bool | None:
            with suppress(httpx.TransportError):
                return (await client.get("/health/ready")).is_success or None
            return None

        if not await _within(PATIENCE, look):
            raise TransientError(f"the hub does not answer on {city.address}: see {city.folder / 'hub.log'}")


def _tell_where(
    voice: "Voice",
    city: CityHall,
    passwords: dict[str, str],
    demo: Demo,
    console: str,
    around: str,
) -> None:
    users = "  of  ".join(f"{name} / {password}" for name, password in passwords.items())
    tracker = city.tracker
    for line in (
        f"Klaar na {demo.elapsed:.1f} s. Hier kunt u kijken (where to look):",
        f"  overzicht {around}/    alle schermen rond de hub op een rij (begin here: every screen, on one page)",
        f"  console   {console}    {users}",
        f"  tracker   {tracker.url}    kcc (ziet alles) of een groep / {tracker.handler_password}",
        f"  logboek   {(city.folder / 'hub.log').resolve()}",
    ):
        voice.say(line)


def _has_display() -> bool:
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


async def _end(hub: RunningHub, serving: "asyncio.Task[None]") -> None:
    hub.stop()
    await serving


class Voice:
    """Tells what happens, a line at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def say(self, line: str) -> None:
        """One line, at once."""
        print(line, file=self._stream, flush=True)


class Morning:
    """Plays the scenes one after the other; waits where one follows from another."""

    def __init__(
        self,
        demo: Demo,
        city: CityHall,
        hub: RunningHub,
        voice: Voice,
        scenes: Sequence[Scene],
        token: str,
        provider: AcmIdm,
        clerk: Clerk,
    ) -> None:
        self.demo = demo
        self.voice = voice
        self._city = city
        self._outside = city.outside
        self._journal = hub.journal
        self._scenes = tuple(scenes)
        self._by_name = {scene.name: scene for scene in scenes}
        self._run = secrets.token_hex(4)
        self._website = Website(f"http://{city.address}/in/website/", city.tokens, self._run)
        self._report_app = ReportApp(
            f"http://{city.address}/in/open311/v2/", city.tokens.report_app, self._run
        )
        self._telephone = Telephone(f"http://{city.address}/in/phone", city.tokens, self._run)
        self._calls = 0
        self._parking = ParkingSystem(city.address, token, self._run)
        self._portals = Portals(f"http://{city.address}", provider, self._run)
        self._clerk = clerk
        self._kcc = Handler(city.tracker, CONTACT_CENTRE)
        self._answers: dict[str, Answered] = {}
        self._told: set[Path] = set()
        self._old_cases: frozenset[str] = frozenset()
        self._old_letters: frozenset[Path] = frozenset()
        self._old_calls = 0
        self._first_case = 0.0

    async def close(self) -> None:
        """Let go of the connections."""
        await self._website.close()
        await self._report_app.close()
        await self._telephone.close()
        await self._parking.close()
        await self._portals.close()
        await self._kcc.close()

    def around(self, console: str) -> Around:
        """The pages that show everything around the hub."""
        return Around(
            places=lambda own: screens(self._city, console, own),
            letters=self._letters,
            reports=self._report_app.found,
            told=lambda: self._parking.told,
        )

    async def play(self) -> int:
        """The whole morning and its reckoning; the exit code."""
        self._old_cases = frozenset(case.ref for case in await self._kcc.cases())
        self._old_calls = (await self._books()).by_door.get(PHONE, 0)
        self._old_letters = frozenset(
            letter.path for letters in (await self._letters()).values() for letter in letters
        )
        watching = [asyncio.create_task(self._tell_letters()), asyncio.create_task(self._watch_first_case())]
        try:
            for scene in self._scenes:
                await self._scene(scene)
                await asyncio.sleep(0 if self.demo.once else PACE)
            rested = await self._until_at_rest()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        evidence = await self._evidence()
        return self._conclude(evidence, await self._look_ups(evidence), rested=rested)

    async def _scene(self, scene: Scene) -> None:
        players: Mapping[str, Callable[[Scene], Awaitable[None]]] = {
            "mail": self._write,
            **dict.fromkeys(FORMS, self._fill_in),
            "open311": self._report,
            "phone": self._call,
            "system": self._submit,
            **dict.fromkeys(PORTALS, self._pass_on),
            "counter": self._register,
            "catalogue": self._publish,
            "handler": self._handle,
            "crew": self._work,
            "kcc": self._take_back,
        }
        await players[scene.door](scene)

    async def _fill_in(self, scene: Scene) -> None:
        times = f", {scene.times} keer na elkaar verstuurd" if scene.times > 1 else ""
        self._say(scene, f"formulier ({scene.door}) van {scene.person or 'iemand'}: {scene.subject}{times}")
        receipts = await self._website.post(scene)
        if len(receipts) != 1:
            self.voice.say(f"       ! {len(receipts)} ontvangstbewijzen voor een formulier")

    async def _report(self, scene: Scene) -> None:
        times = f", {scene.times} keer verstuurd" if scene.times > 1 else ""
        self._say(scene, f"melding met de app ({scene.service}): {scene.subject}{times}")
        numbers = await self._report_app.send(scene)
        if len(numbers) != 1:
            self.voice.say(f"       ! {len(numbers)} nummers voor een melding")

    async def _call(self, scene: Scene) -> None:
        self._say(scene, f"{CALLS[scene.call]} van {scene.caller or 'iemand'}: {scene.subject}")
        await self._telephone.call(scene, await self._looked_up(scene, self._telephone.offers))
        self._calls += 1

    async def _submit(self, scene: Scene) -> None:
        times = f", {scene.times} keer verstuurd" if scene.times > 1 else ""
        self._say(scene, f"parkeersysteem (API) voor {scene.person}: {scene.subject}{times}")
        receipts = await self._parking.submit(scene)
        if len(receipts) != 1:
            self.voice.say(f"       ! {len(receipts)} ontvangstbewijzen voor een melding")
        for receipt in receipts:
            self.voice.say(f"       > parkeersysteem hoort {await self._parking.outcome(receipt)}")

    async def _pass_on(self, scene: Scene) -> None:
        times = f", {scene.times} keer verstuurd" if scene.times > 1 else ""
        self._say(scene, f"{scene.door} van {scene.person or 'iemand'}: {scene.subject}{times}")
        magda = self._outside.magda
        magda.mood = scene.magda or magda.mood
        receipts = await self._portals.post(scene)
        magda.mood = "well"
        if scene.magda:
            self.voice.say(f"       > MAGDA geeft {scene.known_as or 'geen naam'}")
        if len(receipts) != 1:
            self.voice.say(f"       ! {len(receipts)} ontvangstbewijzen voor een melding")

    async def _register(self, scene: Scene) -> None:
        times = f", {scene.times} keer aangeklikt" if scene.times > 1 else ""
        self._say(scene, f"registratie aan het loket: {scene.subject}{times}")
        receipts = await self._clerk.register(scene, await self._looked_up(scene, self._clerk.offers))
        if len(receipts) != 1:
            self.voice.say(f"       ! {len(receipts)} ontvangstbewijzen voor een registratie")

    async def _publish(self, scene: Scene) -> None:
        """The catalogue changes; the next scene waits until the counter has heard it."""
        catalogue = self._outside.catalogue
        if scene.text:
            self._say(scene, f"de productencatalogus heeft een nieuwe tekst van product {scene.product}")
            catalogue.reprice(scene.product, scene.text)
        else:
            self._say(scene, f"de productencatalogus trekt product {scene.product} in")
            catalogue.withdraw(scene.product)

        async def look() -> bool | None:
            found = {one.id: one.version for one in await self._clerk.offers(scene.product)}
            return True if found.get(scene.product) == catalogue.offered().get(scene.product) else None

        if not await _within(PATIENCE, look):
            self.voice.say(f"       ! de balie kent product {scene.product} niet zoals het nu is")

    async def _looked_up(
        self, scene: Scene, find: Callable[[str], Awaitable[Sequence[Offer]]]
    ) -> Offer | None:
        """The first product that an employee finds by the scene's words."""
        if not scene.search:
            return None

        async def look() -> Offer | None:
            return next(iter(await find(scene.search)), None)

        offer = await _within(PATIENCE, look)
        if offer is None:
            self.voice.say(f"       ! niets in de productencatalogus over {scene.search!r}")
            return None
        current = self._outside.catalogue.offered().get(offer.id, "")
        self._answers[scene.name] = Answered(offer=offer, current=current)
        self.voice.say(f"       > uit de productencatalogus: {offer.name} (product {offer.id})")
        return offer

    async def _write(self, scene: Scene) -> None:
        if not scene.about:
            self._say(scene, f"mail van {scene.person} aan {', '.join(scene.to)}: {scene.subject}")
            await self._send(scene.email, scene.to, first_mail(scene, self._run))
            return
        citizen = self._by_name[scene.about]
        letter = await self._letter(citizen, scene.letter)
        if letter is None:
            self.voice.say(f"       ! {citizen.person} kreeg geen mail om op te antwoorden")
            return
        to, mail = reply(scene, letter, citizen.sender, self._run)
        self._say(scene, f"{citizen.person} antwoordt op mail {scene.letter} van de stad")
        await self._send(citizen.email, [to], mail)

    async def _handle(self, scene: Scene) -> None:
        citizen = self._by_name[scene.about]
        async with Handler(self._city.tracker, scene.group) as handler:
            case = await self._case(handler, citizen)
            if case is None:
                self.voice.say(f"       ! {scene.group} vindt de zaak {citizen.subject!r} niet in de tracker")
                return
            deed = "antwoordt" if scene.answer else "zet de zaak verder"
            self._say(scene, f"{scene.group} {deed} in de tracker ({case.ref}): {scene.status}")
            offer = await self._looked_up(scene, self._telephone.offers)
            if scene.answer:
                await handler.answer(case, f"{scene.answer}\n\n{offer.given}" if offer else scene.answer)
            await handler.set_status(case, scene.status)

    async def _work(self, scene: Scene) -> None:
        """A crew tells how it goes; the next scene waits until the hub has heard it, unless that word is lost."""
        citizen = self._by_name[scene.about]
        order = await self._order(citizen, scene.crew)
        if order is None:
            self.voice.say(f"       ! ploeg {scene.crew} heeft geen opdracht voor {citizen.subject!r}")
            return
        lost = "; dat bericht gaat verloren" if scene.lost else ""
        self._say(scene, f"ploeg {scene.crew} {DEEDS[scene.state]} ({order}){lost}")
        photo = attachment(scene.files[0]) if scene.files else b""
        news = News(state=scene.state, remark=scene.text, photo=photo, lost=scene.lost)
        await self._outside.crews[scene.crew].tell(order, news)
        if not scene.lost and not await self._heard(scene.crew, order, scene.state):
            self.voice.say(f"       ! de hub hoorde niets van {order}")

    async def _take_back(self, scene: Scene) -> None:
        case = await self._case(self._kcc, self._by_name[scene.about])
        if case is None:
            self.voice.say(f"       ! het KCC vindt de zaak van {scene.about} niet in de tracker")
            return
        await self._until_out(case.ref)
        self._say(scene, f"KCC neemt {case.ref} terug van {case.group} en geeft ze aan {scene.group}")
        await self._clerk.move(case.ref, scene)

    async def _until_out(self, ref: str) -> None:
        """Wait until the order for this case lies with its crew: only then is there something to take back."""

        async def look() -> bool | None:
            return any(order.startswith(f"{ref}.") for _, order in (await self._books()).orders) or None

        await _within(PATIENCE, look)

    async def _order(self, citizen: Scene, crew: str) -> str | None:
        """The order for this citizen's case that this crew still has to end, when everybody has heard of it."""

        async def look() -> str | None:
            cases = [case for case in await self._kcc.cases() if case.title == citizen.subject]
            case = next((case for case in cases if case.ref not in self._old_cases), None)
            books = await self._books()
            if case is None or case.ref in books.busy or not all_heard(books, [case]):
                return None
            return next(
                (
                    order
                    for (system, order), state in books.orders.items()
                    if system == crew and order.startswith(f"{case.ref}.") and OrderState(state) not in ENDED
                ),
                None,
            )

        return await _within(PATIENCE, look)

    async def _heard(self, crew: str, order: str, state: OrderState) -> bool:
        async def look() -> bool | None:
            return (await self._books()).orders.get((crew, order)) == state or None

        return bool(await _within(PATIENCE, look))

    async def _send(self, sender: str, recipients: Sequence[str], mail: bytes) -> None:
        await asyncio.to_thread(self._city.post_office.send, sender, recipients, mail)

    async def _case(self, handler: Handler, citizen: Scene) -> TrackerCase | None:
        async def look() -> TrackerCase | None:
            cases = [case for case in await handler.cases() if case.ref not in self._old_cases]
            return next((case for case in cases if case.title == citizen.subject), None)

        return await _within(PATIENCE, look)

    async def _letter(self, citizen: Scene, number: int) -> Letter | None:
        async def look() -> Letter | None:
            letters = (await self._letters()).get(citizen.email, [])
            return letters[number - 1] if len(letters) >= number else None

        return await _within(PATIENCE, look)

    async def _letters(self) -> dict[str, list[Letter]]:
        """What citizens received this morning."""
        received = await asyncio.to_thread(self._city.post_office.received)
        return {
            address: [letter for letter in letters if letter.path not in self._old_letters]
            for address, letters in received.items()
        }

    async def _tell_letters(self) -> None:
        while True:
            for address, letters in (await self._letters()).items():
                for letter in letters:
                    if letter.path not in self._told:
                        self._told.add(letter.path)
                        self.voice.say(f"       > mail aan {address}: {letter.subject}")
            await asyncio.sleep(LOOK)

    async def _watch_first_case(self) -> None:
        while not self._first_case:
            if any(case.ref not in self._old_cases for case in await self._kcc.cases()):
                self._first_case = self.demo.elapsed
                self.voice.say(f"       > eerste zaak in de tracker na {self._first_case:.1f} s")
            await asyncio.sleep(LOOK)

    async def _until_at_rest(self) -> bool:
        """Wait until nothing moves any more, seen twice; False when it never came to rest."""
        self.voice.say("Wachten tot elk bericht verwerkt is (waiting until every message has ended) ...")
        seen = 0

        async def look() -> bool | None:
            nonlocal seen
            seen = seen + 1 if await self._at_rest() else 0
            return True if seen >= 2 else None

        return bool(await _within(PATIENCE, look))

    async def _at_rest(self) -> bool:
        evidence = await self._evidence()
        return (
            evidence.books.at_rest
            and evidence.books.by_door.get(PHONE, 0) - self._old_calls == self._calls
            and evidence.mailboxes[INBOX] == 0
            and all_heard(evidence.books, evidence.cases)
            and evidence.crews_heard
        )

    async def _evidence(self) -> Evidence:
        cases = await self._kcc.cases()
        mailboxes = await asyncio.to_thread(
            count_mails, self._city.post_office.imap_port, self._city.mail_password
        )
        return Evidence(
            books=await self._books(),
            cases=cases,
            letters=await self._letters(),
            mailboxes=mailboxes,
            seen_by_app=len({report.number for report in await self._report_app.found()}),
            lists={name: await crew.orders() for name, crew in self._outside.crews.items()},
            board=self._outside.dosis.codes_shown(),
            notices=self._outside.notifications.counted(),
        )

    async def _look_ups(self, evidence: Evidence) -> LookUps:
        catalogue = self._outside.catalogue
        answers = {name: await self._given(name, one, evidence) for name, one in self._answers.items()}
        return LookUps(
            answers=answers,
            catalogue=seen_in(
                catalogue,
                [one for number in catalogue.numbers for one in await self._clerk.offers(number)],
                [one for number in catalogue.numbers for one in await self._telephone.offers(number)],
            ),
            asked=tuple(self._outside.magda.questions),
            audited=await self._journal.database.read(references_in_audit),
        )

    async def _given(self, name: str, answered: Answered, evidence: Evidence) -> Answered:
        """What became of it: the texts on its case, and in its citizen's letters."""
        scene = self._by_name[name]
        citizen = self._by_name[scene.about or name]
        case = next((one for one in evidence.cases if one.title == citizen.subject), None)
        notes = [await self._kcc.message(one) for one in case.messages] if case else []
        letters = evidence.letters.get(citizen.email, ()) if scene.is_handling else ()
        return replace(
            answered,
            on_case=tuple(str(note["content"]) for note in notes),
            mailed=tuple(letter.text for letter in letters),
        )

    async def _books(self) -> Books:
        return await self._journal.database.read(read_books)

    def _conclude(self, evidence: Evidence, found: LookUps, *, rested: bool) -> int:
        wrong = of_balance(evidence.books)
        if not self.demo.keep:
            names = {case.title: case.known_as for case in evidence.cases}
            wrong = [*shortcomings(self._scenes, evidence), *wrong_look_ups(self._scenes, found, names)]
        if not rested:
            wrong.append(f"na {PATIENCE:.0f} s was nog niet alles tot rust gekomen")
        balance = evidence.books.balance
        self.voice.say(
            "Balans: ontvangen {received} = klaar {done} + wachtend {waiting} + geparkeerd {parked}"
            " + terzijde {dropped}".format(**balance)
        )
        for line in wrong:
            self.voice.say(f"  FOUT {line}")
        if not wrong:
            self.voice.say("Alles klopt (the balance is exact).")
        if self.demo.as_json:
            print(json.dumps(self._summary(evidence, found, wrong), ensure_ascii=False), flush=True)
        return 1 if wrong else 0

    def _summary(self, evidence: Evidence, found: LookUps, wrong: Sequence[str]) -> dict[str, Any]:
        letters = to_citizens(evidence.letters)
        return {
            "balance": dict(evidence.books.balance),
            "cases": len(evidence.cases),
            "mails_to_citizens": len(letters),
            "acknowledgements": sum(letter.automatic for letter in letters),
            "received_by_door": dict(evidence.books.by_door),
            "work_orders": {name: len(listed) for name, listed in evidence.lists.items()},
            "work_items": len(evidence.books.work),
            "dossiers_on_portals": len(evidence.board),
            "notifications": sum(evidence.notices.values()),
            "products_offered": len(found.catalogue.published),
            "catalogue_unchanged": found.catalogue.unchanged,
            "answers_from_catalogue": len(found.answers),
            "magda_questions": len(found.asked),
            "seconds": round(self.demo.elapsed, 1),
            "seconds_to_first_case": round(self._first_case, 1),
            "wrong": list(wrong),
        }

    def _say(self, scene: Scene, line: str) -> None:
        self.voice.say(f"{scene.time}  {line}")


async def _within(seconds: float, look: Callable[[], Awaitable[T | None]]) -> T | None:
    """Look again and again until there is something; None when it took too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = await look()
        if found is not None:
            return found
        await asyncio.sleep(LOOK)
    return None
