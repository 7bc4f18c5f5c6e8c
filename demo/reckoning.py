"""The reckoning after the morning: was everything that went in accounted for, once, and did everyone hear of it?

Nothing here takes the hub's word for it alone: the journal's tally is held against a recount, against the
mailboxes, against the tracker and against what citizens found in their letter boxes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from imaplib import IMAP4

from sqlalchemy import Connection, func, select

from demo.handlers import TrackerCase
from demo.mail import Letter
from demo.post_office import LOOPBACK
from demo.scenes import GROUP_MAILBOXES, PORTALS, Scene
from journal.schema import effects, messages, tally

SETTLED = frozenset({"applied", "skipped", "parked"})
INBOX, DONE, FAILED = "INBOX", "Verwerkt", "Fout"
CHANGES = "tracker/changes"
PHONE = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the journal says. `open_effects`: actions that have not come to an end."""

    balance: Mapping[str, int]
    recount: Mapping[str, int]
    by_door: Mapping[str, int]
    open_effects: int
    heard_of: frozenset[str]

    @property
    def at_rest(self) -> bool:
        """Whether every message and every action has ended."""
        return self.open_effects == 0 and self.balance["waiting"] == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the systems around the hub show after the morning. Letters by address, oldest first.

    `seen_by_app`: subjects do not go out to a report app, so it counts the reports that it finds back.
    """

    books: Books
    cases: tuple[TrackerCase, ...]
    letters: Mapping[str, Sequence[Letter]]
    mailboxes: Mapping[str, int]
    seen_by_app: int = 0


def read_books(connection: Connection) -> Books:
    """The journal's tally, a recount of its messages, and what is still under way."""
    tallied = connection.execute(select(tally.c.state, func.sum(tally.c.count)).group_by(tally.c.state))
    counted = {state: int(count) for state, count in tallied}
    rows = connection.execute(select(messages.c.state, func.count()).group_by(messages.c.state))
    states = {str(state): int(count) for state, count in rows}
    sources = connection.execute(select(messages.c.source, func.count()).group_by(messages.c.source))
    by_door: Counter[str] = Counter()
    for source, count in sources:
        by_door[source.partition("/")[0]] += count
    under_way = select(func.count()).select_from(effects).where(effects.c.state.not_in(SETTLED))
    changes = select(messages.c.source_ref).where(messages.c.source == CHANGES)
    return Books(
        balance=_balance(counted.get("received", 0), counted),
        recount=_balance(sum(states.values()), states),
        by_door=dict(by_door),
        open_effects=connection.execute(under_way).scalar_one(),
        heard_of=frozenset(connection.execute(changes).scalars()),
    )


def count_mails(port: int, password: str) -> dict[str, int]:
    """How many mails lie in each folder of the group mailboxes together."""
    found: Counter[str] = Counter({INBOX: 0, DONE: 0, FAILED: 0})
    for address in GROUP_MAILBOXES:
        with IMAP4(LOOPBACK, port, timeout=20) as box:
            box.login(address, password)
            for folder in (INBOX, DONE, FAILED):
                found[folder] += _messages_in(box, folder)
    return dict(found)


def _messages_in(box: IMAP4, folder: str) -> int:
    """A folder that was never needed was never made."""
    status, lines = box.status(folder, "(MESSAGES)")
    counted = re.search(rb"MESSAGES (\d+)", lines[0] or b"") if status == "OK" else None
    return int(counted[1]) if counted else 0


def all_heard(books: Books, cases: Iterable[TrackerCase]) -> bool:
    """Whether the hub heard of the last change of every case."""
    return all(f"{case.ref}/{case.version}" in books.heard_of for case in cases)


def shortcomings(scenes: Sequence[Scene], evidence: Evidence) -> list[str]:
    """Everything that is not as it should be, in plain words; nothing = the balance is exact."""
    return [
        *of_balance(evidence.books),
        *_of_doors(scenes, evidence),
        *_of_cases(scenes, evidence.cases),
        *_of_letters(scenes, evidence),
    ]


def _balance(received: int, states: Mapping[str, int]) -> dict[str, int]:
    return {
        "received": received,
        "done": int(states.get("done", 0)),
        "waiting": int(states.get("waiting", 0)),
        "parked": int(states.get("parked", 0)) + int(states.get("quarantined", 0)),
        "dropped": int(states.get("dropped", 0)),
    }


def of_balance(books: Books) -> list[str]:
    """Whether the journal itself accounts for everything that it received."""
    balance = books.balance
    accounted = sum(count for name, count in balance.items() if name != "received")
    wrong: list[str] = []
    if balance["received"] != accounted:
        wrong.append(f"ontvangen {balance['received']}, verantwoord {accounted}")
    if dict(balance) != dict(books.recount):
        wrong.append(f"de tellers zeggen {dict(balance)}, de berichten zelf {dict(books.recount)}")
    if not books.at_rest:
        wrong.append(f"{balance['waiting']} berichten en {books.open_effects} acties zijn nog niet klaar")
    return wrong


def _of_doors(scenes: Sequence[Scene], evidence: Evidence) -> list[str]:
    """What was sent in is what was received: mails each once per mailbox, forms each once."""
    mails = sum(len(scene.to) or 1 for scene in scenes if scene.door == "mail")
    bounces = sum(scene.bounces for scene in scenes)
    forms = sum(scene.is_form for scene in scenes)
    calls = sum(scene.is_call for scene in scenes)
    through_portals = sum(scene.is_portal for scene in scenes)
    registrations = sum(scene.is_registration for scene in scenes)
    boxes, received = evidence.mailboxes, evidence.books.by_door
    parked = sum(scene.door == "mail" and scene.outcome == "parked" for scene in scenes)
    expected = (
        ("mails verstuurd en in de mailboxen", mails + bounces, boxes[DONE] + boxes[FAILED]),
        ("mails verstuurd en ontvangen", mails + bounces, received.get("mailbox", 0)),
        ("mails in de map Fout", parked, boxes[FAILED]),
        ("mails die nog in een INBOX liggen", 0, boxes[INBOX]),
        ("formulieren verstuurd en ontvangen", forms, received.get("website", 0)),
        ("meldingen van de app ontvangen", _reports(scenes), received.get("open311", 0)),
        ("meldingen die de app terugziet", _reports(scenes), evidence.seen_by_app),
        ("oproepen gevoerd en ontvangen", calls, received.get(PHONE, 0)),
        ("van het parkeersysteem", _of_systems(scenes), received.get("api", 0)),
        (
            "via de portalen verstuurd en ontvangen",
            through_portals,
            sum(received.get(portal, 0) for portal in PORTALS),
        ),
        ("aan het loket geregistreerd en ontvangen", registrations, received.get("counter", 0)),
        ("geparkeerd of in quarantaine", _count(scenes, "parked", "quarantined"), _state(evidence, "parked")),
    )
    return [
        f"{what}: {wanted}, maar het zijn er {found}" for what, wanted, found in expected if wanted != found
    ]


def _of_cases(scenes: Sequence[Scene], cases: Sequence[TrackerCase]) -> list[str]:
    """One case in the tracker for each that was meant, in the right group."""
    wanted = {scene.subject: scene.group for scene in scenes if scene.opens_case}
    found = Counter(case.title for case in cases)
    wrong = [f"zaak {title!r}: {found[title]} keer" for title in wanted if found[title] != 1]
    wrong += [f"niemand vroeg om zaak {title!r}" for title in found if title not in wanted]
    wrong += [
        f"zaak {case.title!r} ligt bij {case.group}, niet bij {wanted[case.title]}"
        for case in cases
        if case.title in wanted and case.group != wanted[case.title]
    ]
    return wrong


def _of_letters(scenes: Sequence[Scene], evidence: Evidence) -> list[str]:
    """One acknowledgement for everyone with an address, every answer once, and nothing else."""
    refs = {case.title: case.ref for case in evidence.cases}
    gone = {scene.about for scene in scenes if scene.bounces}
    wrong: list[str] = []
    for scene in scenes:
        if scene.opens_case and scene.email and scene.name not in gone:
            letters = evidence.letters.get(scene.email, ())
            mine = [letter for letter in letters if refs.get(scene.subject, "?") in letter.subject]
            wrong += _of_one_citizen(scene, mine, answers_to(scene, scenes))
    wanted = expected_letters(scenes)
    found = sum(map(len, evidence.letters.values()))
    if found != wanted:
        wrong.append(f"{wanted} mails aan burgers verwacht, {found} bezorgd")
    return wrong


def _of_one_citizen(scene: Scene, letters: Sequence[Letter], answers: int) -> list[str]:
    acknowledgements = sum(letter.automatic for letter in letters)
    wrong: list[str] = []
    if acknowledgements != 1:
        wrong.append(f"{scene.name}: {acknowledgements} ontvangstbevestigingen")
    if len(letters) - acknowledgements != answers:
        wrong.append(f"{scene.name}: {len(letters) - acknowledgements} antwoorden, {answers} verwacht")
    return wrong


def answers_to(scene: Scene, scenes: Sequence[Scene]) -> int:
    """How many mails follow the acknowledgement: each answer, or word that the case was closed without one."""
    handlings = [each for each in scenes if each.is_handling and each.about == scene.name]
    answers = sum(bool(each.answer) for each in handlings)
    return answers or int(any(each.status == "afgesloten" for each in handlings))


def expected_letters(scenes: Sequence[Scene]) -> int:
    """How many mails citizens find in their letter boxes."""
    gone = {scene.about for scene in scenes if scene.bounces}
    return sum(
        1 + answers_to(scene, scenes)
        for scene in scenes
        if scene.opens_case and scene.email and scene.name not in gone
    )


def _count(scenes: Sequence[Scene], *outcomes: str) -> int:
    return sum(scene.outcome in outcomes for scene in scenes)


def _reports(scenes: Sequence[Scene]) -> int:
    return sum(scene.is_street_report for scene in scenes)


def _of_systems(scenes: Sequence[Scene]) -> int:
    return sum(scene.is_system for scene in scenes)


def _state(evidence: Evidence, name: str) -> int:
    return evidence.books.balance[name]
