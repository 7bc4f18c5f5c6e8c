"""Retention: every table has a rule that says when a row has had its time, and what keeps it nevertheless.

A rule is carried out by walking along its table in small windows, from the first key to the last, so that no
transaction is long and nothing is passed over: a row that something unfinished holds back is looked at again
on the next walk. Where a walk stands is kept in the journal, so any scheduler can go on with it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Table,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy import false as nothing

from journal.database import Transaction
from journal.instants import DAY, micros, moment
from journal.operations import ANCHOR, AuditEntry, Operations
from journal.schema import (
    OPEN_STATUSES,
    api_feed,
    attempts,
    audit,
    bodies,
    case_history,
    cases,
    checkpoints,
    data_keys,
    effects,
    files,
    incidents,
    leases,
    messages,
    references,
    replay_plans,
    replay_rows,
    replay_totals,
    retention,
    sessions,
    standings,
    tally,
    target_tally,
    timers,
    work_items,
)
from journal.terms import RetentionTerms

REST = 6 * 3_600_000_000
"""Between the end of a walk and the beginning of the next (6 hours, in microseconds)."""

Kept = Callable[[int], ColumnElement[bool]]


class Age(StrEnum):
    """How a column tells the age of its row."""

    MICROSECONDS = "microseconds"
    ID = "id"
    """Ids begin with their milliseconds."""
    DAY = "day"

    def stored(self, cutoff: int) -> Any:
        """The value that this moment (microseconds) has in such a column."""
        match self:
            case Age.MICROSECONDS:
                return cutoff
            case Age.ID:
                return f"{cutoff // 1000:012x}"
            case Age.DAY:
                return cutoff // DAY

    def told(self, value: Any) -> datetime:
        """The moment that a stored value means."""
        match self:
            case Age.MICROSECONDS:
                return moment(value)
            case Age.ID:
                return moment(int(value[:12], 16) * 1000)
            case Age.DAY:
                return moment(value * DAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What is removed from a table under which term.

    The table is walked along `walk`, at most `window` of its values at a time. `time` tells the age of a row;
    `kept` says which rows stay whatever their age, given the moment before which all goes; a row without a value of `walk` is none
    of this rule's. With `empties`
    the row stays and these columns are emptied.
    """

    term: str
    table: Table
    walk: Column[Any]
    time: Column[Any]
    age: Age = Age.MICROSECONDS
    kept: Kept = lambda _cutoff: nothing()
    empties: tuple[Column[Any], ...] = ()
    window: int = 200

    @property
    def name(self) -> str:
        """How the walk is called in the journal."""
        return f"{self.term}/{self.table.name}"

    def aged(self, cutoff: int) -> ColumnElement[bool]:
        """Rows from before this moment that still have something to remove."""
        filled = [or_(*(column.is_not(None) for column in self.empties))] if self.empties else []
        return and_(self.time < self.age.stored(cutoff), self.walk.is_not(None), *filled)

    def removable(self, cutoff: int) -> ColumnElement[bool]:
        """Rows whose time has come."""
        return and_(self.aged(cutoff), ~self.kept(cutoff))


_m, _e, _other, _c = messages.alias("m"), effects.alias("e"), effects.alias("o"), cases.alias("c")
_p = replay_plans.alias("p")
_SETTLED = ("applied", "skipped")
_FINISHED = ("done", "dropped")


def _case_needed(ref: ColumnElement[Any], cutoff: int) -> ColumnElement[bool]:
    """Its case is open, changed after this moment, or something is still to be done for it."""
    lives = select(_c.c.ref).where(
        _c.c.ref == ref, or_(_c.c.status.in_(OPEN_STATUSES), _c.c.changed_at >= cutoff)
    )
    busy = select(_other.c.id).where(_other.c.case_ref == ref, _other.c.state.not_in(_SETTLED))
    return or_(exists(lives), exists(busy))


def _message_needed(id_: ColumnElement[Any], cutoff: int) -> ColumnElement[bool]:
    needed = or_(_m.c.state.not_in(_FINISHED), _case_needed(_m.c.case_ref, cutoff))
    return exists(select(_m.c.id).where(_m.c.id == id_, needed))


def _effect_needed(id_: ColumnElement[Any], cutoff: int) -> ColumnElement[bool]:
    needed = or_(_e.c.state.not_in(_SETTLED), _case_needed(_e.c.case_ref, cutoff))
    return exists(select(_e.c.id).where(_e.c.id == id_, needed))


def _plan_needed(id_: ColumnElement[Any], cutoff: int) -> ColumnElement[bool]:
    """Its plan is not over, or was not over long enough ago."""
    needed = func.coalesce(_p.c.finished_at, _p.c.changed_at, cutoff) >= cutoff
    return exists(select(_p.c.id).where(_p.c.id == id_, or_(_p.c.finished_at.is_(None), needed)))


def _key_needed(_cutoff: int) -> ColumnElement[bool]:
    """Its message is still there, or its case has its card sealed under it."""
    card = select(_c.c.ref).where(_c.c.ref == data_keys.c.case_ref, _c.c.key_id == data_keys.c.message_id)
    return or_(exists(select(_m.c.id).where(_m.c.id == data_keys.c.message_id)), exists(card))


def _source_lives(cutoff: int) -> ColumnElement[bool]:
    """The journal's own, and what belongs to a source that somebody listens to."""
    name = literal("source/") + checkpoints.c.owner
    listened = select(leases.c.name).where(leases.c.name.startswith(name), leases.c.until >= cutoff)
    return or_(checkpoints.c.owner == "journal", exists(listened))


def _last_of_feed() -> ColumnElement[bool]:
    """The newest position of a system stays: the next one is counted from it."""
    other = api_feed.alias("other")
    newest = select(func.max(other.c.position)).where(other.c.system == api_feed.c.system)
    return api_feed.c.position >= newest.scalar_subquery()


def _chain_needs(cutoff: int) -> ColumnElement[bool]:
    """From the first line that is young enough, and the last one: the chain goes on from there."""
    line = audit.alias("line")
    young = select(func.min(line.c.seq)).where(line.c.at >= cutoff).scalar_subquery()
    last = select(func.max(line.c.seq)).scalar_subquery()
    return audit.c.seq >= func.coalesce(young, last)


def _as_long_as_its_case(time: Column[Any]) -> Rule:
    """What hangs on a case goes with it; `time` tells the age of its rows."""
    table = time.table
    ref = table.c.case_ref
    return Rule(
        term="cases",
        table=table,
        walk=ref,
        time=time,
        kept=lambda _cutoff: exists(select(_c.c.ref).where(_c.c.ref == ref)),
    )


RULES: tuple[Rule, ...] = (
    Rule(
        term="raw",
        table=bodies,
        walk=bodies.c.owner,
        time=bodies.c.owner,
        age=Age.ID,
        kept=lambda cutoff: _message_needed(bodies.c.owner, cutoff),
        empties=(bodies.c.raw,),
        window=50,
    ),
    Rule(
        term="raw",
        table=files,
        walk=files.c.message_id,
        time=files.c.message_id,
        age=Age.ID,
        kept=lambda cutoff: _message_needed(files.c.message_id, cutoff),
        window=10,
    ),
    Rule(
        term="canonical",
        table=bodies,
        walk=bodies.c.owner,
        time=bodies.c.owner,
        age=Age.ID,
        kept=lambda cutoff: or_(
            _message_needed(bodies.c.owner, cutoff), _effect_needed(bodies.c.owner, cutoff)
        ),
    ),
    Rule(
        term="attempts",
        table=attempts,
        walk=attempts.c.effect_id,
        time=attempts.c.ended_at,
        kept=lambda cutoff: _effect_needed(attempts.c.effect_id, cutoff),
    ),
    Rule(
        term="messages",
        table=effects,
        walk=effects.c.id,
        time=effects.c.id,
        age=Age.ID,
        kept=lambda cutoff: or_(effects.c.state.not_in(_SETTLED), _case_needed(effects.c.case_ref, cutoff)),
    ),
    Rule(
        term="messages",
        table=messages,
        walk=messages.c.id,
        time=messages.c.id,
        age=Age.ID,
        kept=lambda cutoff: or_(
            messages.c.state.not_in(_FINISHED), _case_needed(messages.c.case_ref, cutoff)
        ),
    ),
    Rule(
        term="references",
        table=references,
        walk=references.c.hash,
        time=references.c.at,
        kept=lambda cutoff: _case_needed(references.c.case_ref, cutoff),
    ),
    Rule(
        term="cases",
        table=cases,
        walk=cases.c.ref,
        time=cases.c.changed_at,
        kept=lambda cutoff: _case_needed(cases.c.ref, cutoff),
    ),
    _as_long_as_its_case(standings.c.at),
    _as_long_as_its_case(work_items.c.opened_at),
    _as_long_as_its_case(case_history.c.at),
    _as_long_as_its_case(timers.c.due_at),
    Rule(
        term="cases",
        table=checkpoints,
        walk=checkpoints.c.case_ref,
        time=checkpoints.c.saved_at,
        kept=lambda _cutoff: exists(select(_c.c.ref).where(_c.c.ref == checkpoints.c.case_ref)),
    ),
    Rule(
        term="messages",
        table=data_keys,
        walk=data_keys.c.message_id,
        time=data_keys.c.message_id,
        age=Age.ID,
        kept=_key_needed,
    ),
    Rule(
        term="messages",
        table=api_feed,
        walk=api_feed.c.effect_key,
        time=api_feed.c.at,
        kept=lambda _cutoff: _last_of_feed(),
    ),
    Rule(term="sessions", table=sessions, walk=sessions.c.token_hash, time=sessions.c.seen_at),
    Rule(term="leases", table=leases, walk=leases.c.name, time=leases.c.until),
    Rule(
        term="checkpoints",
        table=checkpoints,
        walk=checkpoints.c.owner,
        time=checkpoints.c.saved_at,
        kept=_source_lives,
    ),
    Rule(
        term="incidents",
        table=incidents,
        walk=incidents.c.id,
        time=incidents.c.opened_at,
        kept=lambda cutoff: func.coalesce(incidents.c.closed_at, cutoff) >= cutoff,
    ),
    Rule(
        term="replays",
        table=replay_rows,
        walk=replay_rows.c.plan_id,
        time=replay_rows.c.plan_id,
        age=Age.ID,
        kept=lambda cutoff: _plan_needed(replay_rows.c.plan_id, cutoff),
    ),
    Rule(
        term="replays",
        table=replay_totals,
        walk=replay_totals.c.plan_id,
        time=replay_totals.c.plan_id,
        age=Age.ID,
        kept=lambda cutoff: _plan_needed(replay_totals.c.plan_id, cutoff),
    ),
    Rule(
        term="replays",
        table=replay_plans,
        walk=replay_plans.c.id,
        time=replay_plans.c.changed_at,
        kept=lambda cutoff: _plan_needed(replay_plans.c.id, cutoff),
    ),
    Rule(
        term="tallies",
        table=target_tally,
        walk=target_tally.c.day,
        time=target_tally.c.day,
        age=Age.DAY,
    ),
    Rule(term="tallies", table=tally, walk=tally.c.day, time=tally.c.day, age=Age.DAY),
    Rule(term="audit", table=audit, walk=audit.c.seq, time=audit.c.at, kept=_chain_needs),
)
"""In the order in which they are carried out: what leans on a row goes before the row."""

KEPT_FOR_GOOD: dict[str, str] = {
    "systems": "one row per system: how it does now",
    "numbers": "one row per year: a case number is never given twice",
    "api_credentials": "credentials end by their date or a person's decision; who had one stays known",
    "api_allowances": "one row per credential: what it used this minute",
    "letter_texts": "what customers were told by which text stays known; people save a few a year",
    "opt_outs": "who does not want notifications must never get one again; keyed hashes, of no case",
    "users": "accounts end by a person's decision, not by time",
    "retention": "one row per rule: where its walk stands",
}
"""Tables without a rule, each with the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """One window of a walk: how many rows went, whether the walk goes on, or that it ended with something gone."""

    removed: int = 0
    more: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How a rule stands now.

    `rows` are there, `due` have had their time and go on the next walk, `held` are as old but something
    unfinished needs them. `next_before`: what is from before this moment goes. Times in UTC, None = never.
    """

    term: str
    table: str
    days: int
    rows: int
    due: int
    held: int
    oldest: datetime | None
    next_before: datetime
    last_walk: datetime | None
    removed: int


class Retention:
    """Carries the rules out, one window at a time."""

    def __init__(self, terms: RetentionTerms, operations: Operations) -> None:
        self.terms = terms
        self._operations = operations

    def days(self, rule: Rule) -> int:
        """The term of a rule."""
        return int(getattr(self.terms, rule.term))

    def cutoff(self, rule: Rule, now: int) -> int:
        """The moment before which a rule removes, in microseconds."""
        return now - self.days(rule) * DAY

    def walk_many(self, tx: Transaction, rules: list[Rule]) -> list[Walked | BaseException]:
        """The next window of each rule; nothing when its last walk ended a short while ago."""
        return [self._walk(tx, rule) for rule in rules]

    def _walk(self, tx: Transaction, rule: Rule) -> Walked:
        tx.connection.execute(tx.insert_ignoring(retention), {**_NEVER, "name": rule.name})
        state = tx.connection.execute(
            select(retention).where(retention.c.name == rule.name).with_for_update()
        ).one()
        if not state.position and state.ended_at > tx.now - REST:
            return Walked()
        cutoff = self.cutoff(rule, tx.now)
        last = tx.connection.execute(_window(rule, state.position, cutoff)).scalar()
        removed = self._remove(tx, rule, cutoff, state.position, last) if last is not None else 0
        so_far = removed + (state.removed if state.position else 0)
        values = {"position": str(last or ""), "removed": so_far, "total": state.total + removed}
        if last is None:
            values["ended_at"] = tx.now
            self._tell(tx, rule, so_far, cutoff)
        tx.connection.execute(update(retention).where(retention.c.name == rule.name).values(values))
        return Walked(removed=removed, more=last is not None, ended=last is None and so_far > 0)

    def _remove(self, tx: Transaction, rule: Rule, cutoff: int, after: str, up_to: Any) -> int:
        where = and_(_beyond(rule, after), rule.walk <= up_to, rule.removable(cutoff))
        if rule.table is audit:
            self._anchor(tx, where)
        if rule.empties:
            emptied = update(rule.table).where(where).values({column.name: None for column in rule.empties})
            return int(tx.connection.execute(emptied).rowcount)
        return int(tx.connection.execute(delete(rule.table).where(where)).rowcount)

    def _anchor(self, tx: Transaction, where: ColumnElement[bool]) -> None:
        """Keep the end of what goes, so that the chain of the audit trail can be followed from there."""
        newest = select(audit.c.seq, audit.c.hash).where(where).order_by(audit.c.seq.desc()).limit(1)
        line = tx.connection.execute(newest).first()
        if line is not None:
            value = self._operations.anchor(line.seq, line.hash)
            self._operations.save_checkpoints(tx, [("journal", ANCHOR, value)])

    def _tell(self, tx: Transaction, rule: Rule, removed: int, cutoff: int) -> None:
        if removed:
            detail = f"{removed} rows from before {moment(cutoff):%Y-%m-%d}"
            entry = AuditEntry("retention", "removed_after_term", rule.name, detail)
            self._operations.audit_many(tx, [entry])

    def overview(self, connection: Connection, now: datetime) -> tuple[Keeping, ...]:
        """How every rule stands; counts all rows, so it may take seconds on a large journal."""
        walks = {row.name: row for row in connection.execute(select(retention))}
        return tuple(self._keeping(connection, rule, walks.get(rule.name), micros(now)) for rule in RULES)

    def _keeping(self, connection: Connection, rule: Rule, walk: Any, now: int) -> Keeping:
        cutoff = self.cutoff(rule, now)
        filled = or_(*(column.is_not(None) for column in rule.empties)) if rule.empties else None
        there = select(func.count(), func.min(rule.time)).where(rule.walk.is_not(None))
        rows, oldest = connection.execute(there if filled is None else there.where(filled)).one()
        count = select(func.count()).select_from(rule.table)
        aged = connection.execute(count.where(rule.aged(cutoff))).scalar_one()
        due = connection.execute(count.where(rule.removable(cutoff))).scalar_one()
        return Keeping(
            term=rule.term,
            table=str(rule.table.name),
            days=self.days(rule),
            rows=rows,
            due=due,
            held=aged - due,
            oldest=rule.age.told(oldest) if oldest is not None else None,
            next_before=moment(cutoff),
            last_walk=moment(walk.ended_at) if walk and walk.ended_at else None,
            removed=walk.total if walk else 0,
        )


def _beyond(rule: Rule, position: str) -> ColumnElement[bool]:
    if isinstance(rule.walk.type, Integer):
        return rule.walk > (int(position) if position else -1)
    return rule.walk > position


def _window(rule: Rule, position: str, cutoff: int) -> Any:
    """The last of the next keys along the walk; None at its end. Where keys tell the age, it ends at the term."""
    ended = [rule.time < rule.age.stored(cutoff)] if rule.time is rule.walk else []
    keys = (
        select(rule.walk)
        .distinct()
        .where(_beyond(rule, position), *ended)
        .order_by(rule.walk)
        .limit(rule.window)
        .subquery()
    )
    return select(func.max(keys.c[0]))


_NEVER: dict[str, Any] = {"position": "", "ended_at": 0, "removed": 0, "total": 0}
