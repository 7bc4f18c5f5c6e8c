"""The reckoning after the morning: was everything that went in accounted for, once, and did everyone hear of it?

Nothing here takes the hub's word for it alone: the journal's tally is held against a recount, against the
mailboxes, against the tracker, against what citizens found in their letter boxes and on their portals, and against
the lists of the crews.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from imaplib import IMAP4

from sqlalchemy import Connection, func, select

from canonical_model.case import CaseRef
from canonical_model.work_order import ENDED, OrderState, order_id
from demo.handlers import TrackerCase
from demo.mail import Letter
from demo.outside.crews import Listed
from demo.post_office import LOOPBACK
from demo.scenes import GROUP_MAILBOXES, PORTALS, Scene, about
from journal.schema import effects, messages, standings, tally, work_items

SETTLED = frozenset({"applied", "skipped", "parked"})
INBOX, DONE, FAILED = "INBOX", "Verwerkt", "Fout"
CHANGES = "tracker/changes"
PHONE = "phone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the journal says. `open_effects`: actions that have not come to an end; `busy`: the cases that they are for.

    `orders`: (crew, order) -> state, for the last order of each case that a crew has; `work`: the cases on the work list.
    """

    balance: Mapping[str, int]
    recount: Mapping[str, int]
    by_door: Mapping[str, int]
    open_effects: int
    heard_of: frozenset[str]
    busy: frozenset[str]
    orders: Mapping[tuple[str, str], str]
    work: Sequence[str] = ()

    @property
    def at_rest(self) -> bool:
        """Whether every message and every action has ended."""
        return self.open_effects == 0 and self.balance["waiting"] == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the systems around the hub show after the morning. Letters by address, oldest first.

    `seen_by_app`: subjects do not go out to a report app, so it counts the reports that it finds back. `lists`: what every
    crew has on its list; `board`: the code that the portals show, and `notices` what arrived there, by case.
    """

    books: Books
    cases: tuple[TrackerCase, ...]
    letters: Mapping[str, Sequence[Letter]]
    mailboxes: Mapping[str, int]
    seen_by_app: int = 0
    lists: Mapping[str, Sequence[Listed]] = field(default_factory=dict[str, Sequence[Listed]])
    board: Mapping[str, str] = field(default_factory=dict[str, str])
    notices: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def crews_heard(self) -> bool:
        """Whether the hub knows how every order stands on its list."""
        known = self.books.orders
        return all(
            known.get((crew, one.order), one.state) == one.state
            for crew, listed in self.lists.items()
            for one in listed
        )


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
    under_way = select(effects.c.case_ref).where(effects.c.state.not_in(SETTLED))
    open_for = tuple(connection.execute(under_way).scalars())
    changes = select(messages.c.source_ref).where(messages.c.source == CHANGES)
    out = connection.execute(select(standings).where(standings.c.trip > 0, standings.c.outside_id != ""))
    waiting = select(work_items.c.case_ref).where(work_items.c.closed_at.is_(None))
    return Books(
        balance=_balance(counted.get("received", 0), counted),
        recount=_balance(sum(states.values()), states),
        by_door=dict(by_door),
        open_effects=len(open_for),
        busy=frozenset(open_for),
        heard_of=frozenset(connection.execute(changes).scalars()),
        orders={(row.system, order_id(CaseRef(row.case_ref), row.trip)): row.state for row in out},
        work=tuple(connection.execute(waiting).scalars()),
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
        *_of_crews(scenes, evidence),
        *_of_portals(scenes, evidence),
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
    wanted = {scene.subject: _last_group(scene, scenes) for scene in scenes if scene.opens_case}
    found = Counter(case.title for case in cases)
    wrong = [f"zaak {title!r}: {found[title]} keer" for title in wanted if found[title] != 1]
    wrong += [f"niemand vroeg om zaak {title!r}" for title in found if title not in wanted]
    wrong += [
        f"zaak {case.title!r} ligt bij {case.group}, niet bij {wanted[case.title]}"
        for case in cases
        if case.title in wanted and case.group != wanted[case.title]
    ]
    return wrong


def _last_group(scene: Scene, scenes: Sequence[Scene]) -> str:
    return next((deed.group for deed in reversed(about(scene, scenes)) if deed.is_move), scene.group)


def _of_letters(scenes: Sequence[Scene], evidence: Evidence) -> list[str]:
    """One acknowledgement for everyone with an address, every answer once, and nothing else."""
    refs = {case.title: case.ref for case in evidence.cases}
    wrong: list[str] = []
    for scene in _mailed(scenes):
        letters = evidence.letters.get(scene.email, ())
        mine = [letter for letter in letters if refs.get(scene.subject, "?") in letter.subject]
        wrong += _of_one_citizen(scene, mine, scenes)
    to_groups = sum(map(len, evidence.letters.values())) - len(to_citizens(evidence.letters))
    for whom, wanted, found in (
        ("burgers", expected_letters(scenes), len(to_citizens(evidence.letters))),
        ("groepen", 2 * sum(scene.is_move for scene in scenes), to_groups),
    ):
        if found != wanted:
            wrong.append(f"{wanted} mails aan {whom} verwacht, {found} bezorgd")
    return wrong


def _of_one_citizen(scene: Scene, letters: Sequence[Letter], scenes: Sequence[Scene]) -> list[str]:
    """An acknowledgement and word of where the case stands, sent by the hub itself; and what people answered."""
    automatic = sum(letter.automatic for letter in letters)
    expected = 1 + steps_told(scene, scenes)
    answers = answers_to(scene, scenes) + completions_told(scene, scenes)
    wrong: list[str] = []
    if automatic != expected:
        wrong.append(f"{scene.name}: {automatic} ontvangst- en tussenberichten, {expected} verwacht")
    if len(letters) - automatic != answers:
        wrong.append(f"{scene.name}: {len(letters) - automatic} antwoorden, {answers} verwacht")
    return wrong


def _of_crews(scenes: Sequence[Scene], evidence: Evidence) -> list[str]:
    """Every order once on the right list, as the crew left it; and a work item for what was not done."""
    refs = {case.title: case.ref for case in evidence.cases}
    wanted = Counter(
        line
        for scene in scenes
        if scene.opens_case and scene.crew
        for line in _lines_of(scene, scenes, refs.get(scene.subject, "?"))
    )
    found = Counter(
        f"{crew}: {one.order} {one.state}" for crew, listed in evidence.lists.items() for one in listed
    )
    wrong = [f"werkopdracht ontbreekt: {line}" for line in (wanted - found).elements()]
    wrong += [f"werkopdracht te veel: {line}" for line in (found - wanted).elements()]
    asked = {refs.get(scene.subject, "?") for scene in scenes if _was_not_done(scene, scenes)}
    if asked != set(evidence.books.work):
        wrong.append(f"op de werklijst: {sorted(evidence.books.work)}, verwacht {sorted(asked)}")
    return wrong


def _lines_of(scene: Scene, scenes: Sequence[Scene], ref: str) -> list[str]:
    """What the lists show of a case: an order for every trip, with its last state."""
    crew, trip, state, lines = scene.crew, 1, OrderState.ORDERED, list[str]()
    for deed in about(scene, scenes):
        if deed.is_work:
            state = deed.state
        elif state not in ENDED and (deed.is_move or deed.status == "afgesloten"):
            state = OrderState.CANCELLED
        if deed.is_move and deed.crew:
            lines.append(f"{crew}: {order_id(CaseRef(ref), trip)} {state}")
            crew, trip, state = deed.crew, trip + 1, OrderState.ORDERED
    return [*lines, f"{crew}: {order_id(CaseRef(ref), trip)} {state}"]


def _was_not_done(scene: Scene, scenes: Sequence[Scene]) -> bool:
    works = [deed for deed in about(scene, scenes) if deed.is_work]
    return bool(works) and works[-1].state in {OrderState.CANCELLED, OrderState.NOT_FOUND}


def _of_portals(scenes: Sequence[Scene], evidence: Evidence) -> list[str]:
    """Every dossier on the board with its last status, every notification once, and nobody else's."""
    refs = {case.title: case.ref for case in evidence.cases}
    board = {refs.get(scene.subject, "?"): scene.board for scene in scenes if scene.board}
    notices = {refs.get(scene.subject, "?"): scene.notices for scene in scenes if scene.notices}
    wrong: list[str] = []
    if board != evidence.board:
        wrong.append(f"dossiers op de portalen: {dict(evidence.board)}, verwacht {board}")
    if notices != evidence.notices:
        wrong.append(f"notificaties: {dict(evidence.notices)}, verwacht {notices}")
    return wrong


def to_citizens(letters: Mapping[str, Sequence[Letter]]) -> list[Letter]:
    """Mail that left the city hall."""
    return [
        letter for address, each in letters.items() if not address.endswith("@leuven.test") for letter in each
    ]


def answers_to(scene: Scene, scenes: Sequence[Scene]) -> int:
    """How many mails follow the acknowledgement: each answer, or word that the case was closed without one."""
    handlings = [each for each in scenes if each.is_handling and each.about == scene.name]
    answers = sum(bool(each.answer) for each in handlings)
    return answers or int(any(each.status == "afgesloten" for each in handlings))


def steps_told(scene: Scene, scenes: Sequence[Scene]) -> int:
    """How many mails say where the case stands: planned, or with another group. Who is notified gets none of the first."""
    deeds = about(scene, scenes)
    planned = not scene.notices and any(deed.state is OrderState.PLANNED for deed in deeds if deed.is_work)
    return int(planned) + sum(deed.is_move and deed.tell for deed in deeds)


def completions_told(scene: Scene, scenes: Sequence[Scene]) -> int:
    """One mail when the work was done, unless a notification says so."""
    done = any(deed.state is OrderState.DONE for deed in about(scene, scenes) if deed.is_work)
    return int(done and not scene.notices)


def expected_letters(scenes: Sequence[Scene]) -> int:
    """How many mails citizens find in their letter boxes."""
    return sum(
        1 + steps_told(scene, scenes) + answers_to(scene, scenes) + completions_told(scene, scenes)
        for scene in _mailed(scenes)
    )


def _mailed(scenes: Sequence[Scene]) -> list[Scene]:
    """Those whose sender gave an address that exists."""
    gone = {scene.about for scene in scenes if scene.bounces}
    return [scene for scene in scenes if scene.opens_case and scene.email and scene.name not in gone]


def _count(scenes: Sequence[Scene], *outcomes: str) -> int:
    return sum(scene.outcome in outcomes for scene in scenes)


def _reports(scenes: Sequence[Scene]) -> int:
    return sum(scene.is_street_report for scene in scenes)


def _of_systems(scenes: Sequence[Scene]) -> int:
    return sum(scene.is_system for scene in scenes)


def _state(evidence: Evidence, name: str) -> int:
    return evidence.books.balance[name]
