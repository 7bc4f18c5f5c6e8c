"""The read side of the journal: what people may look at, as plain rows without personal data.

Every function takes a connection and answers within a tenth of a second at 100,000 messages: lists are
pages by key, counts stop at a bound and say so, nothing walks a whole table. Opening a seal is apart, in
`journal/revealing.py`.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, literal_column, or_, select, text

from canonical_model.case import CASE_REF
from canonical_model.codec import UnreadableError, decode_card, decode_command
from canonical_model.commands import SendMail
from canonical_model.identifiers import masked
from canonical_model.party import masked_email, masked_name
from canonical_model.standing import Standing as OutsideStanding
from canonical_model.status import OPEN
from journal.crypto import DataKey, Keyring, SealBrokenError
from journal.instants import DAY, micros, moment
from journal.schema import (
    OPEN_CASE,
    STUCK,
    attempts,
    audit,
    bodies,
    case_history,
    cases,
    data_keys,
    effects,
    files,
    incidents,
    messages,
    references,
    systems,
    tally,
    target_tally,
    timers,
)
from journal.standings import standings_of
from journal.work_items import ItemRow, items_of

PAGE: Final = 50
LOOK_BACK: Final = 5_000
"""How many rows a filtered page looks at before it hands back what it has, with the place to go on."""

LATELY: Final = 30
"""Days after which nobody knows any more whether a target works, when nothing went there."""

MOST: Final = 1_000
"""Where a count stops: "1000 or more"."""

REFERENCE_SYSTEMS: Final = ("case", "tracker", "mail-id", "form", "fingerprint")
"""The systems whose references a search tries: those of things. A customer is looked up with a purpose and a reason."""

NEEDS_SOMEBODY: Final = text("state IN ('parked', 'quarantined')")
"""Word for word the condition of the partial index: SQLite uses it only then."""

_STUCK: Final = text(STUCK)
_OPEN_CASE: Final = text(OPEN_CASE)
_OPEN_STATUSES: Final = tuple(sorted(status.value for status in OPEN))
_HEX_ID = re.compile(r"[0-9a-f]{32}")
_VARYING = re.compile(r"[A-Z]{2,5}-20[0-9]{2}-[0-9]{6,9}|\b[0-9a-f]{16,}\b|\b[0-9]{4,}\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """A message in a list. `state`: waiting, done, parked, quarantined or dropped."""

    id: str
    source: str
    source_ref: str
    kind: str
    channel: str
    state: str
    reason: str
    rule: str
    case_ref: str
    open_effects: int
    parked_effects: int
    config_version: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """Newest first. `older` is the key of the next page, "" at the end; a filtered page may be short."""

    rows: tuple[MessageRow, ...]
    older: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One try of an effect."""

    number: int
    started_at: datetime
    ended_at: datetime
    outcome: str
    error: str
    what: str
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """One intended action. `state`: due, claimed, unknown, parked, applied or skipped."""

    id: str
    key: str
    case_ref: str
    message_id: str
    target: str
    action: str
    seq: int
    blocking: bool
    state: str
    attempt_count: int
    due_at: datetime
    outside_id: str
    error: str
    reason: str
    created_at: datetime
    finished_at: datetime | None
    attempts: tuple[AttemptRow, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether nothing more happens by itself or by a person."""
        return self.state in ("applied", "skipped")


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDetail:
    """A message with its effects, and what is kept of its body (`media_type` "" = erased)."""

    row: MessageRow
    effects: tuple[EffectRow, ...]
    media_type: str
    understood: bool
    erased: bool
    file_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRow:
    """A case as the hub's index knows it. Times are UTC."""

    ref: str
    kind: str
    channel: str
    group: str
    status: str
    category: str
    area: str
    tracker_id: str
    opened_at: datetime
    changed_at: datetime
    due: datetime | None

    @property
    def open(self) -> bool:
        """Whether somebody still has to answer."""
        return self.status in _OPEN_STATUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Citizen:
    """The customer, masked. `represented`: somebody acted for it, who is not told.

    `erased`: the key is gone, and with it everything personal.
    """

    kind: str = "anonymous"
    name: str = "-"
    email: str = "-"
    phone: bool = False
    identifiers: tuple[str, ...] = ()
    language: str = ""
    represented: bool = False
    erased: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusStep:
    """One step of a case's history."""

    at: datetime
    status: str
    group: str
    caused_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAs:
    """A name of the case elsewhere; `shown` is "" when the name itself is personal."""

    system: str
    shown: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRow:
    """A date that was noted for a case."""

    name: str
    due_at: datetime
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far one system is with a case, and what is in its way.

    `state`: settled, waiting, down, paused, unknown or parked (the worst of what is open).
    """

    system: str
    state: str
    open_effects: int
    last_action: str
    last_at: datetime | None
    outside_id: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A mail that somebody got, or should get. `to_customer`: it went to the address on the case."""

    effect_id: str
    state: str
    at: datetime | None
    to: str
    to_customer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of a case's timeline. `what` is a code for a text; `link` leads to a message or an effect."""

    at: datetime
    lane: str
    what: str
    subject: str = ""
    detail: str = ""
    message_id: str = ""
    effect_id: str = ""
    still_to_come: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Passport:
    """All that is known of one case. `complete` is False when a list was cut at its bound."""

    case: CaseRow
    citizen: Citizen
    history: tuple[StatusStep, ...]
    known_as: tuple[KnownAs, ...]
    messages: tuple[MessageRow, ...]
    effects: tuple[EffectRow, ...]
    timers: tuple[TimerRow, ...]
    standings: tuple[Standing, ...]
    told: tuple[Told, ...]
    lanes: tuple[str, ...]
    timeline: tuple[Step, ...]
    outside: tuple[OutsideStanding, ...]
    items: tuple[ItemRow, ...]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """What a search found; `found_by` is the system of the reference, or message, effect or key."""

    found_by: str
    case: CaseRow | None = None
    message: MessageRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCard:
    """Failures that ask for the same remedy. `kind` is effect or message; `samples` are ids, newest first."""

    kind: str
    error: str
    where: str
    action: str
    reason: str
    count: int
    first: datetime
    last: datetime
    samples: tuple[str, ...]
    cases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Cards, the largest first; not `complete` when there are more failures than were looked at."""

    cards: tuple[FailureCard, ...]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """How one system stands. `waiting` stops at `MOST`; `state`: up, down, paused, or untried: nothing went there for `LATELY` days."""

    name: str
    state: str
    paused_by: str
    paused_reason: str
    failures: int
    open_until: datetime | None
    down_since: datetime | None
    last_ok_at: datetime | None
    last_error_at: datetime | None
    last_error: str
    waiting: int
    oldest_waiting: datetime | None

    @property
    def is_well(self) -> bool:
        """Nothing is known to be wrong."""
        return self.state in ("up", "untried")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    """One outage, from its first sign to its end."""

    id: str
    system: str
    kind: str
    what: str
    opened_at: datetime
    closed_at: datetime | None
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCase:
    """An open case past its promise, and on which systems the hub itself still waits."""

    case: CaseRow
    waiting_on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needing:
    """What needs a person, each count up to `MOST`."""

    effects: int
    messages: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did or saw what."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPage:
    """Newest first; `older` is the key of the next page, 0 at the end."""

    rows: tuple[AuditRow, ...]
    older: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """What a sender may know of its own message."""

    message_id: str
    state: str
    received_at: datetime
    case_ref: str
    case_status: str


# --- messages ---------------------------------------------------------------------------------------------


def newest_messages(
    connection: Connection, *, before: str = "", source: str = "", state: str = "", size: int = PAGE
) -> MessagePage:
    """A page of messages, newest first, older than the message `before`.

    Filters look at `LOOK_BACK` messages per page; `older` then says where to go on, even on an empty page.
    """
    if state in ("parked", "quarantined"):
        return _needing_somebody(connection, before=before, source=source, state=state, size=size)
    older_than = [messages.c.id < before] if before else []
    if not source and not state:
        rows = connection.execute(
            select(messages).where(*older_than).order_by(messages.c.id.desc()).limit(size + 1)
        ).all()
        return _page(rows, size)
    recent = (
        select(messages).where(*older_than).order_by(messages.c.id.desc()).limit(LOOK_BACK).subquery("recent")
    )
    filters = [recent.c.source == source] if source else []
    filters += [recent.c.state == state] if state else []
    rows = connection.execute(
        select(recent).where(*filters).order_by(recent.c.id.desc()).limit(size + 1)
    ).all()
    if len(rows) > size:
        return _page(rows, size)
    last_seen = connection.execute(select(func.min(recent.c.id), func.count())).one()
    return MessagePage(
        rows=tuple(map(_message_row, rows)),
        older=last_seen[0] if last_seen[1] == LOOK_BACK else "",
    )


def one_message(connection: Connection, message_id: str) -> MessageDetail | None:
    """A message with its effects and their attempts; None when there is no such message."""
    if not _HEX_ID.fullmatch(message_id):
        return None
    found = connection.execute(select(messages).where(messages.c.id == message_id)).one_or_none()
    if found is None:
        return None
    row = _message_row(found)
    body = connection.execute(
        select(bodies.c.media_type, bodies.c.canonical.is_not(None).label("understood")).where(
            bodies.c.owner == message_id
        )
    ).one_or_none()
    key = connection.execute(
        select(data_keys.c.message_id).where(data_keys.c.message_id == message_id)
    ).one_or_none()
    file_count = connection.execute(
        select(func.count()).select_from(files).where(files.c.message_id == message_id)
    ).scalar_one()
    its = effects_of_case(connection, row.case_ref, message_id=message_id) if row.case_ref else ()
    return MessageDetail(
        row=row,
        effects=its,
        media_type=body.media_type if body else "",
        understood=bool(body and body.understood),
        erased=body is None or key is None,
        file_count=file_count,
    )


def one_effect(connection: Connection, effect_id: str) -> EffectRow | None:
    """An effect with its attempts; None when there is no such effect."""
    if not _HEX_ID.fullmatch(effect_id):
        return None
    found = connection.execute(select(effects).where(effects.c.id == effect_id)).all()
    return next(iter(_with_attempts(connection, found)), None)


def effects_of_case(connection: Connection, ref: str, *, message_id: str = "") -> tuple[EffectRow, ...]:
    """The effects of a case, in order, with their attempts; of one message only when it is named."""
    only = [effects.c.message_id == message_id] if message_id else []
    rows = connection.execute(
        select(effects).where(effects.c.case_ref == ref, *only).order_by(effects.c.seq).limit(MOST)
    ).all()
    return _with_attempts(connection, rows)


def recent_sources(connection: Connection, now: datetime, *, days: int = 31) -> tuple[str, ...]:
    """Where messages came from lately, for a filter."""
    first = micros(now) // DAY - days
    rows = connection.execute(select(tally.c.source).where(tally.c.day >= first).distinct())
    return tuple(sorted(source for (source,) in rows))


def receipt(connection: Connection, message_id: str) -> ReceiptRow | None:
    """How far a message is, without anything personal; None when there is no such message."""
    row = connection.execute(
        select(messages.c.id, messages.c.state, messages.c.received_at, messages.c.case_ref, cases.c.status)
        .outerjoin(cases, cases.c.ref == messages.c.case_ref)
        .where(messages.c.id == message_id)
    ).one_or_none()
    if row is None:
        return None
    return ReceiptRow(
        message_id=row.id,
        state=row.state,
        received_at=moment(row.received_at),
        case_ref=row.case_ref or "",
        case_status=row.status or "",
    )


# --- one case ---------------------------------------------------------------------------------------------


def passport(connection: Connection, keyring: Keyring, ref: str, now: datetime) -> Passport | None:
    """Everything about one case, the citizen masked; None when there is no such case."""
    found = connection.execute(select(cases).where(cases.c.ref == ref)).one_or_none()
    if found is None:
        return None
    case = case_row(found)
    opener = Opener(connection, keyring)
    its_messages = _messages_of_case(connection, ref)
    its_effects = effects_of_case(connection, ref)
    history = _history_of(connection, ref)
    its_timers = _timers_of(connection, ref)
    citizen, address = citizen_of(opener, found)
    board = {row.name: row for row in _systems(connection)}
    return Passport(
        case=case,
        citizen=citizen,
        history=history,
        known_as=_names_of(connection, ref),
        messages=its_messages,
        effects=its_effects,
        timers=its_timers,
        standings=_standings(its_effects, board, now),
        told=_told(opener, its_effects, address),
        lanes=_lanes(its_messages, its_effects),
        timeline=_timeline(history, its_messages, its_effects, its_timers),
        outside=standings_of(connection, ref),
        items=items_of(connection, ref),
        complete=len(its_effects) < MOST and len(its_messages) < MOST,
    )


def one_case(connection: Connection, ref: str) -> CaseRow | None:
    """The index entry of a case; None when there is no such case."""
    found = connection.execute(select(cases).where(cases.c.ref == ref)).one_or_none()
    return case_row(found) if found else None


# --- search -----------------------------------------------------------------------------------------------


def search(connection: Connection, keyring: Keyring, words: str) -> tuple[Hit, ...]:
    """Cases and messages known under any reference: ours, the tracker's, an id, a Message-ID; never a customer's.

    Exact, whatever the case of the letters; the names are looked up by their keyed hash.
    """
    wanted = words.replace("\0", "").strip().strip("<>").strip()
    if not wanted:
        return ()
    hits = [*_hits_by_id(connection, wanted), *_hits_by_reference(connection, keyring, wanted)]
    once: dict[tuple[str, str], Hit] = {}
    for hit in hits:
        name = (hit.case.ref if hit.case else "", hit.message.id if hit.message else "")
        once.setdefault(name, hit)
    with_case = {hit.case.ref for hit in once.values() if hit.case and not hit.message}
    return tuple(hit for hit in once.values() if not (hit.message and hit.case and hit.case.ref in with_case))


def spellings(words: str) -> tuple[str, ...]:
    """How the same reference may have been noted: as it stands, and a case number without the words around it."""
    case = CASE_REF.search(words.upper())
    return tuple(dict.fromkeys((words, case[0]))) if case else (words,)


# --- what needs somebody ----------------------------------------------------------------------------------


def failures(connection: Connection) -> Failures:
    """Parked effects and messages, together when the same remedy helps."""
    parked = connection.execute(
        select(
            effects.c.id,
            effects.c.error,
            effects.c.target,
            effects.c.action,
            effects.c.reason,
            effects.c.created_at,
            effects.c.case_ref,
        )
        .where(effects.c.state == literal_column("'parked'"))
        .order_by(effects.c.id.desc())
        .limit(LOOK_BACK + 1)
    ).all()
    stuck = connection.execute(
        select(messages.c.id, messages.c.kind, messages.c.source, messages.c.reason, messages.c.received_at)
        .where(_STUCK)
        .order_by(messages.c.id.desc())
        .limit(LOOK_BACK + 1)
    ).all()
    cards = [*_effect_cards(parked[:LOOK_BACK]), *_message_cards(stuck[:LOOK_BACK])]
    return Failures(
        cards=tuple(sorted(cards, key=lambda card: (-card.count, card.where, card.reason))),
        complete=len(parked) <= LOOK_BACK and len(stuck) <= LOOK_BACK,
    )


def needing(connection: Connection) -> Needing:
    """How much waits for a person."""
    parked = select(effects.c.id).where(effects.c.state == literal_column("'parked'")).limit(MOST)
    stuck = select(messages.c.id).where(_STUCK).limit(MOST)
    quarantined = select(messages.c.id).where(NEEDS_SOMEBODY, messages.c.state == "quarantined").limit(MOST)
    return Needing(
        effects=_count(connection, parked),
        messages=_count(connection, stuck),
        quarantined=_count(connection, quarantined),
    )


def late_cases(connection: Connection, now: datetime, *, size: int = PAGE) -> tuple[LateCase, ...]:
    """Open cases past their promise, the longest first."""
    rows = connection.execute(
        select(cases).where(_OPEN_CASE, cases.c.due < micros(now)).order_by(cases.c.due).limit(size)
    ).all()
    found = tuple(map(case_row, rows))
    waiting: dict[str, set[str]] = defaultdict(set)
    if found:
        in_the_way = connection.execute(
            select(effects.c.case_ref, effects.c.target).where(
                effects.c.case_ref.in_([case.ref for case in found]),
                effects.c.state.not_in(("applied", "skipped")),
                or_(effects.c.due_at <= micros(now), effects.c.attempts > 0),
            )
        )
        for ref, target in in_the_way:
            waiting[ref].add(target)
    return tuple(LateCase(case=case, waiting_on=tuple(sorted(waiting[case.ref]))) for case in found)


# --- systems ---------------------------------------------------------------------------------------------


def systems_board(connection: Connection, now: datetime) -> tuple[SystemRow, ...]:
    """Every target, with what waits for it."""
    tried, waiting = _tried_lately(connection, now), _waiting_per_target(connection)
    return tuple(
        replace(row, state="untried")
        if row.state == "up" and not row.last_ok_at and row.name not in tried
        else row
        for row in _systems(connection, waiting=waiting, now=now)
    )


def _tried_lately(connection: Connection, now: datetime) -> frozenset[str]:
    """Targets at which something came to an end that was written down in the last days."""
    ended = select(target_tally.c.target).where(
        target_tally.c.day > micros(now) // DAY - LATELY,
        target_tally.c.state.in_(("applied", "parked", "skipped")),
        target_tally.c.count > 0,
    )
    return frozenset(connection.execute(ended.distinct()).scalars())


def recent_incidents(connection: Connection, *, size: int = PAGE) -> tuple[IncidentRow, ...]:
    """The newest outages, open ones first, each with how much waits for its system now."""
    rows = connection.execute(select(incidents).order_by(incidents.c.opened_at.desc()).limit(size)).all()
    waiting = _waiting_per_target(connection) if any(row.closed_at is None for row in rows) else {}
    found = [
        IncidentRow(
            id=row.id,
            system=row.system,
            kind=row.kind,
            what=row.what,
            opened_at=moment(row.opened_at),
            closed_at=_moment(row.closed_at),
            waiting=waiting.get(row.system, (0, None))[0] if row.closed_at is None else 0,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=lambda incident: incident.closed_at is not None))


def audit_page(connection: Connection, *, before: int = 0, size: int = PAGE) -> AuditPage:
    """The newest entries of the audit trail, or those before an entry."""
    older_than = [audit.c.seq < before] if before else []
    rows = connection.execute(
        select(audit).where(*older_than).order_by(audit.c.seq.desc()).limit(size + 1)
    ).all()
    found = tuple(map(_audit_row, rows[:size]))
    return AuditPage(rows=found, older=found[-1].seq if len(rows) > size else 0)


def audit_of(connection: Connection, subject: str) -> tuple[AuditRow, ...]:
    """Who did or saw something of this subject, among the last `LOOK_BACK` entries; newest first."""
    recent = select(audit).order_by(audit.c.seq.desc()).limit(LOOK_BACK).subquery("recent")
    rows = connection.execute(
        select(recent).where(recent.c.subject == subject).order_by(recent.c.seq.desc()).limit(PAGE)
    )
    return tuple(map(_audit_row, rows))


# --- seals ------------------------------------------------------------------------------------------------


class Opener:
    """Opens the seals of one case; each key is fetched once."""

    def __init__(self, connection: Connection, keyring: Keyring) -> None:
        self._connection = connection
        self._keyring = keyring
        self._keys: dict[str, DataKey | None] = {}

    def open(self, owners: Sequence[str]) -> dict[str, tuple[bytes, int]]:
        """Canonical body and schema version of each owner whose key still exists."""
        rows = self._connection.execute(
            select(bodies.c.owner, bodies.c.key_id, bodies.c.canonical, bodies.c.schema_version).where(
                bodies.c.owner.in_(owners), bodies.c.canonical.is_not(None)
            )
        ).all()
        self.fetch({row.key_id for row in rows})
        opened: dict[str, tuple[bytes, int]] = {}
        for row in rows:
            if key := self._keys[row.key_id]:
                opened[row.owner] = (key.open(row.owner, "canonical", row.canonical), row.schema_version)
        return opened

    def open_one(self, key_id: str, owner: str, column: str, sealed: bytes | None) -> bytes | None:
        """One sealed column; None when it or its key was erased."""
        self.fetch({key_id})
        key = self._keys[key_id]
        return key.open(owner, column, sealed) if key and sealed is not None else None

    def fetch(self, key_ids: set[str]) -> None:
        """Get these keys in one go, before they are asked for one by one."""
        missing = key_ids - self._keys.keys()
        if not missing:
            return
        rows = self._connection.execute(
            select(data_keys.c.message_id, data_keys.c.wrapped).where(data_keys.c.message_id.in_(missing))
        ).all()
        self._keys |= dict.fromkeys(missing)
        for row in rows:
            self._keys[row.message_id] = self._keyring.unwrap(row.message_id, row.wrapped)


def citizen_of(opener: Opener, row: Row[Any]) -> tuple[Citizen, str]:
    """The masked citizen, and the address that stays in here."""
    try:
        opened = opener.open_one(row.key_id, row.ref, "card", row.card)
        card = decode_card(opened, row.card_version) if opened else None
    except (SealBrokenError, UnreadableError):
        card = None
    if card is None:
        return Citizen(erased=True), ""
    party = card.party
    citizen = Citizen(
        kind=party.kind.value,
        name=masked_name(party),
        email=masked_email(party.email),
        phone=bool(party.phone),
        identifiers=tuple(f"{identifier.scheme} {masked(identifier)}" for identifier in party.identifiers),
        language=card.language.value,
        represented=party.representative is not None,
    )
    return citizen, party.email.casefold()


def _told(opener: Opener, its_effects: Sequence[EffectRow], address: str) -> tuple[Told, ...]:
    mails = [effect for effect in its_effects if effect.action == "send_mail"]
    try:
        opened = opener.open([mail.id for mail in mails]) if mails else {}
    except SealBrokenError:
        opened = {}
    return tuple(_told_by(mail, opened.get(mail.id), address) for mail in mails)


def _told_by(effect: EffectRow, body: tuple[bytes, int] | None, address: str) -> Told:
    to = _recipient(body) if body else ""
    return Told(
        effect_id=effect.id,
        state=effect.state,
        at=effect.finished_at,
        to=masked_email(to),
        to_customer=bool(address) and to.casefold() == address,
    )


def _recipient(body: tuple[bytes, int]) -> str:
    try:
        command = decode_command("send_mail", *body)
    except UnreadableError:
        return ""
    return command.to if isinstance(command, SendMail) else ""


# --- parts of a passport ----------------------------------------------------------------------------------


def _messages_of_case(connection: Connection, ref: str) -> tuple[MessageRow, ...]:
    rows = connection.execute(
        select(messages).where(messages.c.case_ref == ref).order_by(messages.c.id).limit(MOST)
    )
    return tuple(map(_message_row, rows))


def _history_of(connection: Connection, ref: str) -> tuple[StatusStep, ...]:
    rows = connection.execute(
        select(case_history).where(case_history.c.case_ref == ref).order_by(case_history.c.at).limit(MOST)
    )
    return tuple(
        StatusStep(at=moment(row.at), status=row.status, group=row.handler_group, caused_by=row.caused_by)
        for row in rows
    )


def _names_of(connection: Connection, ref: str) -> tuple[KnownAs, ...]:
    rows = connection.execute(
        select(references.c.system, references.c.shown, references.c.at)
        .where(references.c.case_ref == ref)
        .limit(MOST)
    )
    names = (KnownAs(system=row.system, shown=row.shown, at=moment(row.at)) for row in rows)
    return tuple(sorted(names, key=lambda name: (name.at, name.system)))


def _timers_of(connection: Connection, ref: str) -> tuple[TimerRow, ...]:
    rows = connection.execute(select(timers).where(timers.c.case_ref == ref).order_by(timers.c.due_at))
    return tuple(TimerRow(name=row.name, due_at=moment(row.due_at), round=row.round) for row in rows)


def _standings(
    its_effects: Sequence[EffectRow], board: dict[str, SystemRow], now: datetime
) -> tuple[Standing, ...]:
    lanes: dict[str, list[EffectRow]] = defaultdict(list)
    for effect in its_effects:
        lanes[effect.target].append(effect)
    return tuple(_standing(system, lane, board.get(system), now) for system, lane in lanes.items())


def _standing(system: str, lane: list[EffectRow], row: SystemRow | None, now: datetime) -> Standing:
    unsettled = [
        effect for effect in lane if not effect.settled and (effect.attempts or effect.due_at <= now)
    ]
    applied = [effect for effect in lane if effect.state == "applied"]
    last = applied[-1] if applied else None
    down_since = row.down_since if row else None
    return Standing(
        system=system,
        state=_standing_state({effect.state for effect in unsettled}, row),
        open_effects=len(unsettled),
        last_action=last.action if last else "",
        last_at=last.finished_at if last else None,
        outside_id=next((effect.outside_id for effect in applied if effect.outside_id), ""),
        since=down_since or (unsettled[0].created_at if unsettled else None),
    )


def _standing_state(states: set[str], row: SystemRow | None) -> str:
    for worst in ("parked", "unknown"):
        if worst in states:
            return worst
    if not states:
        return "settled"
    return row.state if row and not row.is_well else "waiting"


def _lanes(its_messages: Sequence[MessageRow], its_effects: Sequence[EffectRow]) -> tuple[str, ...]:
    sources = dict.fromkeys(row.source for row in its_messages)
    targets = dict.fromkeys(effect.target for effect in its_effects)
    return tuple(dict.fromkeys([*sources, "case", *targets]))


def _timeline(
    history: Sequence[StatusStep],
    its_messages: Sequence[MessageRow],
    its_effects: Sequence[EffectRow],
    its_timers: Sequence[TimerRow],
) -> tuple[Step, ...]:
    steps = [
        *(_arrival_step(row) for row in its_messages),
        *_history_steps(history),
        *(step for effect in its_effects for step in _effect_steps(effect)),
        *(_timer_step(timer) for timer in its_timers),
    ]
    return tuple(sorted(steps, key=lambda step: (step.still_to_come, step.at)))


def _arrival_step(row: MessageRow) -> Step:
    return Step(
        at=row.received_at,
        lane=row.source,
        what="arrived",
        subject=row.kind,
        detail=row.reason,
        message_id=row.id,
    )


def _history_steps(history: Sequence[StatusStep]) -> Iterable[Step]:
    before: StatusStep | None = None
    for step in history:
        if before is None or step.status != before.status:
            yield Step(at=step.at, lane="case", what="status", subject=step.status, message_id=step.caused_by)
        if before is None or step.group != before.group:
            yield Step(at=step.at, lane="case", what="group", subject=step.group, message_id=step.caused_by)
        before = step


def _effect_steps(effect: EffectRow) -> Iterable[Step]:
    blank = Step(
        at=effect.created_at, lane=effect.target, what="planned", subject=effect.action, effect_id=effect.id
    )
    yield replace(blank, message_id=effect.message_id)
    for attempt in effect.attempts:
        if attempt.outcome != "applied":
            yield replace(blank, at=attempt.ended_at, what=f"attempt_{attempt.outcome}", detail=attempt.what)
    if effect.finished_at and effect.settled:
        yield replace(blank, at=effect.finished_at, what=effect.state, detail=effect.outside_id)
    if not effect.settled and effect.state != "parked" and effect.due_at > effect.created_at:
        yield replace(blank, at=effect.due_at, what="next_try", still_to_come=True)


def _timer_step(timer: TimerRow) -> Step:
    return Step(at=timer.due_at, lane="case", what="timer", subject=timer.name, still_to_come=True)


# --- parts of a search ------------------------------------------------------------------------------------


def _hits_by_id(connection: Connection, wanted: str) -> Iterable[Hit]:
    if case := one_case(connection, wanted.upper()):
        yield Hit(found_by="case", case=case)
    id_ = wanted.lower()
    if _HEX_ID.fullmatch(id_):
        found = connection.execute(select(messages).where(messages.c.id == id_)).one_or_none()
        if found:
            row = _message_row(found)
            case = one_case(connection, row.case_ref) if row.case_ref else None
            yield Hit(found_by="message", case=case, message=None if case else row)
    owner = connection.execute(
        select(effects.c.case_ref).where(or_(effects.c.id == id_, effects.c.key == wanted)).limit(1)
    ).scalar_one_or_none()
    if owner and (case := one_case(connection, owner)):
        yield Hit(found_by="effect", case=case)


def _hits_by_reference(connection: Connection, keyring: Keyring, wanted: str) -> Iterable[Hit]:
    hashes = [
        keyring.find_hash(system, spelling) for system in REFERENCE_SYSTEMS for spelling in spellings(wanted)
    ]
    rows = connection.execute(
        select(references.c.system, cases)
        .join(cases, cases.c.ref == references.c.case_ref)
        .where(references.c.hash.in_(hashes))
        .order_by(references.c.at.desc())
        .limit(PAGE)
    )
    return [Hit(found_by=row.system, case=case_row(row)) for row in rows]


# --- parts of the failure lists ---------------------------------------------------------------------------


@lru_cache(maxsize=LOOK_BACK)
def same_remedy(reason: str) -> str:
    """A reason without what varies from case to case (references, ids, numbers)."""
    return _VARYING.sub("…", reason)


def _effect_cards(rows: Sequence[Any]) -> Iterable[FailureCard]:
    groups: dict[tuple[str, str, str, str], list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.error, row.target, row.action, same_remedy(row.reason)].append(row)
    for (error, target, action, reason), members in groups.items():
        times = [member.created_at for member in members]
        yield FailureCard(
            kind="effect",
            error=error,
            where=target,
            action=action,
            reason=reason,
            count=len(members),
            first=moment(min(times)),
            last=moment(max(times)),
            samples=tuple(member.id for member in members[:5]),
            cases=tuple(dict.fromkeys(member.case_ref for member in members[:5])),
        )


def _message_cards(rows: Sequence[Any]) -> Iterable[FailureCard]:
    groups: dict[tuple[str, str, str], list[Any]] = defaultdict(list)
    for row in rows:
        groups[row.kind, row.source, same_remedy(row.reason)].append(row)
    for (kind, source, reason), members in groups.items():
        yield FailureCard(
            kind="message",
            error="NotUnderstoodError" if kind == "not_understood" else "route",
            where=source,
            action=kind,
            reason=reason,
            count=len(members),
            first=moment(members[-1].received_at),
            last=moment(members[0].received_at),
            samples=tuple(member.id for member in members[:5]),
            cases=(),
        )


def _count(connection: Connection, bounded: Any) -> int:
    return connection.execute(select(func.count()).select_from(bounded.subquery())).scalar_one()


# --- parts of the systems board ---------------------------------------------------------------------------


def _waiting_per_target(connection: Connection) -> dict[str, tuple[int, int | None]]:
    """Per target: how many effects are on their way, and since when the oldest is. Looks at `LOOK_BACK`."""
    recent = (
        select(effects.c.target, effects.c.created_at)
        .where(effects.c.handout_at.is_not(None))
        .order_by(effects.c.bulk, effects.c.handout_at)
        .limit(LOOK_BACK)
        .subquery("recent")
    )
    rows = connection.execute(
        select(
            recent.c.target, func.count().label("number"), func.min(recent.c.created_at).label("oldest")
        ).group_by(recent.c.target)
    )
    return {row.target: (row.number, row.oldest) for row in rows}


def _systems(
    connection: Connection,
    *,
    waiting: dict[str, tuple[int, int | None]] | None = None,
    now: datetime | None = None,
) -> tuple[SystemRow, ...]:
    since = incidents.c.opened_at.label("down_since")
    rows = connection.execute(
        select(systems, since, incidents.c.closed_at)
        .outerjoin(incidents, incidents.c.id == systems.c.incident_id)
        .order_by(systems.c.name)
    ).all()
    counts = waiting or {}
    known = tuple(_system_row(row, counts.get(row.name, (0, None)), now) for row in rows)
    silent = sorted(counts.keys() - {row.name for row in known})
    return known + tuple(_silent_system(name, counts[name]) for name in silent)


def _system_row(row: Row[Any], waiting: tuple[int, int | None], now: datetime | None) -> SystemRow:
    down = row.incident_id is not None and row.closed_at is None
    broken = now is not None and row.open_until > micros(now)
    return SystemRow(
        name=row.name,
        state="paused" if row.paused else "down" if down or broken else "up",
        paused_by=row.paused_by,
        paused_reason=row.paused_reason,
        failures=row.failures,
        open_until=_moment(row.open_until),
        down_since=_moment(row.down_since) if down else None,
        last_ok_at=_moment(row.last_ok_at),
        last_error_at=_moment(row.last_error_at),
        last_error=row.last_error,
        waiting=waiting[0],
        oldest_waiting=_moment(waiting[1]),
    )


def _silent_system(name: str, waiting: tuple[int, int | None]) -> SystemRow:
    return SystemRow(
        name=name,
        state="up",
        paused_by="",
        paused_reason="",
        failures=0,
        open_until=None,
        down_since=None,
        last_ok_at=None,
        last_error_at=None,
        last_error="",
        waiting=waiting[0],
        oldest_waiting=_moment(waiting[1]),
    )


# --- rows -------------------------------------------------------------------------------------------------


def _needing_somebody(
    connection: Connection, *, before: str, source: str, state: str, size: int
) -> MessagePage:
    conditions: list[ColumnElement[bool]] = [messages.c.state == state]
    if before:
        conditions.append(messages.c.id < before)
    if source:
        conditions.append(messages.c.source == source)
    rows = connection.execute(
        select(messages)
        .where(NEEDS_SOMEBODY, and_(*conditions))
        .order_by(messages.c.id.desc())
        .limit(size + 1)
    ).all()
    return _page(rows, size)


def _page(rows: Sequence[Row[Any]], size: int) -> MessagePage:
    found = tuple(map(_message_row, rows[:size]))
    return MessagePage(rows=found, older=found[-1].id if len(rows) > size else "")


def _message_row(row: Row[Any]) -> MessageRow:
    return MessageRow(
        id=row.id,
        source=row.source,
        source_ref=row.source_ref,
        kind=row.kind,
        channel=row.channel,
        state=row.state,
        reason=row.reason,
        rule=row.rule,
        case_ref=row.case_ref or "",
        open_effects=row.open_effects,
        parked_effects=row.parked_effects,
        config_version=row.config_version,
        received_at=moment(row.received_at),
    )


def _with_attempts(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[EffectRow, ...]:
    tries: dict[str, list[AttemptRow]] = defaultdict(list)
    if rows:
        found = connection.execute(
            select(attempts)
            .where(attempts.c.effect_id.in_([row.id for row in rows]))
            .order_by(attempts.c.effect_id, attempts.c.number)
            .limit(LOOK_BACK)
        )
        for attempt in found:
            tries[attempt.effect_id].append(_attempt_row(attempt))
    return tuple(_effect_row(row, tuple(tries[row.id])) for row in rows)


def _attempt_row(row: Row[Any]) -> AttemptRow:
    return AttemptRow(
        number=row.number,
        started_at=moment(row.started_at),
        ended_at=moment(row.ended_at),
        outcome=row.outcome,
        error=row.error,
        what=row.what,
        worker=row.worker,
    )


def _effect_row(row: Row[Any], tries: tuple[AttemptRow, ...]) -> EffectRow:
    return EffectRow(
        id=row.id,
        key=row.key,
        case_ref=row.case_ref,
        message_id=row.message_id,
        target=row.target,
        action=row.action,
        seq=row.seq,
        blocking=row.blocking,
        state=row.state,
        attempt_count=row.attempts,
        due_at=moment(row.due_at),
        outside_id=row.outside_id,
        error=row.error,
        reason=row.reason,
        created_at=moment(row.created_at),
        finished_at=_moment(row.finished_at),
        attempts=tries,
    )


def case_row(row: Row[Any]) -> CaseRow:
    """A row of the table of cases."""
    return CaseRow(
        ref=row.ref,
        kind=row.kind,
        channel=row.channel,
        group=row.handler_group,
        status=row.status,
        category=row.category,
        area=row.area,
        tracker_id=row.tracker_id,
        opened_at=moment(row.opened_at),
        changed_at=moment(row.changed_at),
        due=_moment(row.due),
    )


def _audit_row(row: Row[Any]) -> AuditRow:
    return AuditRow(
        seq=row.seq,
        at=moment(row.at),
        actor=row.actor,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
    )


def _moment(value: int | None) -> datetime | None:
    return moment(value) if value else None
