"""The hub is killed at any point, again and again, under load: every contact is still one case, one acknowledgement.

`WEGWIJZER_CRASH_KILLS` and `WEGWIJZER_CRASH_SEED` change how often, and repeat a run's choices.
"""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from demo.forms import Website
from demo.handlers import CONTACT_CENTRE, Handler, TrackerCase
from demo.mail import Letter
from demo.reckoning import DONE, FAILED, INBOX, all_heard
from demo.scenes import GROUP_MAILBOXES, SENT_MAILBOX, Scene, attachment
from demo.writing import first_mail
from tests.flows.city import WEGWIJZER, City, running_city

KILLS = int(os.environ.get("WEGWIJZER_CRASH_KILLS", "200"))
LIFE = (0.02, 1.7)
"""Shortest and longest life in seconds; a hub needs some 0.3 of it to begin."""
EVERY_BY_SCRIPT = 20
"""One life in so many begins from the installed script, with its imports."""
PAUSE = (0.1, 0.7)
"""Seconds between two contacts of one sender."""
QUIET = 120.0
"""Seconds within which everything must have come to rest after the last kill."""
PHOTO = "stoep.jpg"
RUN = "crash"
CHANGES = {
    "poll_seconds = 2": "poll_seconds = 0.3",
    # The relay delivers the copy at once, and the hub lets a dead life's sending settle: one look is proof enough.
    'sent_mailbox = { address = "verzonden@leuven.test", password = "secret:mail_password" }': (
        'sent_mailbox = { address = "verzonden@leuven.test", password = "secret:mail_password" }\n'
        "sent_patience = 0"
    ),
}


@dataclass(slots=True)
class Traffic:
    """What was sent in, and what was answered (by subject). `over`: citizens go home."""

    mails: list[Scene] = field(default_factory=list)
    forms: list[Scene] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def contacts(self) -> dict[str, Scene]:
        """All contacts by subject."""
        return {scene.subject: scene for scene in (*self.mails, *self.forms)}


@pytest.mark.slow
async def test_a_hub_that_dies_at_any_point_loses_and_doubles_nothing(tmp_path: Path, capsys):
    seed = int(os.environ.get("WEGWIJZER_CRASH_SEED") or random.SystemRandom().randrange(1_000_000))
    dice = random.Random(seed)
    traffic = Traffic()
    with running_city(tmp_path, CHANGES) as city:
        began = time.monotonic()
        await die_and_rise(city, dice, traffic)
        killed_for = time.monotonic() - began
        with city.running_hub():
            rested = await come_to_rest(city)
            evidence = await collect(city)
            counted = await asyncio.to_thread(count_mails, city)
        books = city.books()

    with capsys.disabled():
        print(
            f"\nseed {seed}: {KILLS} kills in {killed_for:.0f} s, {len(traffic.mails)} mails, "
            f"{len(traffic.forms)} forms, {len(traffic.answered)} answers; balance {dict(books.balance)}; "
            f"at rest {rested:.0f} s after the last kill"
        )
    wrong = lost_or_doubled(traffic, evidence)
    assert not wrong, "\n".join(wrong)
    assert books.balance == books.recount
    assert books.balance["received"] == books.balance["done"]
    assert books.balance["waiting"] == books.balance["parked"] == books.balance["dropped"] == 0
    assert books.by_door["mailbox"] == len(traffic.mails)
    assert books.by_door["website"] == len(traffic.forms)
    assert counted == {INBOX: 0, DONE: len(traffic.mails), FAILED: 0}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the tracker and the citizens have. `files`: the bytes of each attachment, by case."""

    cases: Sequence[TrackerCase]
    files: Mapping[str, list[bytes]]
    letters: Mapping[str, list[Letter]]
    copies: int


def lost_or_doubled(traffic: Traffic, evidence: Evidence) -> list[str]:
    """Everything that is not there exactly once."""
    wrong: list[str] = []
    found = Counter(case.title for case in evidence.cases)
    contacts = traffic.contacts
    wrong += [f"{title}: {found[title]} cases" for title in contacts if found[title] != 1]
    wrong += [f"{title}: nobody sent it" for title in found if title not in contacts]
    for case in evidence.cases:
        wrong += wrong_with(case, contacts[case.title], traffic, evidence)
    ids = Counter(letter.message_id for letters in evidence.letters.values() for letter in letters)
    wrong += [f"{id_}: {times} times" for id_, times in ids.items() if times > 1]
    if evidence.copies != ids.total():
        wrong.append(f"{evidence.copies} copies of {ids.total()} mails")
    return wrong


def wrong_with(case: TrackerCase, scene: Scene, traffic: Traffic, evidence: Evidence) -> list[str]:
    """One text and one photo from the citizen, one acknowledgement back, and one answer where one was given."""
    letters = evidence.letters.get(scene.email, [])
    answers = int(case.title in traffic.answered)
    expected = (
        ("acknowledgements", 1, sum(letter.automatic for letter in letters)),
        ("answers", answers, sum(not letter.automatic for letter in letters)),
        ("mails that name the case", 1 + answers, sum(case.ref in letter.subject for letter in letters)),
        ("texts", 1 + answers, len(case.messages)),
        ("photos", [attachment(name) for name in scene.files], evidence.files[case.id]),
    )
    return [
        f"{case.ref} ({scene.door}): {what} {found!r:.80}, expected {wanted!r:.80}"
        for what, wanted, found in expected
        if wanted != found
    ]


async def die_and_rise(city: City, dice: random.Random, traffic: Traffic) -> None:
    """Kill the hub again and again while citizens write and the contact centre answers."""
    senders = [
        asyncio.create_task(write_mails(city, random.Random(dice.random()), traffic)),
        asyncio.create_task(fill_in_forms(city, random.Random(dice.random()), traffic)),
        asyncio.create_task(answer_some(city, random.Random(dice.random()), traffic)),
    ]
    with zygote(city) as lives:
        for number in range(KILLS):
            kill = begin_by_script if number % EVERY_BY_SCRIPT == 0 else lives.live
            await asyncio.to_thread(kill, city, dice.uniform(*LIFE) + (number % EVERY_BY_SCRIPT == 0))
            failed = [sender for sender in senders if sender.done()]
            assert not failed, failed
    traffic.over.set()
    with city.running_hub():  # what was being sent may be sent to its end
        await asyncio.gather(*senders)


def begin_by_script(city: City, seconds: float) -> None:
    """A life from the installed script."""
    with (city.folder / "hub.log").open("ab") as log:
        process = subprocess.Popen(
            [WEGWIJZER, "--config", city.hub_toml, "run", "--log-json"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    time.sleep(seconds)
    process.kill()
    assert process.wait(20) == -signal.SIGKILL, city.log()


class Zygote:
    """Begins lives quickly; see `tests.flows.lives`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def live(self, city: City, seconds: float) -> None:
        """One life, ended by SIGKILL."""
        pid = int(self._ask("begin"))
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        assert int(self._ask(f"end {pid}")) == signal.SIGKILL, city.log()

    def _ask(self, order: str) -> str:
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


@contextmanager
def zygote(city: City) -> Iterator[Zygote]:
    """The process that lives are forked from."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flows.lives", str(city.hub_toml), str(city.folder / "hub.log")],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Zygote(process)
        process.stdin.close()


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
        await asyncio.sleep(dice.uniform(*PAUSE))


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
        await asyncio.sleep(dice.uniform(*PAUSE))
    await website.close()


async def answer_some(city: City, dice: random.Random, traffic: Traffic) -> None:
    """The contact centre answers now and then, each case once."""
    async with Handler(city.tracker, CONTACT_CENTRE) as kcc:
        while not traffic.over.is_set():
            await asyncio.sleep(dice.uniform(2, 4))
            open_cases = [
                case for case in await kcc.cases() if case.title not in traffic.answered and case.messages
            ]
            if open_cases:
                case = dice.choice(open_cases)
                traffic.answered.add(case.title)
                await kcc.answer(case, f"Antwoord op {case.title}.")


async def come_to_rest(city: City) -> float:
    """Wait until nothing moves any more, seen twice; how long that took."""
    began, seen = time.monotonic(), 0
    async with Handler(city.tracker, CONTACT_CENTRE) as kcc:
        while seen < 2:
            assert time.monotonic() - began < QUIET, f"it never comes to rest: {city.books()}\n{city.log()}"
            await asyncio.sleep(0.5)
            books = await asyncio.to_thread(city.books)
            waiting = (await asyncio.to_thread(count_mails, city))[INBOX]
            quiet = books.at_rest and not waiting and all_heard(books, await kcc.cases())
            seen = seen + 1 if quiet else 0
    return time.monotonic() - began


async def collect(city: City) -> Evidence:
    """What the tracker and the citizens have."""
    letters = city.all_letters()
    async with Handler(city.tracker, CONTACT_CENTRE) as kcc:
        cases = await kcc.cases()
        files = {case.id: [await kcc.file(file) for file in case.files] for case in cases}
    return Evidence(cases, files, letters, len(city.mailboxes.mails(SENT_MAILBOX)))


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
