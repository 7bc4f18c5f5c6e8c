"""Where ids wait between the event loop and the threads that talk to a broker. Bounded, and never in the way."""

import threading
from collections import deque
from collections.abc import Callable, Sequence

import structlog

log = structlog.get_logger()


class Outbox:
    """Ids on their way to the broker, each once, oldest first. What finds no room is dropped and counted."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._ids: dict[str, None] = {}
        self._changed = threading.Condition()
        self._overflowing = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many ids were left to the sweeper so far."""
        return self._dropped

    def put(self, ids: Sequence[str]) -> None:
        """Returns at once."""
        with self._changed:
            before = len(self._ids)
            new = dict.fromkeys(id_ for id_ in ids if id_ not in self._ids)
            fitting = list(new)[: self._room - before]
            self._ids.update(dict.fromkeys(fitting))
            self._dropped += len(new) - len(fitting)
            overflows = len(fitting) < len(new) and not self._overflowing
            self._overflowing = self._overflowing or overflows
            self._changed.notify()
        if overflows:
            log.warning("broker_outbox_full", room=self._room)

    def batch(self, limit: int, seconds: float) -> list[str]:
        """The oldest ids, as soon as there is one; [] when there was none for this long or when woken."""
        with self._changed:
            if not self._ids:
                self._changed.wait(seconds)
            ids = [id_ for id_, _ in zip(self._ids, range(limit), strict=False)]
            for id_ in ids:
                del self._ids[id_]
            self._overflowing = self._overflowing and bool(self._ids)
            return ids

    def lost(self, ids: Sequence[str]) -> None:
        """Nobody knows whether these arrived: count them as dropped."""
        with self._changed:
            self._dropped += len(ids)

    def wake(self) -> None:
        """End the wait in `batch`."""
        with self._changed:
            self._changed.notify()


class Inbox:
    """Ids from the broker until somebody takes them; a message is settled when its last id was taken.

    The broker bounds it: it sends only so many messages ahead.
    """

    def __init__(self, arrived: Callable[[], None]) -> None:
        self._arrived = arrived
        self._lock = threading.Lock()
        self._waiting: deque[tuple[str, int]] = deque()  # the last id of a message carries its tag, others 0
        self._received = 0
        self._settled = 0
        self._told = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def renew(self) -> None:
        """Another connection: the broker sends again what was not settled on the last one."""
        with self._lock:
            self._waiting.clear()
            self._received = self._settled = self._told = 0

    def put(self, tag: int, ids: Sequence[str]) -> None:
        """A message came, with one id or more. Tags rise."""
        with self._lock:
            self._waiting.extend((id_, 0) for id_ in ids[:-1])
            self._waiting.append((ids[-1], tag))
            self._received = tag
        self._arrived()

    def take(self, limit: int) -> list[str]:
        """The oldest ids, perhaps none."""
        with self._lock:
            taken = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._settled = max(self._settled, *(tag for _, tag in taken), 0)
            return [id_ for id_, _ in taken]

    @property
    def open(self) -> bool:
        """Whether there are messages that the broker still has to hear about."""
        return self._received > self._told

    def settled(self) -> int:
        """The tag up to which all messages were taken, once; 0 when there is no news."""
        with self._lock:
            if self._settled == self._told:
                return 0
            self._told = self._settled
            return self._told
