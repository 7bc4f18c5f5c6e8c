"""A small city for tests of the journal: its routes, its keys, its contacts, and the questions tests ask it."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from msgspec.structs import replace
from sqlalchemy import select

import routes
from canonical_model.attachment import Attachment, Claim
from canonical_model.case import CanonicalCase, CaseRecord, CaseRef
from canonical_model.commands import AddNote, OpenCase
from canonical_model.contact import Channel, Contact, Kind
from canonical_model.decision import Decision, Fate, Intent, Known, Reference, Settled
from canonical_model.events import CaseChanged, CaseErased, ContactReceived, Event, TimerFired
from canonical_model.message import Message
from canonical_model.party import Party, PartyKind
from canonical_model.status import CaseStatus
from journal.effects import ClaimRequest, Outcome, Result
from journal.instants import DAY, micros
from journal.journal import Journal, Keys
from journal.schema import effects, messages, tally, target_tally
from ports.intake import File, Inbound
from routes.configuration import RouteConfiguration, parse_dispatch, parse_texts
from routes.router import CityRoutes

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning."""

KEYS = Keys(masters=(b"m" * 32,), pepper=b"p" * 32, audit=b"a" * 32)
LEASE = 60_000_000

DISPATCH = """
default = "kcc"
[[group]]
name = "kcc"
label = "Klantencontactcentrum"
email = "kcc@leuven.test"
[[group]]
name = "openbaar-domein"
label = "Openbaar domein"
email = "od@leuven.test"
[[group]]
name = "groen"
label = "Groendienst"
[[area]]
name = "heverlee"
words = ["heverlee"]
postcodes = ["3001"]
[[category]]
name = "voetpad"
words = ["voetpad", "stoep", "trottoir", "pavement"]
kind = "report"
[[category]]
name = "boom"
words = ["boom", "tree", "arbre"]
[[rule]]
name = "bomen in Heverlee"
category = ["boom"]
area = ["heverlee"]
group = "groen"
[[rule]]
name = "voetpaden"
category = ["voetpad"]
group = "openbaar-domein"
"""


def configuration(table: str = DISPATCH) -> RouteConfiguration:
    """The city's configuration with the shipped texts."""
    folder = Path(routes.__file__).parent / "texts"
    return RouteConfiguration(
        dispatch=parse_dispatch(table),
        texts=parse_texts({path.stem: path.read_text() for path in folder.glob("*.toml")}),
        city="Stad Leuven",
        mail_domain="leuven.test",
        pseudonym_key=b"x" * 32,
        version="test",
    )


def city_routes() -> CityRoutes:
    return CityRoutes(configuration())


AN = Party(kind=PartyKind.PERSON, name="An Peeters", email="an.peeters@voorbeeld.be", phone="+32470123456")


def contact(text: str = "Het voetpad is kapot.", **fields) -> Contact:
    """A contact of An by mail; every field can be another one."""
    return replace(
        Contact(channel=Channel.MAIL, subject="Kapot voetpad", text=text, party=AN),
        **fields,
    )


def attached(content: bytes, name: str = "foto.jpg") -> File:
    claim = Claim(sha256(content).hexdigest())
    return File(
        attachment=Attachment(claim=claim, name=name, media_type="image/jpeg", size=len(content)),
        content=content,
    )


def inbound(
    ref: str, event: Event | None = None, *, source: str = "web", raw: bytes | None = None, **fields
) -> Inbound:
    """A message as an adapter hands it over; its raw bytes follow from its reference."""
    event = event or ContactReceived(contact=contact())
    return Inbound(
        source=source,
        source_ref=ref,
        raw=raw if raw is not None else f"raw of {ref}".encode(),
        media_type="application/json",
        event=event,
        **fields,
    )


def contact_message(ref: str, what: Contact, **fields) -> Inbound:
    return inbound(ref, ContactReceived(contact=what), **fields)


class PlannedRoutes:
    """Routes that do what the test says; contacts belong to the case that they claim."""

    def __init__(self) -> None:
        self.decide_with: Callable[[Message, Known], Decision] = open_with("tracker")
        self.after_with: Callable[[Settled, CaseRecord], Decision | None] = lambda _settled, _case: None

    def references(self, message: Message) -> tuple[Reference, ...]:
        match message.body:
            case ContactReceived(contact=what):
                ref = what.thread.claimed_case
            case TimerFired(case=case) | CaseErased(case=case) | CaseChanged(case=case):
                ref = case
            case _:
                ref = ""
        return (Reference(system="case", value=ref),) if ref else ()

    def decide(self, message: Message, known: Known) -> Decision:
        return self.decide_with(message, known)

    def after(self, settled: Settled, case: CaseRecord) -> Decision | None:
        return self.after_with(settled, case)


def new_case(known: Known) -> CaseRecord:
    return CaseRecord(
        ref=known.next_ref,
        kind=Kind.QUESTION,
        channel=Channel.MAIL,
        group="kcc",
        status=CaseStatus.NEW,
        opened_at=known.now,
    )


def note(ref: CaseRef, target: str, name: str, *, blocking: bool = True, **fields) -> Intent:
    """A harmless intention, told apart by its name."""
    return Intent(
        target=target, command=AddNote(case=ref, text=name), discriminator=name, blocking=blocking, **fields
    )


def open_case(case: CaseRecord) -> Intent:
    return Intent(
        target="tracker",
        command=OpenCase(
            case=CanonicalCase(
                ref=case.ref,
                kind=case.kind,
                channel=case.channel,
                group=case.group,
                subject="-",
                description="-",
                party_ref="anon",
            )
        ),
    )


def open_with(*targets: str, blocking: bool = True) -> Callable[[Message, Known], Decision]:
    """A plan: the first message of a case opens it, and every message has one note for each of these targets."""

    def decide(message: Message, known: Known) -> Decision:
        case = known.matches[0].case if known.matches else new_case(known)
        intents = tuple(
            note(case.ref, target, f"{message.source_ref}-{number}", blocking=blocking)
            for number, target in enumerate(targets)
        )
        return Decision(fate=Fate.ROUTED, reason=case.ref, case=case, intents=intents)

    return decide


async def together(journal: Journal, *calls: Coroutine):
    """Make these calls so that one commit serves them all; their results or errors.

    The journal is idle when they begin and each asks for its write at once, so the writer finds them all.
    """
    commits = journal.database.commits
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert journal.database.commits == commits + 1 or any(isinstance(r, Exception) for r in results)
    return results


async def rows(journal: Journal, table, *where):
    """All rows of a table that fit, in order of their primary key."""
    query = select(table).where(*where).order_by(*table.primary_key.columns)
    return await journal.database.read(lambda connection: connection.execute(query).all())


async def effect_states(journal: Journal) -> dict[str, str]:
    """The state of every effect, by its key."""
    return {row.key: row.state for row in await rows(journal, effects)}


async def claim(journal: Journal, *ids: str, owner: str = "w/1", lease: int = LEASE, **fields):
    return await journal.claim(ClaimRequest(ids=ids, owner=owner, lease=lease, **fields))


async def record(journal: Journal, claimed, outcome: Outcome, owner: str = "w/1", *, wait: int = 0, **fields):
    now = micros(journal.clock.now())
    return await journal.record(
        Result(claimed.id, claimed.attempt, owner, outcome, now, retry_at=now + wait, **fields)
    )


async def apply_all(journal: Journal, ids) -> list[str]:
    """Play a worker for which everything works, until nothing is left; the keys in the order of applying."""
    applied: list[str] = []
    waiting = list(ids)
    while waiting:
        taken = await claim(journal, *waiting)
        waiting = []
        for one in taken.effects:
            applied.append(one.key)
            ended = await record(journal, one, Outcome.APPLIED, outside_id=f"outside-{len(applied)}")
            waiting += ended.next
    return applied


async def recount(journal: Journal) -> Counter:
    """The tally must equal a count of the messages, and every message must be somewhere; counts by state."""
    counted: Counter = Counter()
    for row in await rows(journal, messages):
        day = row.received_at // DAY
        counted[day, row.source, "received"] += 1
        counted[day, row.source, row.state] += 1
    kept: Counter = Counter()
    for row in await rows(journal, tally):
        kept[row.day, row.source, row.state] += row.count
    assert {key: value for key, value in kept.items() if value} == dict(counted)
    for row in await rows(journal, messages):
        mine = await rows(journal, effects, effects.c.message_id == row.id)
        assert row.open_effects == sum(one.state not in ("applied", "skipped") for one in mine)
        assert row.parked_effects == sum(one.state == "parked" for one in mine)
    await recount_effects(journal)
    states: Counter = Counter()
    for (_, _, state), count in counted.items():
        states[state] += count
    return states


async def recount_effects(journal: Journal) -> None:
    """The tally per target must equal a count of the effects."""
    counted: Counter = Counter()
    for row in await rows(journal, effects):
        day = row.created_at // DAY
        counted[day, row.target, "written"] += 1
        state = "waiting" if row.state in ("due", "claimed", "unknown") else row.state
        counted[day, row.target, state] += 1
    kept: Counter = Counter()
    for row in await rows(journal, target_tally):
        kept[row.day, row.target, row.state] += row.count
    assert {key: value for key, value in kept.items() if value} == dict(counted)
