"""Traffic of citizens and handlers while a hub is maltreated, and the proof that nothing was lost or doubled."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx
from sqlalchemy import Connection, select

from demo.forms import Website
from demo.handlers import CONTACT_CENTRE, Handler, TrackerCase
from demo.mail import Letter
from demo.reckoning import DONE, FAILED, INBOX, Books, all_heard
from demo.scenes import GROUP_MAILBOXES, SENT_MAILBOX, Scene, attachment
from demo.writing import first_mail
from journal.effects import MAX_DEATHS
from journal.schema import effects
from tests.flows.city import City

PAUSE = (0.1, 0.7)
"""Seconds between two contacts of one sender, at its busiest."""
QUIET = 150.0
"""Seconds within which everything must have come to rest after the last fault."""
STUCK = 90.0
"""Seconds in which nothing at all was finished, after the last fault: it will never come to rest."""
PHOTO = "stoep.jpg"
RUN = "crash"
ANSWER = "Antwoord op"
FOLLOW_UPS = 3


@dataclass(slots=True)
class Traffic:
    """What was sent in, what citizens added to their cases, and what was answered (by subject).

    `pace`: how busy a day it is, 1 = very. `over`: citizens go home.
    """

    mails: list[Scene] = field(default_factory=list)
    forms: list[Scene] = field(default_factory=list)
    follow_ups: dict[str, list[str]] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    pace: float = 1.0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    senders: list["asyncio.Task[None]"] = field(default_factory=list)

    @property
    def contacts(self) -> dict[str, Scene]:
        """All contacts that open a case, by subject."""
        return {scene.subject: scene for scene in (*self.mails, *self.forms)}

    async def end(self) -> None:
        """Everybody goes home once what they were doing is done."""
        self.over.set()
        await asyncio.gather(*self.senders)


@asynccontextmanager
async def citizens(city: City, dice: random.Random, traffic: Traffic) -> AsyncIterator[Callable[[], None]]:
    """Citizens write and the contact centre answers; the call that it gives fails when one of them gave up."""
    traffic.senders = [
        asyncio.create_task(each(city, random.Random(dice.random()), traffic))
        for each in (write_mails, fill_in_forms, answer_some, add_something)
    ]

    def going_on() -> None:
        failed = [sender for sender in traffic.senders if sender.done()]
        assert not failed, failed

    try:
        yield going_on
    finally:
        for sender in traffic.senders:
            sender.cancel()
        await asyncio.gather(*traffic.senders, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the tracker and the citizens have. `files`: the bytes of each attachment, `texts`: in order, by case."""

    cases: Sequence[TrackerCase]
    files: Mapping[str, list[bytes]]
    texts: Mapping[str, list[str]]
    letters: Mapping[str, list[Letter]]
    copies: int


async def shortcomings(city: City, traffic: Traffic) -> list[str]:
    """Everything that was lost or doubled, by the journal, the tracker, the mailboxes and the citizens."""
    evidence = await collect(city)
    return [
        *lost_or_doubled(traffic, evidence),
        *unbalanced(city.books(), await asyncio.to_thread(count_mails, city), traffic),
    ]


def unbalanced(books: Books, counted: Mapping[str, int], traffic: Traffic) -> list[str]:
    """What the journal or the mailboxes count otherwise than we do."""
    mails, forms = len(traffic.mails), len(traffic.forms) + sum(map(len, traffic.follow_ups.values()))
    balance = dict(books.balance)
    expected = (
        ("recount", balance, dict(books.recount)),
        ("done", balance["received"], balance["done"]),
        ("mails received", mails, books.by_door["mailbox"]),
        ("forms received", forms, books.by_door["website"]),
        ("mailboxes", {INBOX: 0, DONE: mails, FAILED: 0}, dict(counted)),
    )
    return [f"{what}: {found}, expected {wanted}" for what, wanted, found in expected if wanted != found]


def lost_or_doubled(traffic: Traffic, evidence: Evidence) -> list[str]:
    """Everything that is not there exactly once."""
    wrong: list[str] = []
    found = Counter(case.title for case in evidence.cases)
    contacts = traffic.contacts
    wrong += [f"{title}: {found[title]} cases" for title in contacts if found[title] != 1]
    wrong += [f"{title}: nobody sent it" for title in found if title not in contacts]
    for case in evidence.cases:
        if case.title in contacts:
            wrong += wrong_with(case, contacts[case.title], traffic, evidence)
    ids = Counter(letter.message_id for letters in evidence.letters.values() for letter in letters)
    wrong += [f"{id_}: {times} times" for id_, times in ids.items() if times > 1]
    if evidence.copies != ids.total():
        wrong.append(f"{evidence.copies} copies of {ids.total()} mails")
    return wrong


def wrong_with(case: TrackerCase, scene: Scene, traffic: Traffic, evidence: Evidence) -> list[str]:
    """The citizen's texts in their order and one photo, one acknowledgement back, and the answer that was given."""
    letters = evidence.letters.get(scene.email, [])
    answers = int(case.title in traffic.answered)
    added = traffic.follow_ups.get(case.title, [])
    texts = evidence.texts[case.id]
    expected = (
        ("acknowledgements", 1, sum(letter.automatic for letter in letters)),
        ("answers", answers, sum(not letter.automatic for letter in letters)),
        ("mails that name the case", 1 + answers, sum(case.ref in letter.subject for letter in letters)),
        ("texts", 1 + len(added) + answers, len(texts)),
        ("lane", [scene.text, *added], [text for text in texts if not text.startswith(ANSWER)]),
        ("photos", [attachment(name) for name in scene.files], evidence.files[case.id]),
    )
    return [
        f"{case.ref} ({scene.door}): {what} {found!r:.200}, expected {wanted!r:.200}"
        for what, wanted, found in expected
        if wanted != found
    ]


async def write_mails(city: City, dice: random.Random, traffic: Traffic) -> None:
    """Citizens mail the group mailboxes."""
    for number in count():
        if traffic.over.is_set():
            return
        scene = Scene(
            name=f"m{number}",
            time="08:00",
            door="mail",
            sender=f"Burger <mail{number}@postvak.example>",
            to=(dice.choice(GROUP_MAILBOXES),),
            subject=f"Melding per mail {number}",
            text=f"Het voetpad in Kessel-Lo ligt open, aan huisnummer {number}.",
            files=(PHOTO,) if dice.random() < 0.3 else (),
        )
        traffic.mails.append(scene)
        await asyncio.to_thread(city.send, scene.email, scene.to, first_mail(scene, RUN))
        await asyncio.sleep(dice.uniform(*PAUSE) / traffic.pace)


async def fill_in_forms(city: City, dice: random.Random, traffic: Traffic) -> None:
    """Citizens fill in forms; the website posts each with the same id until it has a receipt."""
    website = Website(city.doors, city.tokens, RUN, pause=0.1)
    for number in count():
        if traffic.over.is_set():
            break
        scene = Scene(
            name=f"f{number}",
            time="08:00",
            door=dice.choice(["json", "form", "drupal", "open-formulieren"]),
            sender=f"Burger <form{number}@postvak.example>",
            subject=f"Vraag per formulier {number}",
            text=f"Hoe vraag ik een paspoort aan voor {number} personen?",
        )
        traffic.forms.append(scene)
        await website.post(scene)
        await asyncio.sleep(dice.uniform(*PAUSE) / traffic.pace)
    await website.close()


async def answer_some(city: City, dice: random.Random, traffic: Traffic) -> None:
    """The contact centre answers now and then, each case once."""
    async with Handler(city.tracker, CONTACT_CENTRE) as kcc:
        while not traffic.over.is_set():
            await asyncio.sleep(dice.uniform(2, 4))
            open_cases = [
                case for case in await all_cases(kcc) if case.title not in traffic.answered and case.messages
            ]
            if open_cases:
                case = dice.choice(open_cases)
                traffic.answered.add(case.title)
                await kcc.answer(case, f"{ANSWER} {case.title}.")


async def add_something(city: City, dice: random.Random, traffic: Traffic) -> None:
    """A citizen with a case adds one thing after the other, faster than the tracker takes them in."""
    website = Website(city.doors, city.tokens, RUN, pause=0.1)
    async with Handler(city.tracker, CONTACT_CENTRE) as kcc:
        while not traffic.over.is_set():
            await asyncio.sleep(dice.uniform(1, 3))
            cases = [
                case
                for case in await all_cases(kcc)
                if case.title not in traffic.follow_ups and case.messages
            ]
            if cases:
                await add_to(website, dice.choice(cases), traffic)
    await website.close()


async def add_to(website: Website, case: TrackerCase, traffic: Traffic) -> None:
    scene = traffic.contacts[case.title]
    added = traffic.follow_ups.setdefault(case.title, [])
    for number in range(FOLLOW_UPS):
        more = Scene(
            name=f"{scene.name}-{number}",
            time="08:00",
            door="json",
            sender=scene.sender,
            subject=f"Aanvulling bij {case.ref}",
            text=f"Aanvulling {number} van {scene.name}.",
        )
        added.append(more.text)
        await website.post(more)


async def come_to_rest(city: City) -> float:
    """Wait until nothing moves any more, seen twice; how long that took."""
    began = moved = time.monotonic()
    seen = 0
    before: tuple[object, ...] = ()
    async with Handler(city.tracker, CONTACT_CENTRE) as kcc:
        while seen < 2:
            now = time.monotonic()
            assert now - began < QUIET, f"it does not come to rest in time: {before}\n{city.log()}"
            assert now - moved < STUCK, f"it never comes to rest: {before}\n{city.log()}"
            await asyncio.sleep(0.5)
            await asyncio.to_thread(replay_what_died_too_often, city)
            books = await asyncio.to_thread(city.books)
            waiting = (await asyncio.to_thread(count_mails, city))[INBOX]
            quiet = books.at_rest and not waiting and all_heard(books, await all_cases(kcc))
            seen = seen + 1 if quiet else 0
            stand = (books.balance, books.open_effects, len(books.heard_of), waiting)
            if stand != before:
                moved, before = time.monotonic(), stand
    return time.monotonic() - began


def replay_what_died_too_often(city: City) -> None:
    """What the handbook asks of an administrator when the hub died ten times on an effect: look, then replay it.

    Where lives are shorter than a single effect takes, as on a busy machine, that happens to innocent ones.
    """
    for effect in city.look_up(died_too_often):
        city.command("replay", "one", effect, "--reason", "the hub was killed, whatever it did", "--yes")


def died_too_often(connection: Connection) -> Sequence[str]:
    """Effects that were parked because so many workers died on them, and for no other reason."""
    query = select(effects.c.id).where(
        effects.c.state == "parked", effects.c.error == "WorkerDied", effects.c.deaths >= MAX_DEATHS
    )
    return connection.execute(query).scalars().all()


async def collect(city: City) -> Evidence:
    """What the tracker and the citizens have."""
    letters = city.all_letters()
    async with Handler(city.tracker, CONTACT_CENTRE) as kcc:
        cases = await all_cases(kcc)
        files = {case.id: [await kcc.file(file) for file in case.files] for case in cases}
        written = await all_texts(kcc)
        texts = {case.id: [written[id_] for id_ in sorted(case.messages, key=int)] for case in cases}
    return Evidence(cases, files, texts, letters, len(city.mailboxes.mails(SENT_MAILBOX)))


async def all_cases(kcc: Handler) -> Sequence[TrackerCase]:
    """Every case; on a machine that is busy with faults, the tracker may need several looks to answer one."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            return await kcc.cases()


async def all_texts(kcc: Handler) -> dict[str, str]:
    """What everybody wrote, each in one line, by its id in the tracker."""
    rows = await kcc._get("msg", {"@fields": "content", "@verbose": "3"})
    return {str(row["id"]): " ".join(str(row["content"]).split()) for row in rows["collection"]}


def count_mails(city: City) -> dict[str, int]:
    """How many mails lie in each folder of the group mailboxes together."""
    return {
        folder: sum(mails_in(city, address, folder) for address in GROUP_MAILBOXES)
        for folder in (INBOX, DONE, FAILED)
    }


def mails_in(city: City, address: str, folder: str) -> int:
    with city.mailboxes.colleague(address) as client, contextlib.suppress(client.Error):
        return int(client.folder_status(folder, ["MESSAGES"])[b"MESSAGES"])
    return 0
