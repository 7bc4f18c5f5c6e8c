"""Taking a message in: stored, recognised, routed and its effects written down, all in one transaction.

Idempotent Receiver: the same (source, source_ref) again gives the first receipt. Routes are pure, so they
run inside the transaction: there is no state in which a message is stored but nobody decided about it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import structlog
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, bindparam, func, null, select, update

from canonical_model.case import EMPTY_CARD, CaseRecord, CaseRef, case_ref
from canonical_model.codec import (
    SCHEMA_VERSION,
    UnreadableError,
    command_name,
    decode_card,
    encode,
    event_name,
)
from canonical_model.commands import ChangeCase
from canonical_model.contact import Channel, Kind
from canonical_model.decision import Decision, Fate, Intent, Known, Match, Reference, Router, Sent, Timer
from canonical_model.events import (
    CaseChanged,
    CaseErased,
    ContactReceived,
    DeliveryRefused,
    Event,
    TimerFired,
    WorkOrderChanged,
    WorkShown,
)
from canonical_model.message import Message, MessageId
from canonical_model.status import CaseStatus
from journal.among import among
from journal.apart import Apart
from journal.asking import NOT_YET, asked_until
from journal.awaiting import why_it_waits
from journal.case_numbers import CaseNumbers
from journal.claims import Claimed, Ticket
from journal.crypto import DataKey, Keyring, SealBrokenError
from journal.database import Transaction
from journal.instants import DAY, micros, moment, new_id
from journal.recovery import Recovery
from journal.rows import InsertRows, PutRows, UpdateRows, Write, write_together
from journal.schema import (
    bodies,
    case_history,
    cases,
    data_keys,
    effects,
    files,
    messages,
    references,
    timers,
)
from journal.sent import sent_of
from journal.standings import Outside
from ports.errors import RejectedError
from ports.intake import Inbound, Receipt

log = structlog.get_logger()

OWN_NUMBER = "case"
"""The system of our own case numbers: they name their case themselves, without a row of references."""
HANDOUT_GRACE = 20_000_000
"""How long a freshly written effect is left to the hand-out before the sweeper looks after it (20 s)."""


@dataclass(slots=True)
class Arrival:
    """A message on its way in, with its key and, once routed, the effects that can start."""

    inbound: Inbound
    id: str
    identity: str
    content_hash: str
    key: DataKey
    traceparent: str = ""
    event: Event | None = None
    ticket: Ticket | None = None
    raw: bytes = field(default=b"", repr=False)  # sealed, as it will be stored
    canonical: bytes | None = field(default=None, repr=False)


class Accepted(Struct, frozen=True):
    """The receipt, the effects that may be handed out now, and those that the ticket's worker has claimed."""

    receipt: Receipt
    effects: tuple[str, ...] = ()
    claimed: tuple[Claimed, ...] = ()


class CaseRow(NamedTuple):
    """A case as it is stored, and the key that it is sealed with."""

    ref: str
    kind: str
    channel: str
    handler_group: str
    status: str
    category: str
    area: str
    tracker_id: str
    tracker_version: int
    origin: str
    origin_ref: str
    answered_at_once: bool
    opened_at: int
    due: int | None
    effect_count: int
    card: bytes | None
    card_version: int
    key_id: str
    wrapped: bytes | None


class CaseState(Struct):
    """A case while a transaction works on it."""

    record: CaseRecord
    effect_count: int
    key: DataKey | None
    new: bool = False
    changed: bool = False
    card_changed: bool = False
    lanes: set[str] = set()  # a Struct makes a new one for each


@dataclass(frozen=True, slots=True)
class Rules:
    """The routes, and the version of the configuration they were made from: replaced together, never one alone."""

    router: Router
    config_version: str = ""


class Intake:
    """Writes messages and decisions. One instance per process; `rules` may be replaced between transactions."""

    def __init__(self, keyring: Keyring, rules: Rules, *, prefix: str, apart: Apart | None = None) -> None:
        self.keyring = keyring
        self.rules = rules
        self.prefix = prefix
        self.apart = apart
        self.recovery = Recovery()
        self.numbers = CaseNumbers()

    def arrival(
        self, inbound: Inbound, now: int, traceparent: str = "", ticket: Ticket | None = None
    ) -> Arrival:
        """Prepare a message for `accept_many`: its id, its key, its hashes, its sealed bodies.

        All that needs no transaction is done here, so that a transaction is short.
        """
        id_ = new_id(now)
        key = self.keyring.new_key(id_)
        return Arrival(
            inbound=inbound,
            id=id_,
            identity=self.keyring.find_hash(f"identity/{inbound.source}", inbound.source_ref),
            content_hash=self.keyring.content_hash(inbound.raw),
            key=key,
            traceparent=traceparent,
            event=inbound.event,
            ticket=ticket,
            raw=key.seal(id_, "raw", inbound.raw),
            canonical=key.seal(id_, "canonical", encode(inbound.event)) if inbound.event else None,
        )

    def accept_many(self, tx: Transaction, arrivals: list[Arrival]) -> list[Accepted | BaseException]:
        """Store and route; duplicates get the receipt of the first."""
        routing = Routing(self, tx, arrivals)
        routing.lock()
        known = self._already_here(tx, arrivals)
        fresh: dict[str, Arrival] = {}
        for arrival in arrivals:
            if arrival.identity not in known:
                fresh.setdefault(arrival.identity, arrival)
        routing.arrivals = list(fresh.values())
        started = routing.run()
        return [self._answer(arrival, known, fresh, started, routing.claimed) for arrival in arrivals]

    def _already_here(self, tx: Transaction, arrivals: list[Arrival]) -> dict[str, tuple[str, str]]:
        rows = tx.connection.execute(_KNOWN, {"identities": [arrival.identity for arrival in arrivals]})
        return {identity: (id_, content) for identity, id_, content in rows}

    def _answer(
        self,
        arrival: Arrival,
        known: dict[str, tuple[str, str]],
        fresh: dict[str, Arrival],
        started: dict[str, tuple[str, ...]],
        claimed: dict[str, list[Claimed]],
    ) -> Accepted | BaseException:
        first = fresh.get(arrival.identity)
        if first is arrival:
            taken = tuple(claimed.get(arrival.id, ()))
            begun = {effect.id for effect in taken}
            waiting = tuple(id_ for id_ in started.get(arrival.id, ()) if id_ not in begun)
            return Accepted(Receipt(message_id=arrival.id), waiting, taken)
        id_, content = (first.id, first.content_hash) if first else known[arrival.identity]
        if content != arrival.content_hash:
            return RejectedError(
                "this id was used before for another content: the first one is kept",
                detail=f"message {id_} of {arrival.inbound.source}",
            )
        return Accepted(Receipt(message_id=id_, duplicate=True))


class Routing:
    """One transaction's routing: looks up, decides message by message, writes everything at the end."""

    def __init__(self, intake: Intake, tx: Transaction, arrivals: list[Arrival]) -> None:
        self.intake = intake
        self.rules = intake.rules  # one configuration for the whole transaction
        self.tx = tx
        self.arrivals = arrivals
        self.now = moment(tx.now)
        self.states: dict[str, CaseState] = {}
        self.outside = Outside(tx)
        self.asked: dict[str, datetime] = {}
        self.sent: dict[str, tuple[Sent, ...]] = {}
        self.owners: dict[str, str] = {}
        self.noted: dict[str, int] = {}
        self.recent: Counter[str] = Counter()
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.started: dict[str, tuple[str, ...]] = {}
        self.claimed: dict[str, list[Claimed]] = {}
        self.timers: dict[tuple[str, str], Timer | None] = {}
        self.problems: dict[str, str] = {}
        self.unopened: dict[str, str] = {}
        self.bulk = {arrival.id for arrival in arrivals if arrival.inbound.bulk}
        self._counted: set[tuple[str, str]] = set()
        self._keys: set[str] = set()
        self._names: dict[str, list[tuple[Reference, str]]] = {}
        self._hashes: dict[tuple[str, str], str] = {}
        self._rehearsing = False
        self._opened = 0
        self._openings: dict[str, list[str]] = {}

    def lock(self) -> None:
        """Keep other processes from deciding about the same messages and cases until this transaction ends."""
        asked = [hashed for arrival in self.arrivals for _, hashed in self._references(arrival)]
        self.tx.lock([*(arrival.identity for arrival in self.arrivals), *asked])

    def run(self) -> dict[str, tuple[str, ...]]:
        """Route all arrivals; message id -> effects that may start."""
        if not self.arrivals:
            return {}
        self.load()
        for arrival in self.arrivals:
            self._take_in(arrival)
        self.flush()
        return self.started

    def load(self) -> None:
        """Read which cases the references of the arrivals belong to, and the cases."""
        hashes = [hashed for arrival in self.arrivals for _, hashed in self._references(arrival)]
        if not hashes:
            return
        recalled = self.intake.recovery.openings
        self.owners.update((hashed, recalled[hashed]) for hashed in hashes if hashed in recalled)
        asked = {"hashes": hashes, "since": self.tx.now - DAY}
        for hashed, owner, at, count in self.tx.connection.execute(_REFERRED, asked):
            self.recent[hashed] = int(count)
            if owner:
                self.owners[hashed], self.noted[hashed] = owner, at
        self.load_cases(set(self.owners.values()))
        self.outside.load(self.states)
        news = {one.event.case for one in self.arrivals if isinstance(one.event, CaseChanged)}
        self.asked |= asked_until(self.tx.connection, news)
        erased = {one.event.case for one in self.arrivals if isinstance(one.event, CaseErased)}
        self.sent |= sent_of(self.tx.connection, erased)

    def load_cases(self, refs: Iterable[str], *, cards: bool = True) -> None:
        """Read cases, locked against other processes; without their cards where nobody writes to the customer."""
        wanted = sorted(set(refs) - self.states.keys())
        if not wanted:
            return
        query = _CASES if cards else _CASES_WITHOUT_CARDS
        for row in map(CaseRow._make, self.tx.connection.execute(query, {"refs": wanted})):
            try:
                self.states[row.ref] = self._case_state(row)
            except (SealBrokenError, UnreadableError) as error:
                self.unopened[row.ref] = f"its case {row.ref} can't be opened: {error}"

    def apply(
        self, decision: Decision, message_id: str, key: DataKey | None, ticket: Ticket | None = None
    ) -> tuple[str, ...]:
        """Note down what was decided about a case; the ids of effects that may start at once."""
        if decision.case is None:
            return ()
        state = self._noted_case(decision.case, message_id, key)
        ref = state.record.ref
        for reference in decision.references:
            self._note_reference(reference, ref)
        self.outside.note(ref, decision, new=state.new)
        self.timers |= {(ref, name): None for name in decision.cancelled_timers}
        self.timers |= {(ref, timer.name): timer for timer in decision.timers}
        if any(isinstance(one.command, ChangeCase) for one in decision.intents):
            self.asked[ref] = NOT_YET
        sealing = key if decision.outlives_case else state.key
        return self._note_effects(decision.intents, state, sealing, message_id, ticket)

    def foresee(self, arrival: Arrival) -> tuple[Decision | None, str]:
        """What would be decided about a message, or why nothing can be; nothing is noted down."""
        self._rehearsing = True  # no case number is given out, nor its row made
        self.arrivals = [arrival]
        self.load()
        return self._decide(arrival)

    def again(self, arrival: Arrival, row: Any) -> tuple[str, ...] | BaseException:
        """Decide anew about a stored message; the effects that may start, or why it is still parked."""
        self.arrivals = [arrival]
        self.lock()
        self.load()
        decision, problem = self._decide(arrival)
        if decision is None:
            return RejectedError(problem)
        started = self.apply(decision, arrival.id, arrival.key)
        self.flush()
        state = _state(decision, len(started))
        case = decision.case.ref if decision.case else None
        self.tx.connection.execute(
            update(messages)
            .where(messages.c.id == arrival.id)
            .values(
                state=state,
                reason=decision.reason,
                rule=decision.rule,
                case_ref=case,
                open_effects=len(started),
                parked_effects=0,
                config_version=self.rules.config_version,
            )
        )
        self.tx.connection.execute(
            update(data_keys).where(data_keys.c.message_id == arrival.id).values(case_ref=case)
        )
        self.tx.count(row.received_at, row.source, row.state, -1)
        self.tx.count(row.received_at, row.source, state, 1)
        return started

    def flush(self, also: Iterable[Write] = ()) -> None:
        """Write all rows: new ones and what changed, with what else belongs to this transaction."""
        if self._opened:
            self.intake.numbers.note_used(self.tx)
        self._remove_timers()
        changed = [state for state in self.states.values() if state.changed and not state.new]
        write_together(
            self.tx.connection,
            (*self._new_rows(), (_CASE, [_case_row(state, self.tx.now) for state in changed]), *also),
        )
        InsertRows(files).run(self.tx.connection, self.rows.get("files", []))  # they may be large
        cards = [state for state in self.states.values() if state.card_changed]
        _CARD.run(self.tx.connection, [_card(state) for state in cards])
        self.outside.flush()
        if self._openings and self.intake.apart:
            note = partial(self.intake.apart.note_openings, self._openings, self.now)
            self.tx.afterwards.append(note)

    def _references(self, arrival: Arrival) -> list[tuple[Reference, str]]:
        """Under which names and hashes its case may be known; asked once."""
        if arrival.id not in self._names:
            self._names[arrival.id] = self._named(arrival)
        return self._names[arrival.id]

    def _named(self, arrival: Arrival) -> list[tuple[Reference, str]]:
        if arrival.event is None:
            return []
        try:
            names = self.rules.router.references(self._message(arrival, arrival.event))
        except Exception as error:  # noqa: BLE001 - as in `_decide`: parked, not lost
            self.problems[arrival.id] = _route_failed(arrival, error)
            return []
        asked = [(name, self._hash(name)) for name in names]
        self.owners.update((hashed, name.value) for name, hashed in asked if name.system == OWN_NUMBER)
        return asked

    def _hash(self, name: Reference) -> str:
        """Under which hash a reference is found; made once, whether it is asked for or noted down."""
        known = self._hashes.get((name.system, name.value))
        if known is None:
            known = self.intake.keyring.find_hash(name.system, name.value)
            self._hashes[name.system, name.value] = known
        return known

    def _message(self, arrival: Arrival, event: Event) -> Message:
        return Message(
            id=MessageId(arrival.id),
            source=arrival.inbound.source,
            source_ref=arrival.inbound.source_ref,
            received_at=self.now,
            body=event,
        )

    def _take_in(self, arrival: Arrival) -> None:
        if isinstance(arrival.event, TimerFired):
            self.timers[arrival.event.case, arrival.event.name] = None
        decision, problem = self._decide(arrival)
        if decision is not None:
            self.started[arrival.id] = self.apply(decision, arrival.id, arrival.key, arrival.ticket)
            if decision.case is not None:
                self._openings.get(decision.case.ref, []).append(arrival.identity)
        self._note_message(arrival, decision, problem)

    def _decide(self, arrival: Arrival) -> tuple[Decision | None, str]:
        if arrival.event is None:
            problem = arrival.inbound.problem
            return None, problem.what if problem else "not understood"
        asked = self._references(arrival)
        owners = [(name, hashed, self.owners[hashed]) for name, hashed in asked if hashed in self.owners]
        unopened = self._unopened(ref for _, _, ref in owners)
        if why := self.problems.get(arrival.id) or unopened or self._awaited(arrival):
            return None, why
        if gone := self._erased(asked):
            return Decision(fate=Fate.DROPPED, reason=f"handed over again, but {gone} was erased"), ""
        known = Known(
            matches=tuple(
                Match(
                    reference=name,
                    case=self.states[ref].record,
                    standings=self.outside.of(ref),
                    asked_until=self.asked.get(ref),
                    sent=self.sent.get(ref, ()),
                    noted_at=moment(self.noted[hashed]) if hashed in self.noted else None,
                )
                for name, hashed, ref in owners
                if ref in self.states and self.states[ref].key  # an erased case is nobody's any more
            ),
            next_ref=self._recalled_ref(arrival, asked) or self._next_ref(),
            now=self.now,
            recent_cases=max((self.recent[hashed] for _, hashed in asked), default=0),
        )
        try:
            return self.rules.router.decide(self._message(arrival, arrival.event), known), ""
        except Exception as error:  # noqa: BLE001 - a broken route must not lose or stop a message
            return None, _route_failed(arrival, error)

    def _unopened(self, refs: Iterable[str]) -> str:
        return next((self.unopened[ref] for ref in refs if ref in self.unopened), "")

    def _awaited(self, arrival: Arrival) -> str:
        """After a restore: news of a case whose contact has not been handed over again yet."""
        event, recalled = arrival.event, self.intake.recovery.openings
        if not isinstance(event, _NEWS) or event.case is None or event.case in self.states:
            return ""
        return why_it_waits(event.case) if event.case in recalled.values() else ""

    def _erased(self, asked: list[tuple[Reference, str]]) -> str:
        """After a restore: the case that this contact opened before it, when it was erased since."""
        recalled = self.intake.recovery.openings
        refs = [recalled[hashed] for _, hashed in asked if hashed in recalled]
        return next((ref for ref in refs if ref in self.states and self.states[ref].key is None), "")

    def _recalled_ref(self, arrival: Arrival, asked: list[tuple[Reference, str]]) -> CaseRef | None:
        """After a restore: the number of the case that this contact opened before it, while nobody has it."""
        recalled = self.intake.recovery.openings
        hashes = (arrival.identity, *(hashed for _, hashed in asked))
        ref = next((recalled[hashed] for hashed in hashes if hashed in recalled), None)
        if ref is None:
            return None
        self.load_cases([ref])
        return None if ref in self.states or ref in self.unopened else CaseRef(ref)

    def _next_ref(self) -> CaseRef:
        year = self.now.year
        number = 0 if self._rehearsing else self.intake.numbers.block(self.tx, year).next
        return case_ref(self.intake.prefix, year, number)

    def _case_state(self, row: CaseRow) -> CaseState:
        key = self.intake.keyring.unwrap(row.key_id, row.wrapped) if row.wrapped else None
        card = EMPTY_CARD
        if key and row.card is not None:
            card = decode_card(key.open(row.ref, "card", row.card), row.card_version)
        record = CaseRecord(
            ref=CaseRef(row.ref),
            kind=Kind(row.kind),
            channel=Channel(row.channel),
            group=row.handler_group,
            status=CaseStatus(row.status),
            opened_at=moment(row.opened_at),
            due=moment(row.due) if row.due else None,
            category=row.category,
            area=row.area,
            tracker_id=row.tracker_id,
            tracker_version=row.tracker_version,
            origin=row.origin,
            origin_ref=row.origin_ref,
            answered_at_once=row.answered_at_once,
            card=card,
        )
        return CaseState(record, row.effect_count, key)

    def _noted_case(self, record: CaseRecord, message_id: str, key: DataKey | None) -> CaseState:
        state = self.states.get(record.ref)
        if state is None:
            state = CaseState(record, 0, key, new=True, changed=True)
            self.states[record.ref] = state
            if self.tx.numbers and record.ref == self._next_ref():
                self.tx.numbers.next += 1
                self._opened += 1
            self._openings[record.ref] = []
            self._note_history(record, message_id)
            return state
        old, state.record = state.record, record
        state.changed = state.changed or record != old
        state.card_changed = state.card_changed or record.card != old.card
        if (record.status, record.group) != (old.status, old.group):
            self._note_history(record, message_id)
        return state

    def _note_history(self, record: CaseRecord, message_id: str) -> None:
        self._row(
            "case_history",
            case_ref=record.ref,
            at=self.tx.now + len(self.rows.get("case_history", ())),  # one commit, several steps: in order
            status=str(record.status),
            handler_group=record.group,
            caused_by=message_id,
        )

    def _note_reference(self, reference: Reference, ref: str) -> None:
        hashed = self._hash(reference)
        if reference.exclusive:
            self.owners.setdefault(hashed, ref)
            self._openings.get(ref, []).append(hashed)
        elif self.states[ref].new and (hashed, ref) not in self._counted:
            self._counted.add((hashed, ref))
            self.recent[hashed] += 1
        self._row(
            "case_references",
            hash=hashed,
            shared_by="" if reference.exclusive else ref,
            case_ref=ref,
            system=reference.system,
            shown=reference.value if reference.shown else "",
            at=self.tx.now,
        )

    def _note_effects(
        self,
        intents: tuple[Intent, ...],
        state: CaseState,
        sealing: DataKey | None,
        message_id: str,
        ticket: Ticket | None,
    ) -> tuple[str, ...]:
        if not intents or sealing is None:  # for an erased case nothing more can be written
            return ()
        wanted = {effect_key(state.record.ref, intent): intent for intent in intents}
        there = self._existing_keys(list(wanted)) if not state.new else self._keys
        return tuple(
            self._note_effect(key, intent, state, sealing, message_id, ticket)
            for key, intent in wanted.items()
            if key not in there
        )

    def _existing_keys(self, keys: list[str]) -> set[str]:
        rows = self.tx.connection.execute(_KEYS, {"keys": keys})
        return self._keys.union(key for (key,) in rows)

    def _note_effect(
        self,
        key: str,
        intent: Intent,
        state: CaseState,
        sealing: DataKey,
        message_id: str,
        ticket: Ticket | None,
    ) -> str:
        id_ = new_id(self.tx.now)
        self._keys.add(key)
        due = max(self.tx.now, micros(intent.not_before)) if intent.not_before else self.tx.now
        claim = self._claim_at_birth(id_, key, intent, state, message_id, ticket, due)
        self._row(
            "effects",
            id=id_,
            key=key,
            case_ref=state.record.ref,
            message_id=message_id,
            target=intent.target,
            action=command_name(intent.command),
            seq=state.effect_count,
            blocking=intent.blocking,
            due_at=due,
            outside_id="",
            error="",
            reason="",
            created_at=self.tx.now,
            finished_at=None,
            key_id=sealing.id,
            bulk=message_id in self.bulk,
            **claim,
        )
        self._row(
            "bodies",
            owner=id_,
            key_id=sealing.id,
            media_type="application/json",
            raw=None,
            canonical=sealing.seal(id_, "canonical", encode(intent.command)),
            schema_version=SCHEMA_VERSION,
        )
        self.tx.count_effect(id_, intent.target, "written", 1)
        self.tx.count_effect(id_, intent.target, "waiting", 1)
        state.effect_count += 1
        state.changed = True
        return id_

    def _claim_at_birth(
        self,
        id_: str,
        key: str,
        intent: Intent,
        state: CaseState,
        message_id: str,
        ticket: Ticket | None,
        due: int,
    ) -> dict[str, Any]:
        """Claimed by the ticket's worker when it is the very first of its lane, otherwise due."""
        first = state.new and intent.target not in state.lanes
        state.lanes.add(intent.target)
        if self.intake.recovery.doubtful(state.record.ref, self.tx.now):
            return {"state": "unknown", "attempts": 0, "owner": "", "handout_at": due, "deaths": 1}
        if ticket is None or not first or due > self.tx.now or intent.target not in ticket.targets:
            grace = HANDOUT_GRACE if due == self.tx.now and message_id not in self.bulk else 0
            return {"state": "due", "attempts": 0, "owner": "", "handout_at": due + grace, "deaths": 0}
        self.claimed.setdefault(message_id, []).append(
            Claimed(
                id=id_,
                key=key,
                case_ref=state.record.ref,
                message_id=message_id,
                target=intent.target,
                action=command_name(intent.command),
                attempt=1,
                probe=False,
                command=intent.command,
            )
        )
        handout = self.tx.now + ticket.lease
        return {
            "state": "claimed",
            "attempts": 1,
            "owner": ticket.owner,
            "handout_at": handout,
            "deaths": 0,
        }

    def _note_message(self, arrival: Arrival, decision: Decision | None, problem: str) -> None:
        started = self.started.get(arrival.id, ())
        state = _state(decision, len(started))
        inbound = arrival.inbound
        channel = str(arrival.event.contact.channel) if isinstance(arrival.event, ContactReceived) else ""
        case = decision.case.ref if decision and decision.case else None
        self._row(
            "messages",
            id=arrival.id,
            identity=arrival.identity,
            source=inbound.source,
            source_ref=inbound.source_ref,
            content_hash=arrival.content_hash,
            kind=event_name(arrival.event) if arrival.event else "not_understood",
            channel=channel,
            state=state,
            reason=decision.reason if decision else problem,
            rule=decision.rule if decision else "",
            case_ref=case,
            open_effects=len(started),
            parked_effects=0,
            received_at=self.tx.now,
            schema_version=SCHEMA_VERSION,
            config_version=self.rules.config_version,
            traceparent=arrival.traceparent,
        )
        self._note_bodies(arrival, None if decision and decision.outlives_case else case)
        self.tx.count(self.tx.now, inbound.source, "received", 1)
        self.tx.count(self.tx.now, inbound.source, state, 1)

    def _note_bodies(self, arrival: Arrival, case: str | None) -> None:
        id_, key, inbound = arrival.id, arrival.key, arrival.inbound
        self._row("data_keys", message_id=id_, case_ref=case, wrapped=key.wrapped)
        self._row(
            "bodies",
            owner=id_,
            key_id=id_,
            media_type=inbound.media_type,
            raw=arrival.raw,
            canonical=arrival.canonical,
            schema_version=SCHEMA_VERSION,
        )
        for claim, content in {file.attachment.claim: file.content for file in inbound.files}.items():
            self._row("files", message_id=id_, claim=claim, data=key.seal(id_, claim, content))

    def _new_rows(self) -> Iterator[Write]:
        opened = [state for state in self.states.values() if state.new and state.changed]
        yield InsertRows(cases), [_case_row(state, self.tx.now) | _card(state) for state in opened]
        for table in (messages, bodies, data_keys, effects):
            yield InsertRows(table), self.rows.get(table.name, [])
        for table in (references, case_history):
            yield InsertRows(table, ignoring=True), self.rows.get(table.name, [])
        yield _TIMERS, [_timer_row(case, timer) for (case, _), timer in self.timers.items() if timer]

    def _remove_timers(self) -> None:
        for case, name in [key for key, timer in self.timers.items() if timer is None]:
            self.tx.connection.execute(
                timers.delete().where(timers.c.case_ref == case, timers.c.name == name)
            )

    def _row(self, table: str, **values: Any) -> None:
        self.rows.setdefault(table, []).append(values)


_NEWS = (CaseChanged, WorkOrderChanged, WorkShown, DeliveryRefused)
"""What systems outside tell of a case by themselves."""


def effect_key(ref: str, intent: Intent) -> str:
    """The name of an intention for ever: the same intention always has the same key, and happens once."""
    key = f"{ref}/{intent.target}/{command_name(intent.command)}"
    return f"{key}/{intent.discriminator}" if intent.discriminator else key


def _route_failed(arrival: Arrival, error: Exception) -> str:
    """Tell the log, with its trace; the words for people."""
    kind = type(error).__name__
    log.error("route_failed", message_id=arrival.id, error=kind, exc_info=error)
    return f"a route failed on this message ({kind}): an administrator must look"


def _state(decision: Decision | None, effects_: int) -> str:
    if decision is None:
        return "parked"
    if decision.fate is Fate.ROUTED:
        return "waiting" if effects_ else "done"
    return str(decision.fate)


def _case_row(state: CaseState, now: int) -> dict[str, Any]:
    record = state.record
    return {
        "ref": record.ref,
        "kind": str(record.kind),
        "channel": str(record.channel),
        "handler_group": record.group,
        "status": str(record.status),
        "category": record.category,
        "area": record.area,
        "tracker_id": record.tracker_id,
        "opened_at": micros(record.opened_at),
        "changed_at": now,
        "due": micros(record.due) if record.due else None,
        "effect_count": state.effect_count,
        "tracker_version": record.tracker_version,
        "origin": record.origin,
        "origin_ref": record.origin_ref,
        "answered_at_once": record.answered_at_once,
        "key_id": state.key.id if state.key else "",
    }


def _timer_row(case: str, timer: Timer) -> dict[str, Any]:
    return {"case_ref": case, "name": timer.name, "due_at": micros(timer.due), "round": timer.round}


def _card(state: CaseState) -> dict[str, Any]:
    ref, key = state.record.ref, state.key
    sealed = key.seal(ref, "card", encode(state.record.card)) if key else None
    return {"ref": ref, "card": sealed, "card_version": SCHEMA_VERSION}


_CASE = UpdateRows(
    cases,
    "ref",
    (
        "handler_group",
        "status",
        "category",
        "area",
        "tracker_id",
        "changed_at",
        "due",
        "effect_count",
        "tracker_version",
    ),
)
_CARD = UpdateRows(cases, "ref", ("card", "card_version"))
_TIMERS = PutRows(timers, ("case_ref", "name"))

# The questions of the busiest path, put together once.
_KNOWN = select(messages.c.identity, messages.c.id, messages.c.content_hash).where(
    among(messages.c.identity, "identities")
)
_REFERRED = (  # whose a reference is, and how many cases hang lately on one that is nobody's alone
    select(
        references.c.hash,
        func.max(references.c.case_ref).filter(references.c.shared_by == ""),
        func.min(references.c.at).filter(references.c.shared_by == ""),
        func.count().filter(references.c.shared_by != "", references.c.at > bindparam("since")),
    )
    .where(among(references.c.hash, "hashes"))
    .group_by(references.c.hash)
)


def _cases(card: ColumnElement[Any]) -> Select[Any]:
    stored = (card if name == "card" else cases.c[name] for name in CaseRow._fields[:-1])
    return (
        select(*stored, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.message_id == cases.c.key_id, isouter=True)
        .where(among(cases.c.ref, "refs"))
        .order_by(cases.c.ref)
        .with_for_update(of=cases)
    )


_CASES = _cases(cases.c.card)
_CASES_WITHOUT_CARDS = _cases(null())
_KEYS = select(effects.c.key).where(among(effects.c.key, "keys"))
