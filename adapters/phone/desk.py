"""The calls that are going on, and those that ended a moment ago: what must survive a crash of the hub.

Holds sets of observations per call and says which calls are ready to hand over. No I/O: the room around it
(`room.py`) saves it, sealed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec

from adapters.phone.assembler import (
    Call,
    Habits,
    Observation,
    Outcome,
    What,
    assemble,
    in_order,
    is_guessed,
    is_over,
)

REMEMBERED = timedelta(hours=2)
MOST_REMEMBERED = 2_000
"""Ended calls whose stragglers are still recognised; after that the journal recognises them by their id."""
_MATTERS_LATER = frozenset({What.WRAPPED_UP, What.CALLBACK, What.VOICEMAIL})
_LATER = "#later-"
_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait for what may still come.

    `settle`: after the end, for events that overtook each other. `wrap_up`: after an answered call, for the
    employee's notes. `record`: after a gap, for the exchange's call record. `silence`: for the end itself.
    """

    settle: timedelta
    wrap_up: timedelta
    record: timedelta
    silence: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A call to hand over, with all that it was made of, in order of time."""

    call: Call
    observations: tuple[Observation, ...] = field(repr=False)


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The desk as it is saved."""

    calls: dict[str, list[Observation]] = {}
    arrived: dict[str, datetime] = {}
    ended: dict[str, datetime] = {}
    unreadable: dict[str, tuple[bytes, str]] = {}


class Desk:
    """All open calls of one telephone exchange."""

    def __init__(self, habits: Habits, patience: Patience) -> None:
        self._habits = habits
        self._patience = patience
        self._calls: dict[str, set[Observation]] = {}
        self._arrived: dict[str, datetime] = {}
        self._ended: dict[str, datetime] = {}
        self.unreadable: dict[str, tuple[bytes, str]] = {}
        self.version = 0
        self.stragglers = 0

    @property
    def open_calls(self) -> frozenset[str]:
        """The ids of calls that were not handed over yet."""
        return frozenset(self._calls)

    @property
    def going_on(self) -> frozenset[str]:
        """The ids of calls whose end was not observed."""
        return frozenset(id_ for id_, seen in self._calls.items() if not is_over(seen))

    def observe(self, observations: Iterable[Observation], now: datetime) -> None:
        """Put down what was seen; twice is once.

        What comes after a call was handed over is counted only, unless somebody asks or notes something in it: that
        is a contact of its own, which names its call.
        """
        for one in observations:
            if one.call not in self._ended:
                self._put(one, now)
            elif one.what in _MATTERS_LATER and (later := _later(one)).call not in self._ended:
                self._put(later, now)
                self._put(msgspec.structs.replace(later, what=What.ENDED), now)
            else:
                self.stragglers += 1

    def keep_unreadable(self, ref: str, raw: bytes, why: str) -> None:
        """Put down what nobody understood, until it was handed over."""
        self.unreadable[ref] = (raw, why)
        self.version += 1

    def forget_unreadable(self, ref: str) -> None:
        """It was handed over."""
        del self.unreadable[ref]
        self.version += 1

    def ready(self, now: datetime) -> "tuple[Finished, ...]":
        """The calls that can be handed over, the first to end first."""
        ready = [self._finished(seen) for id_, seen in self._calls.items() if self._due(id_) <= now]
        return tuple(sorted(ready, key=lambda one: (one.call.ended, one.call.id)))

    def close(self, finished: "Finished", now: datetime) -> None:
        """The call was handed over, or needs nobody. What was seen of it meanwhile comes after its end."""
        id_ = finished.call.id
        meanwhile = self._calls[id_].difference(finished.observations)
        del self._calls[id_], self._arrived[id_]
        self._ended[id_] = now
        for old in [id_ for id_, at in self._ended.items() if at < now - REMEMBERED]:
            del self._ended[old]
        while len(self._ended) > MOST_REMEMBERED:
            del self._ended[next(iter(self._ended))]
        self.version += 1
        self.observe(meanwhile, now)

    def next_due(self) -> datetime | None:
        """When the next call can be handed over if nothing more comes; None = no call is open."""
        return min((self._due(id_) for id_ in self._calls), default=None)

    def saved(self) -> bytes:
        """Everything, as JSON with personal data in it."""
        kept = _Kept(
            calls={id_: in_order(seen) for id_, seen in self._calls.items()},
            arrived=self._arrived,
            ended=self._ended,
            unreadable=self.unreadable,
        )
        return msgspec.json.encode(kept)

    def restore(self, saved: bytes) -> None:
        """Go on with what an earlier life left."""
        kept = msgspec.json.decode(saved, type=_Kept)
        self._calls = {id_: set(seen) for id_, seen in kept.calls.items()}
        self._arrived, self._ended = dict(kept.arrived), dict(kept.ended)
        self.unreadable = dict(kept.unreadable)

    def _finished(self, seen: set[Observation]) -> "Finished":
        return Finished(call=assemble(seen, self._habits), observations=tuple(in_order(seen)))

    def _put(self, one: Observation, now: datetime) -> None:
        seen = self._calls.setdefault(one.call, set())
        if one not in seen:
            seen.add(one)
            self._arrived[one.call] = now
            self.version += 1

    def _due(self, call_id: str) -> datetime:
        seen, arrived = self._calls[call_id], self._arrived[call_id]
        if not is_over(seen):
            return arrived + self._patience.silence
        if is_guessed(seen):
            return arrived + self._patience.record
        call = assemble(seen, self._habits)
        if call.outcome is Outcome.ANSWERED and call.wrap_up is None:
            return arrived + max(self._patience.settle, self._patience.wrap_up)
        return arrived + self._patience.settle


def earlier_call(call_id: str) -> str:
    """The call that this one was told of too late for; "" when it is a call itself."""
    call, mark, _ = call_id.rpartition(_LATER)
    return call if mark else ""


def _later(one: Observation) -> Observation:
    """The same under an id of its own, equal for what is told twice, whenever it arrived."""
    timeless = msgspec.json.encode(msgspec.structs.replace(one, at=_ANY_TIME))
    return msgspec.structs.replace(one, call=f"{one.call}{_LATER}{sha256(timeless).hexdigest()[:12]}")
