"""What people and schedules do: pause and resume, replay and skip, leases, timers, checkpoints, the audit chain."""

import hmac
import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, and_, delete, literal, select, update

from canonical_model.case import CASE_REF
from canonical_model.codec import decode_event
from canonical_model.contact import Automatic, Contact
from canonical_model.events import ContactReceived, Event
from journal.arrivals import arrived_before
from journal.crypto import Keyring
from journal.database import Outage, Transaction
from journal.effects import free_followers, move_messages
from journal.instants import new_id
from journal.intake import Intake, Routing
from journal.rows import UpdateRows
from journal.schema import (
    audit,
    bodies,
    cases,
    checkpoints,
    data_keys,
    effects,
    files,
    incidents,
    leases,
    messages,
    systems,
    timers,
    work_items,
)
from ports.errors import RejectedError

ANCHOR = "audit_anchor"
"""The journal's own checkpoint: where the audit trail begins since older lines had their time."""
_AT_ONCE = 500
"""Names in one statement."""


@dataclass(frozen=True, slots=True)
class Act:
    """Something that a person does to a subject (system, effect or message), with a reason for the audit."""

    subject: str
    actor: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A line for the audit trail. References only; no personal data."""

    actor: str
    action: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SystemState:
    """What is known of a target. Times in microseconds; 0 = never."""

    name: str
    paused: bool = False
    failures: int = 0
    failing_since: int = 0
    open_until: int = 0
    incident_id: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """A report about a target after tries: `ok`, or an outage with its `what`.

    `open_for` (microseconds) holds the target; an outage that begins opens one incident, its end closes it.
    `behind` is the target whose own system this is, reached on another way; both ways share their incident.
    """

    system: str
    ok: bool
    what: str = ""
    failures: int = 0
    open_for: int = 0
    behind: str = ""


@dataclass(frozen=True, slots=True)
class DueTimer:
    """A timer whose date has come."""

    case_ref: str
    name: str
    round: int
    due_at: int


class Operations:
    """Writes beside the flow of messages. All may be repeated without harm."""

    def __init__(self, keyring: Keyring, intake: Intake, audit_key: bytes) -> None:
        self.keyring = keyring
        self.intake = intake
        self._audit_key = audit_key

    def audit_many(self, tx: Transaction, entries: list[AuditEntry]) -> list[BaseException | None]:
        """Append to the chain: each line's hash covers the line before."""
        if tx.dialect == "postgresql":
            tx.lock(["0000000000a0d17"])
        last = tx.connection.execute(
            select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
        ).first()
        seq, previous = (last.seq, last.hash) if last else (0, "")
        rows: list[dict[str, Any]] = []
        for entry in entries:
            seq += 1
            row = {
                "seq": seq,
                "at": tx.now,
                "actor": entry.actor,
                "action": entry.action,
                "subject": entry.subject,
                "detail": entry.detail,
            }
            previous = self._link(previous, row)
            rows.append({**row, "hash": previous})
        tx.connection.execute(audit.insert(), rows)
        return [None] * len(entries)

    def first_broken_line(self, connection: Connection) -> int | None:
        """The number of the first audit line that was changed, removed or put in; None = the chain holds."""
        expected, previous = self._beginning(connection)
        for row in connection.execute(select(audit).order_by(audit.c.seq)).mappings():
            line = {name: row[name] for name in ("seq", "at", "actor", "action", "subject", "detail")}
            if row["seq"] != expected or self._link(previous, line) != row["hash"]:
                return expected
            previous, expected = row["hash"], expected + 1
        return None

    def _beginning(self, connection: Connection) -> tuple[int, str]:
        """The number of the first line, and the hash before it: lines that had their time are gone."""
        value = connection.execute(
            select(checkpoints.c.value).where(checkpoints.c.owner == "journal", checkpoints.c.name == ANCHOR)
        ).scalar_one_or_none()
        seq, hash_, _ = (value or "0  ").split(" ")
        genuine = value is None or hmac.compare_digest(value, self.anchor(int(seq), hash_))
        return (int(seq) + 1, hash_) if genuine else (1, "")

    def anchor(self, seq: int, hash_: str) -> str:
        """A line as the one after which the trail now begins; sealed, so that nobody else can say so."""
        seal = hmac.new(self._audit_key, f"anchor {seq} {hash_}".encode(), sha256).hexdigest()
        return f"{seq} {hash_} {seal}"

    def _link(self, previous: str, row: dict[str, Any]) -> str:
        text = json.dumps([previous, *row.values()])
        return hmac.new(self._audit_key, text.encode(), sha256).hexdigest()

    def know_many(self, tx: Transaction, names: list[str]) -> list[BaseException | None]:
        """Make sure that these targets are on the systems board."""
        rows = [{**_NEW_SYSTEM, "name": name} for name in sorted(set(names))]
        tx.connection.execute(tx.insert_ignoring(systems), rows)
        return [None] * len(names)

    def pause_many(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        """Hold targets until somebody resumes them."""
        return [self._hold(tx, act, "system_paused", paused=True) for act in acts]

    def resume_many(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        """Let targets go on; what waited is handed out by the sweeper."""
        return [self._hold(tx, act, "system_resumed", paused=False) for act in acts]

    def _hold(self, tx: Transaction, act: Act, action: str, *, paused: bool) -> BaseException | None:
        values = {
            "paused": paused,
            "paused_by": act.actor if paused else "",
            "paused_reason": act.reason if paused else "",
            "open_until": 0,
        }
        if not tx.connection.execute(
            update(systems).where(systems.c.name == act.subject).values(values)
        ).rowcount:
            return RejectedError(f"no system is called {act.subject!r}")
        self.audit_many(tx, [AuditEntry(act.actor, action, act.subject, act.reason)])
        return None

    def health_many(self, tx: Transaction, reports: list[Health]) -> list[BaseException | None]:
        """Note how targets do; the beginning and the end of an outage are one incident."""
        for report in reports:
            row = tx.connection.execute(
                select(systems).where(systems.c.name == report.system).with_for_update()
            ).one_or_none()
            if row is not None:
                _note_health(tx, row, report)
        return [None] * len(reports)

    def outage_many(self, tx: Transaction, outages: list[Outage]) -> list[BaseException | None]:
        """Times without a journal, now that they are over; one that several processes tell is one incident."""
        tx.lock([_TELLING])
        for outage in outages:
            known = select(incidents.c.id).where(
                incidents.c.system == JOURNAL,
                incidents.c.opened_at <= outage.ended,
                incidents.c.closed_at >= outage.began,
            )
            if tx.connection.execute(known.limit(1)).first() is None:
                row = {"id": new_id(tx.now), "system": JOURNAL, "kind": "outage", "what": outage.what}
                span = {"opened_at": outage.began, "closed_at": outage.ended}
                tx.connection.execute(incidents.insert(), {**row, **span})
        return [None] * len(outages)

    def replay_effects(self, tx: Transaction, acts: list[Act]) -> list[tuple[str, ...] | BaseException]:
        """Try parked effects again, looking first whether they were applied; an applied one is left alone."""
        return [self._replay(tx, act) for act in acts]

    def _replay(self, tx: Transaction, act: Act) -> tuple[str, ...] | BaseException:
        row = _locked_effect(tx, act.subject)
        if row is None:
            return RejectedError("no effect has this id")
        self.audit_many(tx, [AuditEntry(act.actor, "effect_replayed", act.subject, act.reason)])
        if row.state != "parked":
            return ()
        tx.connection.execute(
            update(effects)
            .where(effects.c.id == row.id)
            .values(
                state="unknown" if row.attempts else "due",
                deaths=0,
                due_at=tx.now,
                handout_at=tx.now,
            )
        )
        tx.move_effect(row.id, row.target, "parked", "waiting")
        move_messages(tx, {row.message_id: [0, -1]})
        return (row.id,)

    def skip_effects(self, tx: Transaction, acts: list[Act]) -> list[tuple[str, ...] | BaseException]:
        """Give effects up by a person's decision; what waited behind them goes on."""
        return [self._skip(tx, act) for act in acts]

    def _skip(self, tx: Transaction, act: Act) -> tuple[str, ...] | BaseException:
        row = _locked_effect(tx, act.subject)
        if row is None or row.state in ("applied", "skipped", "claimed"):
            return RejectedError("only an effect that waits or is parked can be skipped")
        tx.connection.execute(
            update(effects)
            .where(effects.c.id == row.id)
            .values(state="skipped", handout_at=None, finished_at=tx.now, reason=act.reason)
        )
        tx.move_effect(row.id, row.target, "parked" if row.state == "parked" else "waiting", "skipped")
        move_messages(tx, {row.message_id: [-1, -1 if row.state == "parked" else 0]})
        self.audit_many(tx, [AuditEntry(act.actor, "effect_skipped", act.subject, act.reason)])
        return free_followers(tx, [row]).get(row.id, ())

    def replay_messages(self, tx: Transaction, acts: list[Act]) -> list[tuple[str, ...] | BaseException]:
        """Decide again about parked or quarantined messages; a quarantined one is released."""
        return [self._replay_message(tx, act) for act in acts]

    def _replay_message(self, tx: Transaction, act: Act) -> tuple[str, ...] | BaseException:
        row = _stored_message(tx, act.subject)
        if row is None or row.state not in ("parked", "quarantined") or row.case_ref:
            return RejectedError(
                "only a message that is parked or in quarantine, without a case, can be replayed"
            )
        if row.canonical is None or row.wrapped is None:
            return RejectedError(
                "this message was never understood (or was erased): correct it at its sender"
            )
        key = self.keyring.unwrap(row.id, row.wrapped)
        event = decode_event(row.kind, key.open(row.id, "canonical", row.canonical), row.schema_version)
        arrival = arrived_before(self.keyring, self.intake.rules, row, key, _released(event))
        outcome = Routing(self.intake, tx, []).again(arrival, row)
        self.audit_many(tx, [AuditEntry(act.actor, "message_replayed", act.subject, act.reason)])
        return outcome

    def drop_messages(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        """Put messages aside for good, by a person's decision and with the reason."""
        return [self._drop(tx, act) for act in acts]

    def _drop(self, tx: Transaction, act: Act) -> BaseException | None:
        row = _stored_message(tx, act.subject)
        if row is None or row.state not in ("parked", "quarantined") or row.case_ref:
            return RejectedError(
                "only a message that is parked or in quarantine, without a case, can be dropped"
            )
        tx.connection.execute(
            update(messages)
            .where(messages.c.id == row.id)
            .values(state="dropped", reason=f"{row.reason}; dropped by {act.actor}: {act.reason}")
        )
        tx.count(row.received_at, row.source, row.state, -1)
        tx.count(row.received_at, row.source, "dropped", 1)
        self.audit_many(tx, [AuditEntry(act.actor, "message_dropped", act.subject, act.reason)])
        return None

    def finish_items(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        """Work items that a person looked into; the subject is `<case>/<name>`, the reason what came of it."""
        return [self._finish(tx, act) for act in acts]

    def _finish(self, tx: Transaction, act: Act) -> BaseException | None:
        ref, _, name = act.subject.partition("/")
        done = tx.connection.execute(
            update(work_items)
            .where(work_items.c.case_ref == ref, work_items.c.name == name, work_items.c.closed_at.is_(None))
            .values(closed_at=tx.now, closed_by=act.actor)
        )
        if not done.rowcount:
            return RejectedError("this was done already")
        self.audit_many(tx, [AuditEntry(act.actor, "work_item_finished", ref, f"{name}: {act.reason}")])
        return None

    def save_checkpoints(
        self, tx: Transaction, values: list[tuple[str, str, str]]
    ) -> list[BaseException | None]:
        """(owner, name, value), the last one wins."""
        insert = tx.upsert(checkpoints)
        tx.connection.execute(
            insert.on_conflict_do_update(
                index_elements=["owner", "name"],
                set_={"value": insert.excluded.value, "saved_at": insert.excluded.saved_at},
            ),
            [_checkpoint(tx, owner, name, value) for owner, name, value in values],
        )
        return [None] * len(values)

    def replace_checkpoints(
        self, tx: Transaction, values: list[tuple[str, str, str | None, str]]
    ) -> list[bool | BaseException]:
        """(owner, name, known, value): one after the other, so of two that know the same the first one wins."""
        return [self._replace(tx, *one) for one in values]

    def _replace(self, tx: Transaction, owner: str, name: str, known: str | None, value: str) -> bool:
        if known is None:
            insert = tx.insert_ignoring(checkpoints).returning(checkpoints.c.name)
            return tx.connection.execute(insert, _checkpoint(tx, owner, name, value)).first() is not None
        place = (checkpoints.c.owner == owner, checkpoints.c.name == name, checkpoints.c.value == known)
        change = update(checkpoints).where(*place).values(value=value, saved_at=tx.now)
        return tx.connection.execute(change).rowcount == 1

    def forget_checkpoints(
        self, tx: Transaction, gone: list[tuple[str, tuple[str, ...]]]
    ) -> list[BaseException | None]:
        """(owner, names)."""
        for owner, names in gone:
            for start in range(0, len(names), _AT_ONCE):
                some = names[start : start + _AT_ONCE]
                place = (checkpoints.c.owner == owner, checkpoints.c.name.in_(some))
                tx.connection.execute(delete(checkpoints).where(*place))
        return [None] * len(gone)

    def lease_many(self, tx: Transaction, wanted: list[tuple[str, str, int]]) -> list[bool | BaseException]:
        """(name, owner, microseconds): take or renew; False when somebody else holds it. 0 gives it back."""
        return [self._lease(tx, *one) for one in wanted]

    def _lease(self, tx: Transaction, name: str, owner: str, length: int) -> bool:
        tx.connection.execute(tx.insert_ignoring(leases), {"name": name, "owner": owner, "until": 0})
        taken = tx.connection.execute(
            update(leases)
            .where(leases.c.name == name, (leases.c.owner == owner) | (leases.c.until <= tx.now))
            .values(owner=owner, until=tx.now + length)
        )
        return taken.rowcount == 1

    def erase_many(self, tx: Transaction, acts: list[Act]) -> list[int | BaseException]:
        """Destroy the keys of a case (and its attachments): nothing sealed under them opens ever again.

        What was not sent yet never will be, and holds up no withdrawal that stands behind it.
        """
        return [self._erase(tx, act) for act in acts]

    def _erase(self, tx: Transaction, act: Act) -> int:
        ids = select(data_keys.c.message_id).where(data_keys.c.case_ref == act.subject)
        tx.connection.execute(delete(files).where(files.c.message_id.in_(ids)))
        tx.connection.execute(update(bodies).where(bodies.c.key_id.in_(ids)).values(raw=None, canonical=None))
        tx.connection.execute(update(cases).where(cases.c.ref == act.subject).values(card=None))
        unsendable = and_(effects.c.case_ref == act.subject, effects.c.key_id.in_(ids))
        tx.connection.execute(update(effects).where(unsendable).values(blocking=False))
        erased = tx.connection.execute(delete(data_keys).where(data_keys.c.case_ref == act.subject)).rowcount
        self.audit_many(tx, [AuditEntry(act.actor, "case_erased", act.subject, act.reason)])
        return int(erased)


def is_known(connection: Connection, ref: str) -> bool:
    """Whether there is, or was before it was erased, anything of a case with this number."""
    of_case = (
        select(literal(1)).where(cases.c.ref == ref).limit(1),
        select(literal(1)).where(data_keys.c.case_ref == ref).limit(1),
    )
    return any(connection.execute(query).first() is not None for query in of_case)


def due_timers(connection: Connection, now: int, limit: int = 200) -> tuple[DueTimer, ...]:
    """Timers whose date has come, oldest first."""
    query = select(timers).where(timers.c.due_at <= now).order_by(timers.c.due_at).limit(limit)
    return tuple(DueTimer(r.case_ref, r.name, r.round, r.due_at) for r in connection.execute(query))


def system_states(connection: Connection) -> tuple[SystemState, ...]:
    """All targets as they stand."""
    return tuple(
        SystemState(r.name, r.paused, r.failures, r.failing_since, r.open_until, r.incident_id)
        for r in connection.execute(select(systems))
    )


def _checkpoint(tx: Transaction, owner: str, name: str, value: str) -> dict[str, Any]:
    case = CASE_REF.search(name)
    return {
        "owner": owner,
        "name": name,
        "value": value,
        "saved_at": tx.now,
        "case_ref": case[0] if case else None,
    }


def _released(event: Event) -> Event:
    """A person judged it: the signs of spam no longer count."""
    if not isinstance(event, ContactReceived):
        return event
    contact: Contact = event.contact
    judged = None if contact.automatic is Automatic.BULK else contact.automatic
    return ContactReceived(contact=replace(contact, suspicions=(), automatic=judged))


def _locked_effect(tx: Transaction, effect_id: str) -> Any:
    return tx.connection.execute(
        select(effects).where(effects.c.id == effect_id).with_for_update()
    ).one_or_none()


def _stored_message(tx: Transaction, message_id: str) -> Any:
    return tx.connection.execute(
        select(messages, bodies.c.canonical, data_keys.c.wrapped)
        .join(bodies, bodies.c.owner == messages.c.id, isouter=True)
        .join(data_keys, data_keys.c.message_id == messages.c.id, isouter=True)
        .where(messages.c.id == message_id)
        .with_for_update(of=messages)
    ).one_or_none()


def _note_health(tx: Transaction, row: Any, report: Health) -> None:
    values: dict[str, Any] = {"failures": report.failures}
    if report.ok:
        values |= {"last_ok_at": tx.now, "open_until": 0, "incident_id": None}
        if row.incident_id:
            _end_outage(tx, row)
    else:
        values |= {"last_error_at": tx.now, "last_error": report.what}
        if not row.failures:
            values |= {"failing_since": tx.now}
        if report.open_for:
            values |= {"open_until": tx.now + report.open_for}
            values |= {"incident_id": row.incident_id or _open_incident(tx, report)}
    tx.connection.execute(update(systems).where(systems.c.name == row.name).values(values))


def _end_outage(tx: Transaction, row: Any) -> None:
    """What certainly failed there goes now, not at its next turn; the incident ends with the last way that was shut."""
    waiting = (
        select(effects.c.id)
        .where(
            effects.c.target == row.name,
            effects.c.state == "due",
            effects.c.attempts > 0,
            effects.c.handout_at > tx.now,
        )
        .with_for_update(skip_locked=True)
    )
    ids = tx.connection.execute(waiting).scalars()
    _TRY_NOW.run(tx.connection, [{"id": id_, "due_at": tx.now, "handout_at": tx.now} for id_ in ids])
    if not _is_shared(tx, row):
        ended = update(incidents).where(incidents.c.id == row.incident_id).values(closed_at=tx.now)
        tx.connection.execute(ended)


def _is_shared(tx: Transaction, row: Any) -> bool:
    """Another way to the same system is still shut."""
    others = select(systems.c.name).where(
        systems.c.incident_id == row.incident_id, systems.c.name != row.name
    )
    return tx.connection.execute(others.limit(1)).first() is not None


def _open_incident(tx: Transaction, report: Health) -> str:
    system = report.behind or report.system
    going_on = tx.connection.execute(
        select(incidents.c.id).where(incidents.c.system == system, incidents.c.closed_at.is_(None)).limit(1)
    ).scalar()
    if going_on is not None:
        return str(going_on)
    id_ = new_id(tx.now)
    tx.connection.execute(
        incidents.insert(),
        {"id": id_, "system": system, "kind": "outage", "what": report.what, "opened_at": tx.now},
    )
    return id_


JOURNAL = "journal"
"""The system of incidents in which nothing could be stored."""
_TRY_NOW = UpdateRows(effects, "id", ("due_at", "handout_at"))
_TELLING = "0000000000b0d17"

_NEW_SYSTEM: dict[str, Any] = {
    "paused": False,
    "paused_by": "",
    "paused_reason": "",
    "failures": 0,
    "failing_since": 0,
    "open_until": 0,
    "incident_id": None,
    "last_ok_at": 0,
    "last_error_at": 0,
    "last_error": "",
    "minute": 0,
    "tries_this_minute": 0,
}
