"""Freezing: the rows of a plan are written down in short steps, each a transaction of its own.

Every step looks at a bounded number of stored rows, so that the journal's writer is never held for long,
however rare what is looked for. What failed after the plan was made stays out, however long the freezing takes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import and_, exists, literal_column, not_, or_, select, update

from canonical_model.codec import UnreadableError, decode_card, decode_command
from canonical_model.commands import SendMail
from journal.crypto import DataKey, Keyring, SealBrokenError
from journal.database import Transaction
from journal.reading.failures import same_remedy
from journal.reading.messages import NEEDS_SOMEBODY
from journal.replay_ledger import (
    ASIDE,
    DONE,
    EFFECT,
    FREEZING,
    MESSAGE,
    READY,
    WAITING,
    Selection,
    Totals,
    locked_plan,
)
from journal.rows import InsertRows
from journal.schema import attempts, bodies, cases, data_keys, effects, messages, replay_plans, replay_rows
from journal.verdicts import AGAIN, DECIDE, ERASED, RELEASED_BY_ITSELF, judge
from ports.errors import RejectedError

STEP: Final = 500
"""Stored effects or messages looked at in one step."""
IDS_STEP: Final = 100
"""Named messages or effects in one step: a message has several effects."""
_LAST_ID: Final = "g"
"""Sorts behind every id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A row to be."""

    kind: str
    subject: str
    case_ref: str
    target: str
    action: str
    verdict: str
    citizen: bool

    @property
    def state(self) -> str:
        return WAITING if self.verdict in RELEASED_BY_ITSELF else ASIDE


class Freezing:
    """Writes the rows of plans down."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def freeze_many(self, tx: Transaction, plan_ids: list[str]) -> list[bool | BaseException]:
        """The next batch of each plan; whether there is more to come."""
        return [self._freeze(tx, plan_id) for plan_id in plan_ids]

    def _freeze(self, tx: Transaction, plan_id: str) -> bool | BaseException:
        plan = locked_plan(tx, plan_id)
        if plan is None:
            return RejectedError(f"no replay plan has id {plan_id}")
        if plan.state != FREEZING:
            return False
        selection = msgspec.json.decode(plan.selection, type=Selection)
        rows, place = self._step(tx, plan, selection)
        totals = Totals(plan.id)
        for row in rows:
            totals.add(row, row.state)
        InsertRows(replay_rows).run(tx.connection, _stored(plan, rows))
        totals.write(tx)
        tx.connection.execute(
            update(replay_plans).where(replay_plans.c.id == plan.id).values(_counted(tx, plan, rows, place))
        )
        return bool(place)

    def _step(self, tx: Transaction, plan: Any, selection: Selection) -> tuple[list[_Row], str]:
        """Rows, and the place to go on from; "" when all is done."""
        if selection.ids:
            return self._named(tx, plan, selection)
        stage, _, after = plan.place.partition(":")
        if stage != MESSAGE:
            found, last = _window(tx, plan, selection, after or _first_id(selection))
            place = f"{EFFECT}:{last}" if last else f"{MESSAGE}:" if _wants_messages(selection) else ""
            return self._effect_rows(tx, found), place
        found, last = _message_window(tx, plan, selection, after or _first_id(selection))
        return [_message_row(row) for row in found], f"{MESSAGE}:{last}" if last else ""

    def _named(self, tx: Transaction, plan: Any, selection: Selection) -> tuple[list[_Row], str]:
        start = int(plan.place or 0)
        ids = list(dict.fromkeys(selection.ids))
        chosen = ids[start : start + IDS_STEP]
        of_messages = select(messages.c.case_ref).where(messages.c.id.in_(chosen))
        its_own = and_(effects.c.case_ref.in_(of_messages), effects.c.message_id.in_(chosen))
        found = tx.connection.execute(_effects(selection).where(or_(effects.c.id.in_(chosen), its_own))).all()
        undecided = tx.connection.execute(_messages().where(messages.c.id.in_(chosen))).all()
        rows = [*self._effect_rows(tx, found), *(_message_row(row) for row in undecided)]
        end = start + IDS_STEP
        return _new_ones(tx, plan, rows), str(end) if end < len(ids) else ""

    def _effect_rows(self, tx: Transaction, found: Sequence[Any]) -> list[_Row]:
        verdicts = {row.id: judge(row) for row in found}
        meant = [row for row in found if verdicts[row.id] in (*RELEASED_BY_ITSELF, DECIDE)]
        mails = [row.id for row in meant if row.action == "send_mail"]
        notices = frozenset(row.id for row in meant if row.action == "notify")
        to_citizens = self._to_citizens(tx, mails) | notices
        return [
            _Row(
                kind=EFFECT,
                subject=row.id,
                case_ref=row.case_ref,
                target=row.target,
                action=row.action,
                verdict=verdicts[row.id],
                citizen=row.id in to_citizens,
            )
            for row in found
        ]

    def _to_citizens(self, tx: Transaction, mails: list[str]) -> frozenset[str]:
        """Which of these mails a citizen would get. One that does not open goes nowhere."""
        if not mails:
            return frozenset()
        query = (
            select(
                effects.c.id,
                effects.c.key_id,
                bodies.c.canonical,
                bodies.c.schema_version,
                data_keys.c.wrapped,
                cases.c.ref,
                cases.c.card,
                cases.c.card_version,
                cases.c.key_id.label("card_key"),
            )
            .join(bodies, bodies.c.owner == effects.c.id)
            .join(data_keys, data_keys.c.message_id == effects.c.key_id)
            .join(cases, cases.c.ref == effects.c.case_ref, isouter=True)
            .where(effects.c.id.in_(mails), bodies.c.canonical.is_not(None))
        )
        return frozenset(row.id for row in tx.connection.execute(query) if self._for_citizen(tx, row))

    def _for_citizen(self, tx: Transaction, row: Any) -> bool:
        """Its reply comes back to the case, or it goes to the address of the case's customer."""
        try:
            key = self._keyring.unwrap(row.key_id, row.wrapped)
            data = key.open(row.id, "canonical", row.canonical)
            command = decode_command("send_mail", data, row.schema_version)
        except (SealBrokenError, UnreadableError):
            return False
        if not isinstance(command, SendMail):
            return False
        return bool(command.case) or command.to.casefold() == self._address(tx, row, key)

    def _address(self, tx: Transaction, row: Any, key: DataKey) -> str | None:
        """The customer's address; None when the case has no card that opens."""
        if row.card is None:
            return None
        try:
            if row.card_key != row.key_id:
                wrapped = tx.connection.execute(
                    select(data_keys.c.wrapped).where(data_keys.c.message_id == row.card_key)
                ).scalar_one_or_none()
                if wrapped is None:
                    return None
                key = self._keyring.unwrap(row.card_key, wrapped)
            card = decode_card(key.open(row.ref, "card", row.card), row.card_version)
        except (SealBrokenError, UnreadableError):
            return None
        return card.party.email.casefold()


def _effects(selection: Selection) -> Any:
    """Effects with what a verdict needs, in the order in which they were planned."""
    query = (
        select(
            effects.c.id,
            effects.c.case_ref,
            effects.c.target,
            effects.c.action,
            effects.c.state,
            effects.c.attempts,
            effects.c.error,
            effects.c.reason,
            data_keys.c.wrapped,
        )
        .join(data_keys, data_keys.c.message_id == effects.c.key_id, isouter=True)
        .order_by(effects.c.id)
    )
    if selection.source:
        query = query.join(messages, messages.c.id == effects.c.message_id).where(
            messages.c.source == selection.source
        )
    return query


def _window(tx: Transaction, plan: Any, selection: Selection, after: str) -> tuple[list[Any], str]:
    """What fits among the next stored effects, and the last id looked at; "" when there is nothing behind."""
    base = [effects.c.id > after, effects.c.id < _last_id(plan, selection)]
    if not selection.done:
        base.append(effects.c.state == literal_column("'parked'"))  # as the partial index says it
    if selection.case:
        base.append(effects.c.case_ref == selection.case)
    last = _last_of_step(tx, effects.c.id, base)
    query = _effects(selection).where(*base, effects.c.id <= (last or _LAST_ID), not_(_failed_later(plan)))
    if selection.target:
        query = query.where(effects.c.target == selection.target)
    found = [row for row in tx.connection.execute(query) if _fits(row, row.error, selection)]
    return found, last


def _message_window(tx: Transaction, plan: Any, selection: Selection, after: str) -> tuple[list[Any], str]:
    """The same for messages that nobody decided about."""
    base = [
        NEEDS_SOMEBODY,
        messages.c.state == "parked",
        messages.c.id > after,
        messages.c.id < _last_id(plan, selection),
    ]
    last = _last_of_step(tx, messages.c.id, base)
    query = _messages().where(*base, messages.c.id <= (last or _LAST_ID))
    if selection.source:
        query = query.where(messages.c.source == selection.source)
    return [row for row in tx.connection.execute(query) if _fits(row, "route", selection)], last


def _messages() -> Any:
    """Messages that were understood, but that a route failed on: they can be decided again."""
    return (
        select(messages.c.id, messages.c.kind, messages.c.reason, data_keys.c.wrapped)
        .join(data_keys, data_keys.c.message_id == messages.c.id, isouter=True)
        .where(
            messages.c.state == "parked", messages.c.case_ref.is_(None), messages.c.kind != "not_understood"
        )
        .order_by(messages.c.id)
    )


def _message_row(row: Any) -> _Row:
    """What follows from it is not known before: a citizen may get mail."""
    erased = row.wrapped is None
    return _Row(
        kind=MESSAGE,
        subject=row.id,
        case_ref="",
        target="",
        action=row.kind,
        verdict=ERASED if erased else AGAIN,
        citizen=not erased,
    )


def _last_of_step(tx: Transaction, column: Any, base: list[Any]) -> str:
    """The id at which this step ends, because more follows; "" when the rest fits in it."""
    query = select(column).where(*base).order_by(column).limit(1).offset(STEP - 1)
    return tx.connection.execute(query).scalar_one_or_none() or ""


def _failed_later(plan: Any) -> Any:
    """Parked by an attempt that ended after the plan was made."""
    return and_(
        effects.c.state == "parked",
        exists().where(
            attempts.c.effect_id == effects.c.id,
            attempts.c.number == effects.c.attempts,
            attempts.c.ended_at > plan.made_at,
        ),
    )


def _fits(row: Any, error: str, selection: Selection) -> bool:
    return selection.wants_error(error) and (not selection.like or same_remedy(row.reason) == selection.like)


def _wants_messages(selection: Selection) -> bool:
    return not selection.target and not selection.case and selection.wants_error("route")


def _first_id(selection: Selection) -> str:
    """Ids begin with their milliseconds."""
    return f"{selection.since // 1000:012x}" if selection.since else ""


def _last_id(plan: Any, selection: Selection) -> str:
    """Behind the last id that can belong: nothing that was written after the plan was made."""
    if selection.until and selection.until <= plan.made_at:
        return f"{selection.until // 1000:012x}"
    return f"{plan.made_at // 1000 + 1:012x}"


def _new_ones(tx: Transaction, plan: Any, rows: list[_Row]) -> list[_Row]:
    """An effect may be named by itself and by its message."""
    there = select(replay_rows.c.subject).where(
        replay_rows.c.plan_id == plan.id, replay_rows.c.subject.in_([row.subject for row in rows])
    )
    known = set(tx.connection.execute(there).scalars())
    return [row for row in rows if row.subject not in known]


def _stored(plan: Any, rows: Iterable[_Row]) -> list[dict[str, Any]]:
    return [
        {
            "plan_id": plan.id,
            "number": number,
            "kind": row.kind,
            "subject": row.subject,
            "case_ref": row.case_ref,
            "target": row.target,
            "action": row.action,
            "verdict": row.verdict,
            "citizen": row.citizen,
            "state": row.state,
            "decided_by": "",
            "released_at": None,
            "settled_at": None,
            "error": "",
            "what": "",
        }
        for number, row in enumerate(rows, plan.row_count + 1)
    ]


def _counted(tx: Transaction, plan: Any, rows: list[_Row], place: str) -> dict[str, Any]:
    """The plan after this step. One in which nothing can ever be sent is over as soon as it is frozen."""
    waiting = plan.waiting + sum(row.state == WAITING for row in rows)
    open_questions = waiting or _asks(tx, plan, rows)
    state = FREEZING if place else READY if open_questions else DONE
    return {
        "place": place,
        "row_count": plan.row_count + len(rows),
        "waiting": waiting,
        "citizens": plan.citizens + sum(row.citizen and row.state == WAITING for row in rows),
        "state": state,
        "changed_at": tx.now,
        "finished_at": tx.now if state == DONE else None,
    }


def _asks(tx: Transaction, plan: Any, rows: list[_Row]) -> bool:
    """Whether a row waits for a person's decision."""
    if any(row.verdict == DECIDE for row in rows):
        return True
    one = select(replay_rows.c.number).where(
        replay_rows.c.plan_id == plan.id, replay_rows.c.verdict == DECIDE
    )
    return tx.connection.execute(one.limit(1)).first() is not None
