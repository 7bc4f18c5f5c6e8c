"""One call from many observations, in whatever order, however often and however incompletely they come.

What is known of a call is a *set* of observations: what a telephone exchange told over its event line, over a
webhook, or wrote in its call records. Sets forget order and repetition, so the same set always gives the same
call, and knowledge from two sources is simply put together. Pure: no I/O, no clock.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import msgspec

from canonical_model.phone_number import e164

_WITHHELD = frozenset({"anonymous", "anoniem", "private", "restricted", "withheld", "unavailable"})
_NO_NAME = frozenset({"", "<unknown>", "unknown"})
_TALKED_WITH = frozenset({"queue", "dial"})
"""Applications of a dial plan that bring the caller together with somebody."""


class What(StrEnum):
    """What was observed."""

    BEGAN = "began"
    NAMED = "named"
    QUEUED = "queued"
    LEFT_QUEUE = "left_queue"
    CHOSE = "chose"
    ANSWERED = "answered"
    TRANSFERRED = "transferred"
    TIMED_OUT = "timed_out"
    CALLBACK = "callback"
    VOICEMAIL = "voicemail"
    WRAPPED_UP = "wrapped_up"
    ENDED = "ended"
    RECORDED = "recorded"
    """A row of the exchange's call records: written when the call is over."""
    GONE = "gone"
    """The exchange no longer knows the call, and its end was missed."""


class Observation(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One thing that was seen of a call, at a moment in UTC. Personal data: number, name and texts.

    `context` is the part of the dial plan, `party` the channel or extension on the other side, `inbound` and
    `outbound` what the exchange itself says of the direction.
    """

    at: datetime
    what: What
    call: str
    number: str = ""
    name: str = ""
    dialled: str = ""
    context: str = ""
    inbound: bool = False
    outbound: bool = False
    queue: str = ""
    agent: str = ""
    party: str = ""
    topic: str = ""
    language: str = ""
    slot: str = ""
    recording: str = ""
    seconds: str = ""
    cause: str = ""
    application: str = ""
    disposition: str = ""
    began: datetime | None = None
    answered: datetime | None = None
    subject: str = ""
    notes: str = ""
    answer: str = ""
    category: str = ""
    kind: str = ""
    resolved: bool | None = None
    case: str = ""
    product: str = ""
    source: str = ""


class Outcome(StrEnum):
    """How a call ended for the person who called."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    TIMEOUT = "timeout"
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"


class Direction(StrEnum):
    """Who called whom. `INTERNAL`: calls among colleagues, and calls that the city makes itself."""

    INBOUND = "inbound"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How this exchange is set up: contexts of the dial plan that customers come in by, and lines with a purpose."""

    inbound_contexts: Collection[str] = ()
    lines: Mapping[str, Outcome] = field(default_factory=dict[str, Outcome])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Where a spoken message is, in the exchange's own words, and how long it lasts (seconds, as told)."""

    name: str = field(repr=False)
    seconds: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapUp:
    """What the employee noted after the call; `resolved` None = did not say.

    `source` says which text of the product catalogue the answer came from, as `canonical_model.product` marks it.
    """

    subject: str = field(default="", repr=False)
    notes: str = field(default="", repr=False)
    answer: str = field(default="", repr=False)
    category: str = ""
    kind: str = ""
    resolved: bool | None = None
    case: str = ""
    product: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call from the first ring to the end. `number` is E.164, "" when withheld or unknown; times are UTC.

    `certain`: its end was observed, not concluded from silence.
    """

    id: str
    direction: Direction
    outcome: Outcome
    began: datetime
    ended: datetime
    number: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    withheld: bool = False
    dialled: str = ""
    queues: tuple[str, ...] = ()
    topic: str = ""
    language: str = ""
    agent: str = ""
    answered_at: datetime | None = None
    transferred_to: str = ""
    slot: str = ""
    recording: Recording | None = None
    wrap_up: WrapUp | None = None
    certain: bool = True


def in_order(observations: Iterable[Observation]) -> list[Observation]:
    """Each once, by its moment; the same set always in the same order."""
    return sorted(set(observations), key=lambda one: (one.at, one.what, msgspec.json.encode(one)))


def is_over(observations: Iterable[Observation]) -> bool:
    """Whether the caller has gone: hung up, or the exchange wrote its record. Stragglers may still come."""
    return any(one.what in (What.ENDED, What.RECORDED, What.GONE) for one in observations)


def is_guessed(observations: Iterable[Observation]) -> bool:
    """Whether the end is known only because the exchange no longer has the call: its record may still come."""
    ends = {one.what for one in observations} & {What.ENDED, What.RECORDED, What.GONE}
    return ends == {What.GONE}


def assemble(observations: Collection[Observation], habits: Habits) -> Call:
    """The call. Every observation must be of the same call, and there must be one at least."""
    seen = in_order(observations)
    withheld = any({one.name.strip().casefold(), one.number.casefold()} & _WITHHELD for one in seen)
    return Call(
        id=seen[0].call,
        direction=_direction(seen, habits),
        outcome=_outcome(seen, habits),
        began=min(one.began or one.at for one in seen),
        ended=_ended(seen),
        number="" if withheld else _number(seen),
        name="" if withheld else _name(seen),
        withheld=withheld,
        dialled=_first(one.dialled for one in seen),
        queues=tuple(dict.fromkeys(one.queue for one in seen if one.queue)),
        topic=_last(one.topic for one in seen),
        language=_last(one.language for one in seen),
        agent=_first(one.agent for one in seen if one.what is What.ANSWERED),
        answered_at=_answered_at(seen),
        transferred_to=_transferred_to(seen),
        slot=_last(one.slot for one in seen),
        recording=_recording(seen),
        wrap_up=_wrap_up(seen),
        certain=is_over(seen) and not is_guessed(seen),
    )


def was_answered(seen: Iterable[Observation]) -> bool:
    """Whether somebody spoke with the caller."""
    return any(
        one.what in (What.ANSWERED, What.WRAPPED_UP) or _is_talk(one) or one.cause == "normalClearing"
        for one in seen
    )


def _direction(seen: list[Observation], habits: Habits) -> Direction:
    if any(one.outbound for one in seen):
        return Direction.INTERNAL
    came_in = any(
        one.inbound or one.queue or one.context in habits.inbound_contexts or one.application == "queue"
        for one in seen
    )
    return Direction.INBOUND if came_in else Direction.INTERNAL


def _outcome(seen: list[Observation], habits: Habits) -> Outcome:
    """What needs somebody comes first. An abandon counts only when nobody answered later, in whatever queue."""
    observed = {one.what for one in seen}
    if What.CALLBACK in observed:
        return Outcome.CALLBACK
    if What.VOICEMAIL in observed or any(one.application == "voicemail" for one in seen):
        return Outcome.VOICEMAIL
    if was_answered(seen):
        return Outcome.ANSWERED
    line = habits.lines.get(_first(one.dialled for one in seen))
    if line:
        return line
    return Outcome.TIMEOUT if What.TIMED_OUT in observed else Outcome.ABANDONED


def _is_talk(one: Observation) -> bool:
    """Whether a call record shows a talk: the exchange itself picking up (a menu, a queue) is none."""
    return (
        one.what is What.RECORDED
        and one.disposition == "ANSWERED"
        and one.application in _TALKED_WITH
        and bool(one.party)
    )


def _ended(seen: list[Observation]) -> datetime:
    ends = [one.at for one in seen if one.what in (What.ENDED, What.RECORDED)]
    return max(ends) if ends else seen[-1].at


def _answered_at(seen: list[Observation]) -> datetime | None:
    answers = [one.at for one in seen if one.what is What.ANSWERED]
    if not answers:
        answers = [one.answered for one in seen if one.answered and _is_talk(one)]
    return min(answers, default=None)


def _transferred_to(seen: list[Observation]) -> str:
    """Where to: as the exchange told, or the second leg in its records."""
    told = _last(one.party for one in seen if one.what is What.TRANSFERRED)
    talks = [one for one in seen if _is_talk(one)]
    if told or not talks:
        return told
    later = [one for one in seen if one.what is What.RECORDED and one.began and one.began >= talks[0].at]
    return _last(one.dialled for one in later if one.application == "dial")


def _number(seen: list[Observation]) -> str:
    """The last public number that was shown; one given for calling back goes before."""
    given = _last(e164(one.number) for one in seen if one.what is What.CALLBACK)
    return given or _last(e164(one.number) for one in seen)


def _name(seen: list[Observation]) -> str:
    named = [one.name.strip() for one in seen if one.name.strip().casefold() not in _NO_NAME]
    return _last(name for name in named if not e164(name) and not name.isdigit())


def _recording(seen: list[Observation]) -> Recording | None:
    left = [one for one in seen if one.what is What.VOICEMAIL and one.recording]
    return Recording(name=left[-1].recording, seconds=left[-1].seconds) if left else None


def _wrap_up(seen: list[Observation]) -> WrapUp | None:
    notes = [one for one in seen if one.what is What.WRAPPED_UP]
    if not notes:
        return None
    said = [one.resolved for one in notes if one.resolved is not None]
    answers = [one for one in notes if one.answer]
    return WrapUp(
        subject=_last(one.subject for one in notes),
        notes="\n\n".join(dict.fromkeys(one.notes for one in notes if one.notes)),
        answer=answers[-1].answer if answers else "",
        category=_last(one.category for one in notes),
        kind=_last(one.kind for one in notes),
        resolved=said[-1] if said else None,
        case=_last(one.case for one in notes),
        product=_last(one.product for one in notes),
        source=answers[-1].source if answers else "",
    )


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _last(texts: Iterable[str]) -> str:
    return ([""] + [text for text in texts if text])[-1]
