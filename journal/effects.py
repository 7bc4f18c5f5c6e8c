"""The effect ledger: who may try what now, what came of it, and what comes next.

An effect is claimed with a lease, tried, and recorded. Three outcomes: applied, rejected, unknown. A claim
whose lease ran out becomes unknown too: the one who held it may have died after sending. An unknown
effect is never simply repeated; it is claimed with `probe` set, and the worker looks first.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
import structlog
from sqlalchemy import and_, bindparam, exists, or_, select, update

from canonical_model.case import CaseRecord
from canonical_model.codec import UnreadableError, decode_command
from canonical_model.commands import Command
from canonical_model.decision import Decision, Settled
from journal.among import among
from journal.claims import Claim, Claimed, ClaimRequest
from journal.crypto import Keyring, SealBrokenError
from journal.database import Transaction
from journal.intake import CaseState, Intake, Routing
from journal.new_rows import (
    INSERT_ATTEMPTS,
    MOVE_MESSAGES,
    SETTLE_EFFECTS,
    MovedMessage,
    NewAttempt,
    SettledEffect,
)
from journal.questions import Question
from journal.rows import UpdateRows
from journal.schema import attempts, bodies, data_keys, effects, leases, messages, systems

log = structlog.get_logger()

MAX_DEATHS = 10
"""An effect whose claims ended in death this often is parked: it may be what kills the workers.

Whatever else was in flight dies along, so it is not a small number.
"""
SETTLE = 3_000_000
"""How long (3 s) a system may still be busy with what a dead worker sent it: asked sooner, it says "not done"."""

_UNSETTLED = ("due", "claimed", "unknown")
_MINUTE = 60_000_000


class Outcome(StrEnum):
    """How an attempt ended. `AGAIN` = certainly nothing happened, to be tried later; `SKIPPED` = the target can't ever."""

    APPLIED = "applied"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    AGAIN = "again"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class SweepRequest:
    """Ask what must be handed out (again), at most `limit`, nothing for targets in `held`.

    `bulk`: what lets others go first, or all the rest.
    """

    limit: int = 500
    held: frozenset[str] = frozenset()
    bulk: bool = False


class Result(msgspec.Struct, frozen=True):
    """What came of an attempt. `retry_at` (microseconds) for outcomes unknown and again; `refused`: what the target refused, or its customer does not want."""

    effect_id: str
    attempt: int
    owner: str
    outcome: Outcome
    started_at: int
    outside_id: str = ""
    error: str = ""
    what: str = ""
    retry_at: int = 0
    refused: Command | None = None


class Recorded(msgspec.Struct, frozen=True):
    """`stale`: somebody else took the effect over meanwhile, nothing was written. `next`: may start now."""

    stale: bool = False
    next: tuple[str, ...] = ()


class Ledger:
    """The writes on effects, each over many at once."""

    def __init__(self, keyring: Keyring, intake: Intake) -> None:
        self.keyring = keyring
        self.intake = intake

    def claim_many(self, tx: Transaction, requests: list[ClaimRequest]) -> list[Claim | BaseException]:
        """Claim what may be tried now; the rest stays with the sweeper."""
        taken: set[str] = set()
        return [self._claim(tx, request, taken) for request in requests]

    def record_many(self, tx: Transaction, results: list[Result]) -> list[Recorded | BaseException]:
        """Write outcomes down, decide what follows, and free what waited behind."""
        recording = _Recording(self.intake, tx, results)
        return recording.run()

    def sweep_many(
        self, tx: Transaction, requests: list[SweepRequest]
    ) -> list[tuple[str, ...] | BaseException]:
        """The effects that are due and that nobody was told about lately, oldest first.

        Claims whose lease ran out become unknown. Every effect handed out here is left alone for a minute.
        """
        return [self._sweep(tx, request) for request in requests]

    def bury_many(self, tx: Transaction, owners: list[str]) -> list[BaseException | None]:
        """Let go of all that processes whose name starts so held: claims, leases, and what was handed out.

        They are known to be dead and the journal was theirs alone, so nobody else was told of what is due.
        """
        due = and_(effects.c.state.in_(("due", "unknown")), effects.c.due_at <= tx.now)
        tx.connection.execute(
            update(effects).where(effects.c.handout_at > tx.now, due).values(handout_at=tx.now)
        )
        settled = tx.now + SETTLE
        for owner in owners:
            claimed = and_(effects.c.state == "claimed", effects.c.owner.startswith(owner, autoescape=True))
            tx.connection.execute(
                update(effects).where(effects.c.handout_at > settled, claimed).values(handout_at=settled)
            )
            tx.connection.execute(
                update(leases).where(leases.c.owner.startswith(owner, autoescape=True)).values(until=tx.now)
            )
        return [None] * len(owners)

    def _sweep(self, tx: Transaction, request: SweepRequest) -> tuple[str, ...]:
        query = (
            select(effects)
            .where(
                effects.c.bulk if request.bulk else ~effects.c.bulk,
                effects.c.handout_at <= tx.now,
                effects.c.target.not_in(sorted(request.held)),
            )
            .order_by(effects.c.handout_at)
            .limit(request.limit)
            .with_for_update(skip_locked=True)
        )
        rows = tx.connection.execute(query).all()
        self._bury(tx, [row for row in rows if row.state == "claimed"])
        ready = [str(row.id) for row in rows if row.state != "claimed"]
        dead = [str(row.id) for row in rows if row.state == "claimed" and row.deaths + 1 < MAX_DEATHS]
        _HAND_OUT.run(tx.connection, [{"id": id_, "handout_at": tx.now + _MINUTE} for id_ in ready])
        return (*ready, *dead)

    def _bury(self, tx: Transaction, rows: list[Any]) -> None:
        for row in rows:
            tx.connection.execute(
                tx.insert_ignoring(attempts),
                {
                    "effect_id": row.id,
                    "number": row.attempts,
                    "started_at": row.handout_at,
                    "ended_at": tx.now,
                    "outcome": str(Outcome.UNKNOWN),
                    "error": "WorkerDied",
                    "what": "the worker was gone before it told how this ended",
                    "worker": row.owner,
                },
            )
            tx.connection.execute(
                update(effects)
                .where(effects.c.id == row.id)
                .values(state="unknown", deaths=row.deaths + 1, due_at=tx.now, handout_at=tx.now + _MINUTE)
            )
            if row.deaths + 1 >= MAX_DEATHS:
                park(tx, row, "WorkerDied", "the worker died each time on this: look at it before it goes on")

    def _claim(self, tx: Transaction, request: ClaimRequest, taken: set[str]) -> Claim:
        wanted = [id_ for id_ in request.ids if id_ not in taken]
        if not wanted:
            return Claim()
        asked = {"ids": wanted, "now": tx.now, "held": sorted(request.held)}
        found = tx.connection.execute(_CLAIMABLE, asked).all()
        rows, kept_back = _within_caps(found, dict(request.caps))
        rows = _within_budget(tx, rows, dict(request.budgets))
        claimed: list[Claimed] = []
        updates: list[dict[str, Any]] = []
        for row in rows:
            command = self._opened(tx, row)
            if command is None:
                continue
            taken.add(row.id)
            updates.append(
                {
                    "id": row.id,
                    "state": "claimed",
                    "attempts": row.attempts + 1,
                    "owner": request.owner,
                    "handout_at": tx.now + request.lease,
                }
            )
            claimed.append(
                Claimed(
                    id=row.id,
                    key=row.key,
                    case_ref=row.case_ref,
                    message_id=row.message_id,
                    target=row.target,
                    action=row.action,
                    attempt=row.attempts + 1,
                    probe=row.state == "unknown",
                    command=command,
                    deaths=row.deaths,
                )
            )
        if updates:
            _TAKE.run(tx.connection, updates)
        waiting = {id_ for _, id_ in kept_back}
        return Claim(
            effects=tuple(claimed),
            kept_back=kept_back,
            bulk=frozenset(row.id for row in found if row.bulk and row.id in waiting),
        )

    def _opened(self, tx: Transaction, row: Any) -> Command | None:
        if row.wrapped is None or row.canonical is None:
            park(tx, row, "Erased", "the content was erased: nothing can be sent any more")
            return None
        try:
            key = self.keyring.unwrap(row.key_id, row.wrapped)
            data = key.open(row.id, "canonical", row.canonical)
            return decode_command(row.action, data, row.schema_version)
        except (SealBrokenError, UnreadableError) as error:
            park(tx, row, type(error).__name__, f"the stored command can't be opened: {error}")
            return None


class _Tried(NamedTuple):
    """A row of the effects whose outcome is recorded, with its message."""

    id: str
    key: str
    case_ref: str
    target: str
    action: str
    blocking: bool
    state: str
    attempts: int
    owner: str
    due_at: int
    bulk: bool
    message_id: str
    source: str
    message_state: str
    received_at: int
    open_effects: int
    parked_effects: int


class _Recording:
    """One transaction's outcomes."""

    def __init__(self, intake: Intake, tx: Transaction, results: list[Result]) -> None:
        self.tx = tx
        self.results = results
        self.routing = Routing(intake, tx, [])
        self.router = intake.rules.router
        self.updates: list[SettledEffect] = []
        self.tries: list[NewAttempt] = []
        self.followers: list[_Tried] = []
        self.changes: dict[str, list[int]] = {}

    def run(self) -> list[Recorded | BaseException]:
        found = _ROWS.ask(self.tx.connection, ids=[result.effect_id for result in self.results])
        rows = {row.id: row for row in map(_Tried._make, found)}
        ours = list(
            {r.effect_id: r for r in self.results if _is_ours(rows.get(r.effect_id), r)}.values()
        )  # once each, even when somebody tells twice
        started = self._route_on(ours, rows)
        for result in ours:
            self._note(result, rows[result.effect_id], len(started.get(result.effect_id, ())))
        self._write(rows)
        following = self._free_followers()
        mine = {id(result) for result in ours}
        return [
            Recorded(
                next=started.get(result.effect_id, ()) + following.get(result.effect_id, ()),
            )
            if id(result) in mine
            else Recorded(stale=True)
            for result in self.results
        ]

    def _route_on(self, ours: list[Result], rows: dict[str, _Tried]) -> dict[str, tuple[str, ...]]:
        ended = [result for result in ours if result.outcome in _ENDED]
        refused = [result for result in ended if result.refused or result.outcome is not Outcome.APPLIED]
        self.routing.load_cases(
            rows[result.effect_id].case_ref for result in refused
        )  # a letter may go instead
        self.routing.load_cases((rows[result.effect_id].case_ref for result in ended), cards=False)
        self.routing.bulk = {row.message_id for row in rows.values() if row.bulk}
        started: dict[str, tuple[str, ...]] = {}
        for result in ended:
            row = rows[result.effect_id]
            state = self.routing.states.get(row.case_ref)
            if state is None:
                continue
            settled = Settled(
                target=row.target,
                action=row.action,
                key=row.key,
                applied=result.outcome is Outcome.APPLIED,
                at=self.routing.now,
                outside_id=result.outside_id,
                reason=result.what,
                refused=result.refused,
            )
            decision = self._after(settled, state.record)
            if decision is not None:
                started[result.effect_id] = self.routing.apply(decision, row.message_id, state.key)
        return started

    def _after(self, settled: Settled, case: CaseRecord) -> Decision | None:
        try:
            return self.router.after(settled, case)
        except Exception as error:  # a broken route must not keep an outcome from being written down
            log.exception("route_failed", key=settled.key, error=type(error).__name__)
            return None

    def _note(self, result: Result, row: _Tried, more: int) -> None:
        state = _STATE[result.outcome]
        settled = state in ("applied", "skipped")
        self.tries.append(
            NewAttempt(
                effect_id=row.id,
                number=result.attempt,
                started_at=result.started_at,
                ended_at=max(self.tx.now, result.started_at),
                outcome=str(result.outcome),
                error=result.error,
                what=result.what,
                worker=result.owner,
            )
        )
        self.updates.append(
            SettledEffect(
                state=state,
                due_at=result.retry_at or row.due_at,
                handout_at=result.retry_at if state in ("due", "unknown") else None,
                outside_id=result.outside_id,
                error=result.error,
                reason=result.what,
                finished_at=self.tx.now if settled else None,
                id=row.id,
            )
        )
        change = self.changes.setdefault(row.message_id, [0, 0])
        change[0] += more - settled
        change[1] += state == "parked"
        if settled or state == "parked":
            self.tx.move_effect(row.id, row.target, "waiting", state)
        if settled or (state == "parked" and not row.blocking):
            self.followers.append(row)

    def _write(self, rows: dict[str, _Tried]) -> None:
        messages_ = {row.message_id: row for row in rows.values()}
        moves = [
            _moved(self.tx, messages_[id_], *change)
            for id_, change in self.changes.items()
            if change != [0, 0]
        ]
        self.routing.flush(
            also=((SETTLE_EFFECTS, self.updates), (INSERT_ATTEMPTS, self.tries), (MOVE_MESSAGES, moves))
        )

    def _free_followers(self) -> dict[str, tuple[str, ...]]:
        if not self.followers:
            return {}
        states = self.routing.states
        crowded = [row for row in self.followers if _has_others(states.get(row.case_ref))]
        return free_followers(self.tx, crowded) if crowded else {}


def move_messages(tx: Transaction, changes: dict[str, list[int]]) -> None:
    """Add to the open and parked effects of messages, and move each to the state that follows from them."""
    wanted = sorted(id_ for id_, change in changes.items() if change != [0, 0])
    if wanted:
        rows = tx.connection.execute(_MOVING, {"ids": wanted})
        MOVE_MESSAGES.run(tx.connection, [_moved(tx, row, *changes[row.message_id]) for row in rows])


def _moved(tx: Transaction, row: Any, more_open: int, more_parked: int) -> MovedMessage:
    """A message's new counts and state; the balance follows."""
    open_, parked = row.open_effects + more_open, row.parked_effects + more_parked
    state = "parked" if parked else "waiting" if open_ else "done"
    if state != row.message_state:
        tx.count(row.received_at, row.source, row.message_state, -1)
        tx.count(row.received_at, row.source, state, 1)
    return MovedMessage(open_effects=open_, parked_effects=parked, state=state, id=row.message_id)


def free_followers(tx: Transaction, settled: list[Any]) -> dict[str, tuple[str, ...]]:
    """The effects that stood behind these in their lanes and may start now, by the settled effect's id."""
    lanes = {(row.case_ref, row.target): row.id for row in settled}
    asked = {"refs": sorted({case for case, _ in lanes}), "now": tx.now}
    freed: dict[str, tuple[str, ...]] = {}
    for row in tx.connection.execute(_FOLLOWERS, asked):
        owner = lanes.get((row.case_ref, row.target))
        if owner:
            freed[owner] = (*freed.get(owner, ()), row.id)
    return freed


def park(tx: Transaction, row: Any, error: str, reason: str) -> None:
    """Set an effect apart for a person; its message shows it."""
    tx.connection.execute(
        update(effects)
        .where(effects.c.id == row.id)
        .values(state="parked", handout_at=None, error=error, reason=reason)
    )
    tx.move_effect(row.id, row.target, "waiting", "parked")
    move_messages(tx, {row.message_id: [0, 1]})


_earlier = effects.alias("earlier")


def _someone_before() -> Any:
    """Head of line: an earlier effect of this case towards this target that is not settled."""
    return exists().where(
        _earlier.c.case_ref == effects.c.case_ref,
        _earlier.c.target == effects.c.target,
        _earlier.c.seq < effects.c.seq,
        or_(
            _earlier.c.state.in_(_UNSETTLED),
            and_(_earlier.c.state == "parked", _earlier.c.blocking),
        ),
    )


def _within_caps(rows: Any, caps: dict[str, int]) -> tuple[list[Any], tuple[tuple[str, str], ...]]:
    kept: list[Any] = []
    back: list[tuple[str, str]] = []
    for row in rows:
        left = caps.get(row.target)
        if left is None or left > 0:
            kept.append(row)
            caps |= {} if left is None else {row.target: left - 1}
        else:
            back.append((row.target, row.id))
    return kept, tuple(back)


def _within_budget(tx: Transaction, rows: Any, budgets: dict[str, int]) -> Any:
    if not budgets:
        return rows
    kept: list[Any] = []
    left = {target: _tries_left(tx, target, limit) for target, limit in sorted(budgets.items())}
    for row in rows:
        if row.target not in left:
            kept.append(row)
        elif left[row.target] > 0:
            left[row.target] -= 1
            kept.append(row)
    for target, limit in budgets.items():
        used = sum(1 for row in kept if row.target == target)
        if used and limit:
            tx.connection.execute(
                update(systems)
                .where(systems.c.name == target)
                .values(minute=tx.now // _MINUTE, tries_this_minute=limit - left[target])
            )
    return kept


def _tries_left(tx: Transaction, target: str, limit: int) -> int:
    row = tx.connection.execute(
        select(systems.c.minute, systems.c.tries_this_minute)
        .where(systems.c.name == target)
        .with_for_update()
    ).one_or_none()
    if row is None or row.minute != tx.now // _MINUTE:
        return limit
    return max(0, limit - int(row.tries_this_minute))


def _is_ours(row: _Tried | None, result: Result) -> bool:
    """Fencing: only the holder of the current claim may record; one who slept past its lease may not."""
    if row is None or row.state != "claimed":
        return False
    return row.owner == result.owner and row.attempts == result.attempt


def _has_others(state: CaseState | None) -> bool:
    """Whether anything can stand behind an effect of this case: not when it is the only one."""
    return state is None or state.effect_count > 1


_STATE = {
    Outcome.APPLIED: "applied",
    Outcome.REJECTED: "parked",
    Outcome.UNKNOWN: "unknown",
    Outcome.AGAIN: "due",
    Outcome.SKIPPED: "skipped",
}
_ENDED = (Outcome.APPLIED, Outcome.REJECTED, Outcome.SKIPPED)


_TAKE = UpdateRows(effects, "id", ("state", "attempts", "owner", "handout_at"))
_HAND_OUT = UpdateRows(effects, "id", ("handout_at",))

# The questions of the busiest path, put together once.
_MESSAGE = (
    messages.c.id.label("message_id"),
    messages.c.source,
    messages.c.state.label("message_state"),
    messages.c.received_at,
    messages.c.open_effects,
    messages.c.parked_effects,
)
_ROWS = Question(  # locked in the order of the messages, so that two groups never wait for each other
    select(*(effects.c[name] for name in _Tried._fields[: -len(_MESSAGE)]), *_MESSAGE)
    .join(messages, messages.c.id == effects.c.message_id)
    .where(among(effects.c.id, "ids"))
    .order_by(messages.c.id, effects.c.id)
    .with_for_update()
)
_MOVING = select(*_MESSAGE).where(among(messages.c.id, "ids")).order_by(messages.c.id).with_for_update()
_FOLLOWERS = (
    select(effects.c.id, effects.c.case_ref, effects.c.target)
    .where(
        among(effects.c.case_ref, "refs"),
        effects.c.state.in_(("due", "unknown")),
        effects.c.due_at <= bindparam("now"),
        ~_someone_before(),
    )
    .order_by(effects.c.case_ref, effects.c.seq)
)
_CLAIMABLE = (
    select(effects, bodies.c.canonical, bodies.c.schema_version, data_keys.c.wrapped)
    .join(bodies, bodies.c.owner == effects.c.id, isouter=True)
    .join(data_keys, data_keys.c.message_id == effects.c.key_id, isouter=True)
    .where(
        among(effects.c.id, "ids"),
        effects.c.state.in_(("due", "unknown")),
        effects.c.due_at <= bindparam("now"),
        ~among(effects.c.target, "held"),
        ~_someone_before(),
    )
    .order_by(effects.c.bulk, effects.c.id)
    .with_for_update(of=effects, skip_locked=True)
)
