"""What is looked at after a simulated week: all that was lost, doubled, out of order, left to a person or told where it may not be."""

import asyncio
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, select

from adapters.dosis.translate import status_of
from canonical_model.case import CaseRef
from canonical_model.public_status import PublicStatus
from journal import schema
from journal.instants import moment
from tests.flows.mixed import by_source, tallies
from tests.flows.week.actors import GONE, silences
from tests.flows.week.queues import Queues
from tests.flows.week.script import ADDRESSES, DONE, HOUR, PEOPLE, REGISTERS, Story, named_in
from tests.flows.week.world import AGAIN, IT, SETTLE, SLACK, World

_RANK = (
    PublicStatus.RECEIVED,
    PublicStatus.IN_PROGRESS,
    PublicStatus.PLANNED,
    PublicStatus.EXECUTED,
    PublicStatus.ANSWERED,
)
_PARKED = select(schema.effects.c.key, schema.effects.c.error, schema.effects.c.reason).where(
    schema.effects.c.state == "parked"
)
_REPLAYED = select(schema.audit.c.action, schema.audit.c.subject).where(schema.audit.c.action.like("%repla%"))
_ARRIVALS = (
    select(schema.cases.c.ref, schema.messages.c.received_at)
    .join(
        schema.messages,
        (schema.messages.c.source == schema.cases.c.origin)
        & (schema.messages.c.source_ref == schema.cases.c.origin_ref),
    )
    .order_by(schema.cases.c.ref)
)
_LEFT_ALONE = {ADDRESSES: "address_register_left_alone", PEOPLE: "magda_left_alone"}
_SLOW = {
    ADDRESSES: r'took longer.*"place_not_looked_up"|"adressen", "error": "TimeoutError"',
    PEOPLE: r'MAGDA took longer|"magda", "error": "TimeoutError"',
}
"""What the log says of each look-up for which the machine was too busy: patience on a line is the machine's."""
ON_ITS_WAY = HOUR / 2
"""So long after a register went or came back, a contact may still have the answer of before."""


def unfinished(connection: Connection) -> list[tuple[str, str, str]]:
    """Effects that are not settled."""
    effects = schema.effects.c
    query = select(effects.case_ref, effects.target, effects.state).where(
        effects.state.in_(("due", "claimed", "unknown"))
    )
    return [tuple(row) for row in connection.execute(query)]


async def shortcomings(around: World) -> list[str]:
    """Everything that was lost, doubled, out of order or left to a person."""
    tasks = Counter([task.name.removesuffix(".ics") for task in await around.systems.green.tasks()])
    return [
        *_unbalanced(around),
        *_not_once(around, tasks),
        *_noted_otherwise(around),
        *_board_differs(around),
        *_told_otherwise(around),
        *_systems_told_otherwise(around, await asyncio.to_thread(_news_of_garage, around)),
        *_outages_otherwise(around),
        *_looked_up_otherwise(around),
        *_left_to_people(around),
        *_out_of_order(around),
    ]


def _unbalanced(around: World) -> Iterator[str]:
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


def _not_once(around: World, tasks: Counter[str]) -> Iterator[str]:
    """One case per contact, one order per report, each story ended."""
    subjects = Counter(case.subject for case in around.systems.tracker.cases)
    orders = Counter(story.number for _, _, story in around.orders())
    for story in around.script.stories:
        if subjects[story.subject] != 1:
            yield f"{story.subject} {subjects[story.subject]} cases"
        if orders[story.number] != story.is_work:
            yield f"{story.subject} {orders[story.number]} orders"
        if story.done_at is None:
            yield f"{story.subject} never ended"
    trees = Counter(name for team, name, _ in around.orders() if team == "groen")
    if tasks != trees:
        yield f"the calendar server holds other tasks than were made: {tasks - trees} {trees - tasks}"
    steps = Counter(step.own for step in around.systems.cleaning.steps if step.own)
    yield from (f"{own} told {times} times to the cleaning team" for own, times in steps.items() if times > 1)


def _noted_otherwise(around: World) -> Iterator[str]:
    """In the tracker each story is ended, with one note of the work and its photo."""
    for case in around.systems.tracker.cases:
        story = around.story_of(case.ref)
        if case.status not in GONE:
            yield f"{case.ref} ({case.subject}) is {case.status} in the tracker"
        notes = [note.text for note in case.notes if any(words in note.text for words in DONE.values())]
        if len(notes) != story.is_work:
            yield f"{case.ref} ({story.kind}, {story.lost}): {len(notes)} notes of the work"
        if len(case.attachments) != story.is_shown:
            yield f"{case.ref} ({story.kind}, {story.lost}): {len(case.attachments)} photos of the work"
        keys = Counter(note.key for note in case.notes)
        yield from (f"{case.ref}: note {key} {times} times" for key, times in keys.items() if times > 1)


def _board_differs(around: World) -> Iterator[str]:
    """Each dossier ends as its case does, its dates only grow, and nothing older comes after something newer."""
    for case in around.systems.tracker.cases:
        versions = around.systems.dosis.versions.get(case.ref, [])
        steps = [status_of(one.upload) for one in versions]
        wanted = PublicStatus.EXECUTED if around.story_of(case.ref).is_work else PublicStatus.ANSWERED
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


def _told_otherwise(around: World) -> Iterator[str]:
    """Who was not told exactly once: by a notice of the work, by a letter with the answer."""
    bundles = map(_keys, around.systems.notificaties.bundles.values())
    notices = Counter((keys["DossierNummer"], keys["StatusVlaamseCode"]) for keys in bundles)
    letters = {
        address: [letter.message_id for letter in got]
        for address, got in around.systems.post.received().items()
    }
    ids = Counter(letter for got in letters.values() for letter in got)
    for case in around.systems.tracker.cases:
        story = around.story_of(case.ref)
        if story.is_work and notices[case.ref, "Uitgevoerd"] != 1:
            yield f"{case.ref}: {notices[case.ref, 'Uitgevoerd']} notices of the work"
        got = letters.pop(story.citizen.email, [])
        if len(got) != (0 if not story.mails else 1 if story.is_work else 2):
            yield f"{case.ref} ({story.kind}): letters {got}"
    yield from (f"notice {one} {times} times" for one, times in notices.items() if times > 1)
    yield from (f"letter {one} {times} times" for one, times in ids.items() if times > 1)
    yield from (f"{address} has letters" for address in letters.keys() - {IT})


def _keys(bundle: dict[str, Any]) -> dict[str, str]:
    return {pair["Sleutel"]: pair["Waarde"] for pair in bundle["SleutelWaardeParen"]}


def _news_of_garage(around: World) -> list[dict[str, Any]]:
    """In the order in which it lay in its queue; what came again has the id of the first."""
    garage = around.systems.garage
    news: dict[str, dict[str, Any]] = {}
    for properties, body in garage.read():
        news.setdefault(str(properties.message_id), json.loads(body))
    assert not garage.read("refused"), "the garage speaks our contract"
    return list(news.values())


def _systems_told_otherwise(around: World, garage: list[dict[str, Any]]) -> Iterator[str]:
    if around.systems.till.forged:
        yield f"{around.systems.till.forged} forged events"
    yield from _told_system_otherwise(around, "system", around.systems.till.events.values())
    yield from _told_system_otherwise(around, "garage", garage)


def _told_system_otherwise(around: World, kind: str, news: Iterable[dict[str, Any]]) -> Iterator[str]:
    """An existing system hears of each case of its own once what became of it, in the order in which it happened."""
    told: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in news:
        told[event["data"]["about"]["id"]].append(event)
    for story in around.script.stories:
        if story.kind != kind:
            continue
        events = told.pop(f"week-{story.number}", [])
        steps = [(event["type"], event["data"].get("status", "")) for event in events]
        if len(steps) != len(set(steps)) or not any("answered" in type_ for type_, _ in steps):
            yield f"{story.subject} told to its {kind}: {steps}"
        elif "accepted" not in steps[0][0]:
            yield f"{story.subject} told to its {kind} out of order: {steps}"
    yield from (f"{kind} hears of {about}, which is not its own" for about in told)


def _outages_otherwise(around: World) -> Iterator[str]:
    """One incident and two mails per outage, and none besides."""
    found = defaultdict(list)
    for row in around.look_up(lambda connection: connection.execute(select(schema.incidents)).all()):
        found[row.system].append((moment(row.opened_at), moment(row.closed_at) if row.closed_at else None))
    for target, (began, ended) in around.absences.items():
        if target in REGISTERS:
            continue
        incidents = found.pop(target, [])
        if len(incidents) != 1:
            yield f"{target}: {len(incidents)} incidents {incidents}, away from {began} to {ended}"
            continue
        ((opened, closed),) = incidents
        if not (began <= opened <= ended and closed and ended <= closed <= ended + SLACK):
            yield f"{target}: away from {began} to {ended}, the incident was from {opened} to {closed}"
    yield from (f"{system}: {incidents}, though it was there" for system, incidents in found.items())
    mails = [letter.mail["Subject"] for letter in around.systems.post.received().get(IT, [])]
    for target in around.absences.keys() - set(REGISTERS):
        about = [subject for subject in mails if f" {target}" in subject or f"{target} " in subject]
        if len(about) != 2 or len(set(about)) != 2:
            yield f"{target}: mails {about}"
    if len(mails) != 2 * len(around.absences.keys() - set(REGISTERS)):
        yield f"{len(mails)} mails about outages: {mails}"


def _looked_up_otherwise(around: World) -> Iterator[str]:
    """Each contact got its point, and a name where it had none; but for those that came while the register was away."""
    opened = around.systems.tracker.opened
    nameless = [ref for ref in opened if not around.story_of(ref).is_named]
    yield from _differs_from_register(
        around, ADDRESSES, {ref: case.location.point is not None for ref, case in opened.items()}
    )
    yield from _differs_from_register(around, PEOPLE, {ref: bool(opened[ref].party.name) for ref in nameless})


def _differs_from_register(around: World, register: str, known: Mapping[CaseRef, bool]) -> Iterator[str]:
    """`known`: whether it told what was asked, by case."""
    log = (around.folder / "hub.log").read_text()
    began, ended = around.absences[register]
    arrivals = around.look_up(lambda connection: connection.execute(_ARRIVALS).all())
    came = {ref: moment(at) for ref, at in arrivals if ref in known}
    during = {ref for ref, at in came.items() if began + ON_ITS_WAY <= at <= ended}
    outside = {ref for ref, at in came.items() if not began <= at <= ended + ON_ITS_WAY}
    if not during or _LEFT_ALONE[register] not in log:
        yield f"nobody asked while {register} was away"
    if told := [ref for ref in during if known[ref]]:
        yield f"{register} told of {told} though it was away from {began} to {ended}"
    missed = {ref: came[ref] for ref in outside if not known[ref]}
    if len(missed) > len(re.findall(_SLOW[register], log)):
        yield f"{register} told nothing of {missed}, away only from {began} to {ended}"


def _left_to_people(around: World) -> Iterator[str]:
    """Nobody had to replay; who was silent was noticed, and is no more."""
    yield from (f"parked: {row}" for row in around.look_up(lambda c: c.execute(_PARKED).all()))
    yield from (f"audited: {row}" for row in around.look_up(lambda c: c.execute(_REPLAYED).all()))
    items = around.look_up(lambda c: c.execute(select(schema.work_items)).all())
    yield from (f"left open: {one.case_ref} {one.name}: {one.what}" for one in items if one.closed_at is None)
    silent = around.look_up(silences)
    for case in around.systems.tracker.cases:
        if around.story_of(case.ref).kind == "silent" and case.ref not in silent:
            yield f"{case.ref}: nobody noticed the silence"


def _out_of_order(around: World) -> Iterator[str]:
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


def healed(around: World) -> tuple[dict[str, timedelta], list[str]]:
    """How long after its end the slowest work of each team stood at DOSIS, lost ones by themselves; and what was too late."""
    longest: dict[str, timedelta] = {}
    late: list[str] = []
    found = {one["case"] for one in differences(around)}
    for case in around.systems.tracker.cases:
        story = around.story_of(case.ref)
        versions = around.systems.dosis.versions.get(case.ref, [])
        shown = [one for one in versions if status_of(one.upload) is PublicStatus.EXECUTED]
        if not story.is_work or story.done_at is None or not shown:
            continue
        at = around.clock.at(shown[0].ready_at)
        name = f"{story.kind} {story.lost}".strip()
        longest[name] = max(longest.get(name, timedelta()), at - story.done_at)
        if at - story.done_at > _term(around, story, at):
            late.append(f"{case.ref}: done at {story.done_at}, told at {at} ({name})")
        if story.lost and case.ref not in found and story.kind in ("wegen", "reiniging"):
            late.append(f"{case.ref} ({name}): its completion was never told, and nobody looked")
    return longest, late


def _term(around: World, story: Story, told: datetime) -> timedelta:
    """Between two looks, and as long as whoever is needed for it was away."""
    assert story.done_at
    done = story.done_at
    away = sum(
        (ended - began for began, ended in around.absences.values() if began < told and ended > done),
        timedelta(),
    )
    return away + SLACK + (AGAIN + SETTLE if story.lost else timedelta())


def differences(around: World) -> list[dict[str, Any]]:
    """What the reconciler found."""
    lines = (around.folder / "hub.log").read_text().splitlines()
    return [json.loads(line) for line in lines if '"difference_found"' in line]


def seen_where_it_may_not_be(around: World, metrics: str) -> Iterator[str]:
    """Where administrators, monitors and brokers look, nobody is named; nor in what ever lay in a queue of the hub."""
    said = {
        "log": (around.folder / "hub.log").read_text(errors="replace"),
        "metrics": metrics,
        "broker": around.wire.said.decode(errors="replace"),
        "letters to the administrators": "".join(
            letter.mail.as_string() for letter in around.systems.post.received().get(IT, [])
        ),
        **around.look_up(_in_clear),
    }
    if "attempt_failed" not in said["log"] or "wegwijzer_" not in metrics:
        yield "there was nothing to search"
    if len(re.findall(r"[0-9a-f]{32}", said["broker"])) < len(around.script.stories):
        yield "the broker heard too little to search"
    for where, text in said.items():
        if found := named_in(text, around.script.citizens):
            yield f"{where} tells {found[:5]}"
    yield from _lay_in_queues(around.queues)


def _lay_in_queues(queues: Queues) -> Iterator[str]:
    if queues.found:
        yield f"in the queues lay {sorted(queues.found)[:5]}"
    if "wegwijzer.effects" not in queues.names:
        yield f"the hub's queue is not among {queues.names}"
    if queues.blind or not queues.looks:
        yield f"{queues.blind} of {queues.looks} looks at the queues saw nothing"
    yield from (f"queue {name} may hold what was not looked at" for name in queues.elsewhere)


def _in_clear(connection: Connection) -> dict[str, str]:
    """What the journal says to whoever may look at it without a reason to know a customer."""
    tables: tuple[Table, ...] = (
        schema.attempts, schema.incidents, schema.systems, schema.work_items, schema.messages, schema.effects, schema.timers,
        schema.checkpoints, schema.audit, schema.standings, schema.case_history, schema.cases,
    )  # fmt: skip
    return {one.name: repr(connection.execute(select(one)).all()) for one in tables}
