"""Replays as plans: a list that is frozen, looked at, approved, tried on a few rows, and then carried out.

A plan is made once (`plan`), from a selection. Freezing writes its rows down in batches; whoever comes by may
go on with it (`freeze`), so a plan whose maker died is finished by the scheduler. Then people decide: a second
one approves when citizens would get mails or notices, somebody starts it, and the scheduler releases its rows at its pace
(`release`) and writes down what came of each (`follow`). Everything about a plan is in the journal: it goes on
after a restart where it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import select, update

from journal.actors import people
from journal.crypto import Keyring
from journal.database import Database, Transaction
from journal.instants import new_id
from journal.operations import Act, AuditEntry, Operations
from journal.replay_freezing import Freezing
from journal.replay_ledger import (
    ASIDE,
    CANARY,
    CANCELLED,
    FREEZING,
    PAUSED,
    READY,
    RUNNING,
    WAITING,
    Selection,
    Totals,
    locked_plan,
)
from journal.replay_running import SCHEDULER, Following, Releasing
from journal.schema import replay_plans, replay_rows
from journal.verdicts import DECIDE
from ports.errors import RejectedError

MOST_IDS: Final = 10_000
"""How many messages and effects one plan can name one by one."""
FASTEST: Final = 60_000
"""The quickest pace that can be asked for, in rows per minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """What somebody wants to replay, and why."""

    selection: Selection
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How a plan is carried out: stop once after `canary` rows (0 = don't), `pace` rows per minute (0 = no limit)."""

    plan_id: str
    actor: str
    canary: int = 0
    pace: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RowDecision:
    """A person says of a row that nobody can judge: send it."""

    plan_id: str
    number: int
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Step:
    """A move of a plan from one of these states to another."""

    action: str
    before: tuple[str, ...]
    after: str


_PAUSE = _Step("replay_paused", (RUNNING,), PAUSED)
_RESUME = _Step("replay_resumed", (PAUSED, CANARY), RUNNING)
_CANCEL = _Step("replay_cancelled", (FREEZING, READY, RUNNING, CANARY, PAUSED), CANCELLED)


class Replays:
    """The plans. Calls may raise `RejectedError` when the plan's state does not allow it, or it does not exist."""

    def __init__(self, database: Database, keyring: Keyring, operations: Operations) -> None:
        self._database = database
        self._operations = operations
        self._freezing = Freezing(keyring)
        self._releasing = Releasing(operations)
        self._following = Following(operations)

    async def plan(self, selection: Selection, actor: str, reason: str) -> str:
        """Write a plan down; its id. Its rows follow by `freeze`: only what failed before now can get in."""
        new = NewPlan(selection=selection, actor=actor, reason=reason)
        return await self._database.write(self._make_many, new)

    async def freeze(self, plan_id: str) -> bool:
        """Write the next batch of its rows down; whether there is more to do. May be repeated by anybody."""
        return await self._database.write(self._freezing.freeze_many, plan_id)

    async def approve(self, plan_id: str, actor: str) -> None:
        """A second person agrees that citizens get these mails and notices. Who made or decided anything in it can't."""
        await self._database.write(self._approve_many, Act(plan_id, actor))

    async def decide(self, plan_id: str, number: int, actor: str, reason: str) -> None:
        """Send a row of which nobody can tell whether it was done. What a citizen gets needs approval again."""
        wish = RowDecision(plan_id=plan_id, number=number, actor=actor, reason=reason)
        await self._database.write(self._decide_many, wish)

    async def start(self, plan_id: str, actor: str, *, canary: int = 0, pace: int = 0) -> None:
        """Let a plan that is ready be carried out."""
        wish = Start(plan_id=plan_id, actor=actor, canary=canary, pace=pace)
        await self._database.write(self._start_many, wish)

    async def pause(self, plan_id: str, actor: str, reason: str = "") -> None:
        """Release nothing more until somebody resumes it."""
        await self._database.write(self._pause_many, Act(plan_id, actor, reason))

    async def resume(self, plan_id: str, actor: str) -> None:
        """Go on after a pause, or after the canary was looked at."""
        await self._database.write(self._resume_many, Act(plan_id, actor))

    async def cancel(self, plan_id: str, actor: str, reason: str = "") -> None:
        """Release nothing more, for good; what is under way ends by itself."""
        await self._database.write(self._cancel_many, Act(plan_id, actor, reason))

    async def stop(self, plan_id: str, note: str) -> None:
        """Something is wrong with a plan: hold it, so that somebody looks. One that is not whole yet is cancelled."""
        await self._database.write(self._stop_many, Act(plan_id, SCHEDULER, note))

    async def release(self, plan_id: str) -> tuple[str, ...]:
        """Let the next rows go, as many as the pace and the targets allow; the effects to hand out."""
        return await self._database.write(self._releasing.release_many, plan_id)

    async def follow(self, plan_id: str) -> int:
        """Write down what came of rows under way; how many ended."""
        return await self._database.write(self._following.follow_many, plan_id)

    # --- the writes ---------------------------------------------------------------------------------------

    def _make_many(self, tx: Transaction, wishes: list[NewPlan]) -> "list[str | BaseException]":
        return [self._make(tx, wish) for wish in wishes]

    def _make(self, tx: Transaction, wish: NewPlan) -> str | BaseException:
        if len(wish.selection.ids) > MOST_IDS:
            return RejectedError(f"a plan names at most {MOST_IDS} messages or effects: use a filter instead")
        id_ = new_id(tx.now)
        row = {
            **_FRESH,
            "id": id_,
            "made_at": tx.now,
            "made_by": wish.actor,
            "reason": wish.reason,
            "selection": msgspec.json.encode(wish.selection).decode(),
            "changed_at": tx.now,
        }
        tx.connection.execute(replay_plans.insert(), row)
        self._note(tx, wish.actor, "replay_planned", id_, wish.reason)
        return id_

    def _approve_many(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        return [self._approve(tx, act) for act in acts]

    def _approve(self, tx: Transaction, act: Act) -> BaseException | None:
        plan = locked_plan(tx, act.subject)
        if plan is None:
            return _unknown(act.subject)
        if plan.state != READY:
            return RejectedError(f"only a plan that is ready can be approved; this one is {plan.state}")
        deciders = select(replay_rows.c.decided_by).where(
            replay_rows.c.plan_id == plan.id, replay_rows.c.decided_by != ""
        )
        involved = {plan.made_by, *tx.connection.execute(deciders.distinct()).scalars()}
        approving = people(act.actor)
        if not approving or any(approving & people(one) for one in involved):
            return RejectedError(
                "a second person must approve: not whoever made this plan or decided in it, nor under their account"
            )
        self._set(tx, plan.id, approved_by=act.actor)
        self._note(tx, act.actor, "replay_approved", plan.id, f"{plan.citizens} messages to citizens")
        return None

    def _decide_many(self, tx: Transaction, wishes: list[RowDecision]) -> list[BaseException | None]:
        return [self._decide(tx, wish) for wish in wishes]

    def _decide(self, tx: Transaction, wish: RowDecision) -> BaseException | None:
        plan = locked_plan(tx, wish.plan_id)
        if plan is None or plan.state != READY:
            return RejectedError("rows are decided about before the plan is started")
        row = tx.connection.execute(
            select(replay_rows).where(replay_rows.c.plan_id == plan.id, replay_rows.c.number == wish.number)
        ).one_or_none()
        if row is None or row.verdict != DECIDE or row.state != ASIDE:
            return RejectedError("this row asks for no decision")
        tx.connection.execute(
            update(replay_rows)
            .where(replay_rows.c.plan_id == plan.id, replay_rows.c.number == wish.number)
            .values(state=WAITING, decided_by=wish.actor)
        )
        totals = Totals(plan.id)
        totals.move(row, ASIDE, WAITING)
        totals.write(tx)
        again = {"approved_by": "", "citizens": plan.citizens + 1} if row.citizen else {}
        self._set(tx, plan.id, waiting=plan.waiting + 1, **again)
        self._note(tx, wish.actor, "replay_decided", row.subject, f"plan {plan.id}: {wish.reason}")
        return None

    def _start_many(self, tx: Transaction, wishes: list[Start]) -> list[BaseException | None]:
        return [self._start(tx, wish) for wish in wishes]

    def _start(self, tx: Transaction, wish: Start) -> BaseException | None:
        plan = locked_plan(tx, wish.plan_id)
        if plan is None:
            return _unknown(wish.plan_id)
        if plan.state != READY:
            return RejectedError(f"only a plan that is ready can be started; this one is {plan.state}")
        if plan.citizens and not plan.approved_by:
            return RejectedError(
                f"{plan.citizens} messages would go to citizens: a second person must approve first"
            )
        if not plan.waiting:
            return RejectedError("there is nothing to send in this plan yet: decide about its rows first")
        if wish.canary < 0 or not 0 <= wish.pace <= FASTEST:
            return RejectedError(f"a canary is 0 or more rows, a pace 0 to {FASTEST} rows per minute")
        values = {"canary": wish.canary, "pace": wish.pace, "started_by": wish.actor}
        self._set(tx, plan.id, state=RUNNING, paced_at=0, **values)
        detail = (
            f"{plan.waiting} of {plan.row_count} rows, canary {wish.canary}, pace {wish.pace}; {plan.reason}"
        )
        self._note(tx, wish.actor, "replay_started", plan.id, detail)
        return None

    def _pause_many(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        return [self._move(tx, act, _PAUSE) for act in acts]

    def _resume_many(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        return [self._move(tx, act, _RESUME) for act in acts]

    def _cancel_many(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        return [self._move(tx, act, _CANCEL) for act in acts]

    def _stop_many(self, tx: Transaction, acts: list[Act]) -> list[BaseException | None]:
        return [self._stop(tx, act) for act in acts]

    def _stop(self, tx: Transaction, act: Act) -> BaseException | None:
        plan = locked_plan(tx, act.subject)
        if plan is None or plan.state not in (FREEZING, RUNNING):
            return None
        return self._move(tx, act, _CANCEL if plan.state == FREEZING else _PAUSE)

    def _move(self, tx: Transaction, act: Act, step: _Step) -> BaseException | None:
        plan = locked_plan(tx, act.subject)
        if plan is None:
            return _unknown(act.subject)
        if plan.state not in step.before:
            return RejectedError(f"this plan is {plan.state}: that can't be done now")
        values: dict[str, Any] = {"state": step.after, "note": act.reason, "paced_at": 0}
        if plan.state == CANARY:
            values["canary"] = 0  # it was looked at
        if step.after == CANCELLED:
            values["finished_at"] = tx.now
        self._set(tx, plan.id, **values)
        self._note(tx, act.actor, step.action, plan.id, act.reason)
        return None

    @staticmethod
    def _set(tx: Transaction, plan_id: str, **values: Any) -> None:
        tx.connection.execute(
            update(replay_plans).where(replay_plans.c.id == plan_id).values(changed_at=tx.now, **values)
        )

    def _note(self, tx: Transaction, actor: str, action: str, subject: str, detail: str) -> None:
        self._operations.audit_many(tx, [AuditEntry(actor, action, subject, detail)])


def _unknown(plan_id: str) -> RejectedError:
    return RejectedError(f"no replay plan has id {plan_id}")


_FRESH: Mapping[str, Any] = {
    "state": FREEZING,
    "place": "",
    "row_count": 0,
    "waiting": 0,
    "in_flight": 0,
    "released": 0,
    "citizens": 0,
    "canary": 0,
    "pace": 0,
    "paced_at": 0,
    "approved_by": "",
    "started_by": "",
    "note": "",
}
