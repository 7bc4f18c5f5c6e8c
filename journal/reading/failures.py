"""What needs a person: failures put together by their remedy, and how many there are."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, func, literal_column, select, text

from journal.instants import moment
from journal.reading.bounds import LOOK_BACK, MOST
from journal.reading.messages import NEEDS_SOMEBODY
from journal.schema import STUCK, effects, messages

_STUCK: Final = text(STUCK)
_VARYING = re.compile(r"[A-Z]{2,5}-20[0-9]{2}-[0-9]{6,9}|\b[0-9a-f]{16,}\b|\b[0-9]{4,}\b")


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
class Needing:
    """What needs a person, each count up to `MOST`."""

    effects: int
    messages: int
    quarantined: int


def failure_cards(connection: Connection) -> Failures:
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


def needing_somebody(connection: Connection) -> Needing:
    """How much waits for a person."""
    parked = select(effects.c.id).where(effects.c.state == literal_column("'parked'")).limit(MOST)
    stuck = select(messages.c.id).where(_STUCK).limit(MOST)
    quarantined = select(messages.c.id).where(NEEDS_SOMEBODY, messages.c.state == "quarantined").limit(MOST)
    return Needing(
        effects=_count(connection, parked),
        messages=_count(connection, stuck),
        quarantined=_count(connection, quarantined),
    )


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
