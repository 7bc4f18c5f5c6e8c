"""Visits as sets of observations: whatever order, however often, the same visit. Pure.

A callback's fields: eventName, eventTime, eventType, unitId, parameters (qmatic/orchestra-events, `QPEvent`).
Of a visit we keep its numbers and times, never the customer.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import msgspec

from adapters.counter.settings import Queue
from ports.errors import NotUnderstoodError
from ports.moments import iso_moment, unix_moment

_PLAIN = re.compile(r"[^\x00-\x1f]{1,60}")


class Stage(StrEnum):
    """What happened to a visit. `GONE`: it is no longer there, and nobody heard how it ended."""

    CREATED = "created"
    CALLED = "called"
    SERVED = "served"
    NO_SHOW = "no_show"
    LEFT = "left"
    GONE = "gone"


_ENDS = frozenset({Stage.SERVED, Stage.NO_SHOW, Stage.LEFT, Stage.GONE})


class Observation(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Something that was seen of a visit, in UTC."""

    at: datetime
    visit: str
    branch: str
    stage: Stage
    ticket: str = ""
    service: str = ""


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A visit as far as it was observed. `outcome` is None as long as it goes on; `key` names its ticket that day."""

    id: str
    branch: str
    ticket: str
    service: str
    outcome: Stage | None
    began: datetime
    ended: datetime | None
    key: str


class _Callback(msgspec.Struct):
    eventName: str  # noqa: N815 - their name
    eventTime: str | int | float  # noqa: N815
    unitId: int | str | None = None  # noqa: N815
    parameters: dict[str, object] = {}


_CALLBACK = msgspec.json.Decoder(_Callback)


def read_callback(body: bytes, queue: Queue) -> Observation | None:
    """What a callback tells; None for events that are none of ours. Raises `NotUnderstoodError`."""
    try:
        told = _CALLBACK.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotUnderstoodError(
            "$: expected a JSON object with eventName, eventTime, unitId and parameters"
        ) from None
    stage = queue.events.get(told.eventName)
    if stage is None:
        return None
    names = {field: _plain(told.parameters.get(theirs)) for field, theirs in queue.fields.items()}
    branch = names["branch"] or _plain(told.unitId)
    if not names["visit"] or not branch:
        missing = queue.fields["branch" if names["visit"] else "visit"]
        raise NotUnderstoodError(f"$.parameters.{missing}: expected a number")
    return Observation(
        at=_moment(told.eventTime, ZoneInfo(queue.time_zone)),
        visit=names["visit"],
        branch=branch,
        stage=Stage(stage),
        ticket=names["ticket"].upper(),
        service=names["service"],
    )


def assemble(observations: Iterable[Observation], zone: ZoneInfo) -> Visit:
    """The visit that these observations are of; at least one.

    Being served and not showing up are told for certain; a no-show who was called back and served was served. A
    visit that is gone was served when it had been called.
    """
    seen = sorted(observations)
    stages = {one.stage: one.at for one in seen}
    outcome = _outcome(stages)
    ticket = _last(one.ticket for one in seen)
    began = seen[0].at
    branch = seen[0].branch
    day = began.astimezone(zone).date().isoformat()
    return Visit(
        id=visit_id(branch, seen[0].visit),
        branch=branch,
        ticket=ticket,
        service=_last(one.service for one in seen),
        outcome=outcome,
        began=began,
        ended=max(one.at for one in seen if one.stage in _ENDS) if outcome else None,
        key=ticket_key(day, branch, ticket or f"#{seen[0].visit}"),
    )


def visit_id(branch: str, visit: str) -> str:
    """A visit's id among all branches."""
    return f"{branch}/{visit}"


def ticket_key(day: str, branch: str, ticket: str) -> str:
    """Ticket numbers begin again every day, at every branch."""
    return f"{day}/{branch}/{ticket}"


def _outcome(stages: Mapping[Stage, datetime]) -> Stage | None:
    for certain in (Stage.SERVED, Stage.NO_SHOW, Stage.LEFT):
        if certain in stages:
            return certain
    if Stage.GONE in stages:
        return Stage.SERVED if Stage.CALLED in stages else Stage.LEFT
    return None


def _last(texts: Iterable[str]) -> str:
    return next((text for text in reversed(tuple(texts)) if text), "")


def _plain(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    text = str(value).strip()
    return text if _PLAIN.fullmatch(text) else ""


def _moment(value: str | float, zone: ZoneInfo) -> datetime:
    try:
        if isinstance(value, (int, float)):
            return unix_moment(value / 1000)
        return iso_moment(value, zone)
    except (ValueError, OverflowError):
        raise NotUnderstoodError("$.eventTime: expected an ISO time, or milliseconds since 1970") from None
