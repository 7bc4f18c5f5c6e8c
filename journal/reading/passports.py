"""The passport of a case: all that is known of it on one page."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from canonical_model.codec import UnreadableError, decode_command
from canonical_model.commands import SendMail
from canonical_model.party import masked_email
from canonical_model.standing import Standing as OutsideStanding
from journal.crypto import Keyring, SealBrokenError
from journal.instants import moment
from journal.reading.bounds import MOST
from journal.reading.cases import CaseRow, case_row
from journal.reading.citizens import Citizen, citizen_of
from journal.reading.effects import EffectRow, effects_of_case
from journal.reading.messages import MessageRow, messages_of_case
from journal.reading.systems import SystemRow, systems_by_name
from journal.reading.timelines import (
    StatusStep,
    Step,
    TimerRow,
    history_of,
    lanes_of,
    timeline_of,
    timers_of,
)
from journal.schema import cases, references
from journal.seals import Opener
from journal.standings import standings_of
from journal.work_items import ItemRow, items_of


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAs:
    """A name of the case elsewhere; `shown` is "" when the name itself is personal."""

    system: str
    shown: str
    at: datetime


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


def passport_of(connection: Connection, keyring: Keyring, ref: str, now: datetime) -> Passport | None:
    """Everything about one case, the citizen masked; None when there is no such case."""
    found = connection.execute(select(cases).where(cases.c.ref == ref)).one_or_none()
    if found is None:
        return None
    case = case_row(found)
    opener = Opener(connection, keyring)
    its_messages = messages_of_case(connection, ref)
    its_effects = effects_of_case(connection, ref)
    history = history_of(connection, ref)
    its_timers = timers_of(connection, ref)
    citizen, address = citizen_of(opener, found)
    board = systems_by_name(connection)
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
        lanes=lanes_of(its_messages, its_effects),
        timeline=timeline_of(history, its_messages, its_effects, its_timers),
        outside=standings_of(connection, ref),
        items=items_of(connection, ref),
        complete=len(its_effects) < MOST and len(its_messages) < MOST,
    )


def _names_of(connection: Connection, ref: str) -> tuple[KnownAs, ...]:
    rows = connection.execute(
        select(references.c.system, references.c.shown, references.c.at)
        .where(references.c.case_ref == ref)
        .limit(MOST)
    )
    names = (KnownAs(system=row.system, shown=row.shown, at=moment(row.at)) for row in rows)
    return tuple(sorted(names, key=lambda name: (name.at, name.system)))


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
