"""Taking a message in: stored, recognised, routed and its effects written down, all in one transaction.

Idempotent Receiver: the same (source, source_ref) again gives the first receipt. Routes are pure, so they
run inside the transaction: there is no state in which a message is stored but nobody decided about it.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import structlog
from msgspec import Struct
from sqlalchemy import ColumnElement, bindparam, func, null, select, update

from canonical_model.case import EMPTY_CARD, CaseRecord, CaseRef, case_ref
from canonical_model.codec import (
    SCHEMA_VERSION,
    UnreadableError,
    command_name,
    decode_card,
    encode,
    event_name,
)
from canonical_model.commands import ChangeCase, Command
from canonical_model.contact import Channel, Kind
from canonical_model.decision import Decision, Fate, Intent, Known, Match, Reference, Sent, Timer
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
from canonical_model.status import CaseStatus
from journal.among import among
from journal.apart import Apart
from journal.arrivals import Arrival, Rules, arrived, route_failed
from journal.asking import NOT_YET, asked_until
from journal.awaiting import why_it_waits
from journal.case_numbers import CaseNumbers
from journal.claims import Claimed, Ticket
from journal.crypto import DataKey, Keyring, SealBrokenError
from journal.database import Transaction
from journal.instants import DAY, micros, moment, new_id
from journal.new_rows import (
    CHANGE_CARDS,
    CHANGE_CASES,
    INSERT_CASES,
    INSERT_FILES,
    MOVE_CASES,
    PUT_TIMERS,
    ChangedCard,
    ChangedCase,
    MovedCase,
    NewBody,
    NewCase,
    NewEffect,
    NewHistory,
    NewKey,
    NewMessage,
    NewReference,
    NewRows,
    NewTimer,
)
from journal.questions import Question
from journal.recovery import Recovery
from journal.rows import Write, write_together
from journal.schema import (
    cases,
    data_keys,
    effects,
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
    moved: bool = False
    card_changed: bool = False
    lanes: set[str] = set()  # a Struct makes a new one for each


class Intake:
    """Writes messages and decisions. One instance per process; `rules` may be replaced: they count for what arrives later."""

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
        """Prepare a message for `accept_many`, which decides by the rules of this moment."""
        return arrived(self.keyring, self.rules, inbound, now, traceparent, ticket)

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
        rows = _KNOWN.ask(tx.connection, identities=[arrival.identity for arrival in arrivals])
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
        self.rows = NewRows()
        self.started: dict[str, tuple[str, ...]] = {}
        self.claimed: dict[str, list[Claimed]] = {}
        self.timers: dict[tuple[str, str], Timer | None] = {}
        self.unopened: dict[str, str] = {}
        self.bulk = {arrival.id for arrival in arrivals if arrival.inbound.bulk}
        self._counted: set[tuple[str, str]] = set()
        self._keys: set[str] = set()
        self._hashes: dict[tuple[str, str], str] = {}
        self._rehearsing = False
        self._next: CaseRef | None = None
        self._opened = 0
        self._openings: dict[str, list[str]] = {}

    def lock(self) -> None:
        """Keep other processes from deciding about the same messages and cases until this transaction ends."""
        asked = [hashed for arrival in self.arrivals for _, hashed in arrival.names]
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
        for name, hashed in (named for arrival in self.arrivals for named in arrival.names):
            self._hashes[name.system, name.value] = hashed
            if name.system == OWN_NUMBER:
                self.owners[hashed] = name.value
        hashes = list(self._hashes.values())
        if not hashes:
            return
        recalled = self.intake.recovery.openings
        self.owners.update((hashed, recalled[hashed]) for hashed in hashes if hashed in recalled)
        referred = _REFERRED.ask(self.tx.connection, hashes=hashes, since=self.tx.now - DAY)
        for hashed, owner, at, count in referred:
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
        for row in map(CaseRow._make, query.ask(self.tx.connection, refs=wanted)):
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
        for name in decision.cancelled_timers:
            self.timers[ref, name] = None
        for timer in decision.timers:
            self.timers[ref, timer.name] = timer
        for intent in decision.intents:
            if isinstance(intent.command, ChangeCase):
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
                config_version=arrival.rules.config_version,
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
        now = self.tx.now
        new = [state for state in self.states.values() if state.new and state.changed]
        old = [state for state in self.states.values() if state.changed and not state.new]
        write_together(
            self.tx.connection,
            (
                (INSERT_CASES, [_new_case(state, now) for state in new]),
                *self.rows.writes(),
                (PUT_TIMERS, [_new_timer(case, timer) for (case, _), timer in self.timers.items() if timer]),
                (CHANGE_CASES, [_changed_case(state, now) for state in old if not state.moved]),
                (MOVE_CASES, [_moved_case(state, now) for state in old if state.moved]),
                *also,
            ),
        )
        INSERT_FILES.run(self.tx.connection, self.rows.files)
        cards = [state for state in self.states.values() if state.card_changed]
        CHANGE_CARDS.run(self.tx.connection, [_changed_card(state) for state in cards])
        self.outside.flush()
        if self._openings and self.intake.apart:
            note = partial(self.intake.apart.note_openings, self._openings, self.now)
            self.tx.afterwards.append(note)

    def _hash(self, name: Reference) -> str:
        """Under which hash a reference is found; made once, whether it is asked for or noted down."""
        known = self._hashes.get((name.system, name.value))
        if known is None:
            known = self.intake.keyring.find_hash(name.system, name.value)
            self._hashes[name.system, name.value] = known
        return known

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
        message, asked = arrival.message, arrival.names
        if message is None or arrival.problem:
            return None, arrival.problem
        owners = [(name, hashed, self.owners[hashed]) for name, hashed in asked if hashed in self.owners]
        recalled = None
        for _, _, ref in owners:
            if ref in self.unopened:
                return None, self.unopened[ref]
        if self.intake.recovery.openings:
            if why := self._awaited(message.body):
                return None, why
            if gone := self._erased(asked):
                reason = f"handed over again, but {gone} was erased"
                return Decision(fate=Fate.DROPPED, reason=reason), ""
            recalled = self._recalled_ref(arrival)
        known = Known(
            matches=tuple(
                self._match(name, hashed, ref)
                for name, hashed, ref in owners
                if ref in self.states and self.states[ref].key  # an erased case is nobody's any more
            ),
            next_ref=recalled or self._next_ref(),
            now=self.now,
            recent_cases=max((self.recent[hashed] for _, hashed in asked), default=0),
        )
        try:
            return arrival.rules.router.decide(message, known), ""
        except Exception as error:  # noqa: BLE001 - a broken route must not lose or stop a message
            return None, route_failed(arrival.id, error)

    def _match(self, name: Reference, hashed: str, ref: str) -> Match:
        return Match(
            reference=name,
            case=self.states[ref].record,
            standings=self.outside.of(ref),
            asked_until=self.asked.get(ref),
            sent=self.sent.get(ref, ()),
            noted_at=moment(self.noted[hashed]) if hashed in self.noted else None,
        )

    def _awaited(self, event: Event) -> str:
        """After a restore: news of a case whose contact has not been handed over again yet."""
        if not isinstance(event, _NEWS) or event.case is None or event.case in self.states:
            return ""
        return why_it_waits(event.case) if event.case in self.intake.recovery.openings.values() else ""

    def _erased(self, asked: Iterable[tuple[Reference, str]]) -> str:
        """After a restore: the case that this contact opened before it, when it was erased since."""
        recalled = self.intake.recovery.openings
        refs = [recalled[hashed] for _, hashed in asked if hashed in recalled]
        return next((ref for ref in refs if ref in self.states and self.states[ref].key is None), "")

    def _recalled_ref(self, arrival: Arrival) -> CaseRef | None:
        """After a restore: the number of the case that this contact opened before it, while nobody has it."""
        recalled = self.intake.recovery.openings
        hashes = (arrival.identity, *(hashed for _, hashed in arrival.names))
        ref = next((recalled[hashed] for hashed in hashes if hashed in recalled), None)
        if ref is None:
            return None
        self.load_cases([ref])
        return None if ref in self.states or ref in self.unopened else CaseRef(ref)

    def _next_ref(self) -> CaseRef:
        if self._next is None:
            year = self.now.year
            number = 0 if self._rehearsing else self.intake.numbers.block(self.tx, year).next
            self._next = case_ref(self.intake.prefix, year, number)
        return self._next

    def _case_state(self, row: CaseRow) -> CaseState:
        key = self.intake.keyring.unwrap(row.key_id, row.wrapped) if row.wrapped else None
        card = EMPTY_CARD
        if key and row.card is not None:
            card = decode_card(key.open(row.ref, "card", row.card), row.card_version)
        record = CaseRecord(
            ref=CaseRef(row.ref),
            kind=_KINDS[row.kind],
            channel=_CHANNELS[row.channel],
            group=row.handler_group,
            status=_STATUSES[row.status],
            opened_at=moment(row.opened_at),
            due=moment(row.due) if row.due else None,
            category=row.category,
            area=row.area,
            tracker_id=row.tracker_id,
            tracker_version=row.tracker_version,
            origin=row.origin,
            origin_ref=row.origin_ref,
            answered_at_once=bool(row.answered_at_once),
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
                self._next = None
                self._opened += 1
            self._openings[record.ref] = []
            self._note_history(record, message_id)
            return state
        old, state.record = state.record, record
        state.changed = state.changed or record != old
        state.moved = state.moved or (record.status, record.due) != (old.status, old.due)
        state.card_changed = state.card_changed or record.card != old.card
        if (record.status, record.group) != (old.status, old.group):
            self._note_history(record, message_id)
        return state

    def _note_history(self, record: CaseRecord, message_id: str) -> None:
        history = self.rows.history
        row = NewHistory(
            case_ref=record.ref,
            at=self.tx.now + len(history),  # one commit, several steps: in order
            status=str(record.status),
            handler_group=record.group,
            caused_by=message_id,
        )
        history.append(row)

    def _note_reference(self, reference: Reference, ref: str) -> None:
        hashed = self._hash(reference)
        if reference.exclusive:
            self.owners.setdefault(hashed, ref)
            self._openings.get(ref, []).append(hashed)
        elif self.states[ref].new and (hashed, ref) not in self._counted:
            self._counted.add((hashed, ref))
            self.recent[hashed] += 1
        row = NewReference(
            hash=hashed,
            shared_by="" if reference.exclusive else ref,
            case_ref=ref,
            system=reference.system,
            shown=reference.value if reference.shown else "",
            at=self.tx.now,
        )
        self.rows.references.append(row)

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
        return self._keys.union(key for (key,) in _KEYS.ask(self.tx.connection, keys=keys))

    def _note_effect(
        self,
        key: str,
        intent: Intent,
        state: CaseState,
        sealing: DataKey,
        message_id: str,
        ticket: Ticket | None,
    ) -> str:
        id_, now = new_id(self.tx.now), self.tx.now
        self._keys.add(key)
        due = max(now, micros(intent.not_before)) if intent.not_before else now
        row = NewEffect(
            id=id_,
            key=key,
            case_ref=state.record.ref,
            message_id=message_id,
            target=intent.target,
            action=command_name(intent.command),
            seq=state.effect_count,
            blocking=intent.blocking,
            due_at=due,
            handout_at=due,
            created_at=now,
            key_id=sealing.id,
            bulk=message_id in self.bulk,
        )
        first = state.new and intent.target not in state.lanes
        state.lanes.add(intent.target)
        if self.intake.recovery.doubtful(row.case_ref, now):
            row.state, row.deaths = "unknown", 1
        elif ticket and first and due == now and intent.target in ticket.targets:
            self._claim_at_birth(row, intent.command, ticket)
        elif due == now and not row.bulk:
            row.handout_at = due + HANDOUT_GRACE
        body = NewBody(
            owner=id_,
            key_id=sealing.id,
            media_type="application/json",
            raw=None,
            canonical=sealing.seal(id_, "canonical", encode(intent.command)),
            schema_version=SCHEMA_VERSION,
        )
        self.rows.effects.append(row)
        self.rows.bodies.append(body)
        self.tx.count_new_effect(intent.target)
        state.effect_count += 1
        state.changed = True
        return id_

    def _claim_at_birth(self, row: NewEffect, command: Command, ticket: Ticket) -> None:
        """The very first effect of its lane is the ticket's worker's at once."""
        row.state, row.attempts, row.owner = "claimed", 1, ticket.owner
        row.handout_at = self.tx.now + ticket.lease
        claimed = Claimed(
            id=row.id,
            key=row.key,
            case_ref=row.case_ref,
            message_id=row.message_id,
            target=row.target,
            action=row.action,
            attempt=1,
            probe=False,
            command=command,
        )
        self.claimed.setdefault(row.message_id, []).append(claimed)

    def _note_message(self, arrival: Arrival, decision: Decision | None, problem: str) -> None:
        started = self.started.get(arrival.id, ())
        state = _state(decision, len(started))
        event, source = arrival.event, arrival.inbound.source
        case = decision.case.ref if decision and decision.case else None
        row = NewMessage(
            id=arrival.id,
            identity=arrival.identity,
            source=source,
            source_ref=arrival.inbound.source_ref,
            content_hash=arrival.content_hash,
            kind=event_name(event) if event else "not_understood",
            channel=str(event.contact.channel) if isinstance(event, ContactReceived) else "",
            state=state,
            reason=decision.reason if decision else problem,
            rule=decision.rule if decision else "",
            case_ref=case,
            open_effects=len(started),
            parked_effects=0,
            received_at=self.tx.now,
            schema_version=SCHEMA_VERSION,
            config_version=arrival.rules.config_version,
            traceparent=arrival.traceparent,
        )
        self.rows.messages.append(row)
        kept_with = None if decision and decision.outlives_case else case
        self.rows.keys.append(NewKey(arrival.id, kept_with, arrival.key.wrapped))
        if arrival.body:
            self.rows.bodies.append(arrival.body)
        self.rows.files += arrival.files
        self.tx.count(self.tx.now, source, "received", 1)
        self.tx.count(self.tx.now, source, state, 1)

    def _remove_timers(self) -> None:
        for case, name in [key for key, timer in self.timers.items() if timer is None]:
            self.tx.connection.execute(
                timers.delete().where(timers.c.case_ref == case, timers.c.name == name)
            )


# By their words: an enum that is called for one costs more than the whole row.
_KINDS = {str(kind): kind for kind in Kind}
_CHANNELS = {str(channel): channel for channel in Channel}
_STATUSES = {str(status): status for status in CaseStatus}
_NEWS = (CaseChanged, WorkOrderChanged, WorkShown, DeliveryRefused)
"""What systems outside tell of a case by themselves."""


def effect_key(ref: str, intent: Intent) -> str:
    """The name of an intention for ever: the same intention always has the same key, and happens once."""
    key = f"{ref}/{intent.target}/{command_name(intent.command)}"
    return f"{key}/{intent.discriminator}" if intent.discriminator else key


def _state(decision: Decision | None, effects_: int) -> str:
    if decision is None:
        return "parked"
    if decision.fate is Fate.ROUTED:
        return "waiting" if effects_ else "done"
    return str(decision.fate)


def _new_case(state: CaseState, now: int) -> NewCase:
    record = state.record
    return NewCase(
        ref=record.ref,
        kind=str(record.kind),
        channel=str(record.channel),
        handler_group=record.group,
        status=str(record.status),
        category=record.category,
        area=record.area,
        tracker_id=record.tracker_id,
        opened_at=micros(record.opened_at),
        changed_at=now,
        due=_micros(record.due),
        effect_count=state.effect_count,
        tracker_version=record.tracker_version,
        origin=record.origin,
        origin_ref=record.origin_ref,
        answered_at_once=record.answered_at_once,
        key_id=state.key.id if state.key else "",
        card=_sealed_card(state),
        card_version=SCHEMA_VERSION,
    )


def _changed_case(state: CaseState, now: int) -> ChangedCase:
    record = state.record
    return ChangedCase(
        handler_group=record.group,
        category=record.category,
        area=record.area,
        tracker_id=record.tracker_id,
        changed_at=now,
        effect_count=state.effect_count,
        tracker_version=record.tracker_version,
        ref=record.ref,
    )


def _moved_case(state: CaseState, now: int) -> MovedCase:
    record = state.record
    return MovedCase(
        handler_group=record.group,
        status=str(record.status),
        category=record.category,
        area=record.area,
        tracker_id=record.tracker_id,
        changed_at=now,
        due=_micros(record.due),
        effect_count=state.effect_count,
        tracker_version=record.tracker_version,
        ref=record.ref,
    )


def _new_timer(case: str, timer: Timer) -> NewTimer:
    return NewTimer(case, timer.name, micros(timer.due), timer.round)


def _micros(date: datetime | None) -> int | None:
    return micros(date) if date else None


def _changed_card(state: CaseState) -> ChangedCard:
    return ChangedCard(card=_sealed_card(state), card_version=SCHEMA_VERSION, ref=state.record.ref)


def _sealed_card(state: CaseState) -> bytes | None:
    return state.key.seal(state.record.ref, "card", encode(state.record.card)) if state.key else None


# The questions of the busiest path, put together once.
_KNOWN = Question(
    select(messages.c.identity, messages.c.id, messages.c.content_hash).where(
        among(messages.c.identity, "identities")
    )
)
_REFERRED = Question(  # whose a reference is, and how many cases hang lately on one that is nobody's alone
    select(
        references.c.hash,
        func.max(references.c.case_ref).filter(references.c.shared_by == ""),
        func.min(references.c.at).filter(references.c.shared_by == ""),
        func.count().filter(references.c.shared_by != "", references.c.at > bindparam("since")),
    )
    .where(among(references.c.hash, "hashes"))
    .group_by(references.c.hash)
)


def _cases(card: ColumnElement[Any]) -> Question:
    stored = (card if name == "card" else cases.c[name] for name in CaseRow._fields[:-1])
    return Question(
        select(*stored, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.message_id == cases.c.key_id, isouter=True)
        .where(among(cases.c.ref, "refs"))
        .order_by(cases.c.ref)
        .with_for_update(of=cases)
    )


_CASES = _cases(cases.c.card)
_CASES_WITHOUT_CARDS = _cases(null())
_KEYS = Question(select(effects.c.key).where(among(effects.c.key, "keys")))
