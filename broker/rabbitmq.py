"""Hand-off between machines: ids travel through a quorum queue of RabbitMQ. For more than one worker process.

One message is a JSON list of ids, never anything else. A thread publishes and another consumes, each with a
connection of its own; the event loop only fills and empties the rooms between. Whatever goes wrong, the
connection is thrown away, the ids on it are left to the journal's sweeper, and everything is built anew.

Known limitation, of RabbitMQ 3.10: a queue made within a second or so before its server is killed may stay without
a leader for ever. It shows as `broker_lost` with a `TimeoutError` while the server runs. Delete the queue: it is
made again, and all that it held is handed out again.
"""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import msgspec
import structlog

from broker.daemon import in_loop, in_thread
from broker.link import LOST, Link, Message, Queues, RabbitMq
from broker.rooms import Inbox, Outbox
from ports.errors import MisconfiguredError, NotUnderstoodError

log = structlog.get_logger()

Session = Callable[[Link, Callable[[], None]], None]
"""Work on one connection, until all stops or it is lost; calls its second argument once all surely works."""

BATCH = 100
"""Ids per message at most."""
LARGEST_BODY = 1_000_000
"""Bytes; our own messages stay far below."""
ROOM = 50_000
"""Ids that wait for the broker at most."""
IDLE = 0.5
"""Seconds between two signs of life when there is nothing to do."""
SETTLING = 0.02
"""Seconds between two looks for messages to acknowledge, while there are any."""
CALM = 10.0
"""Seconds after which a connection counts as good: the next pause is short again."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
START_LIMIT = 5.0
FLUSH = 1.0
CLOSE_LIMIT = 4.5


class RabbitMqBroker:
    """A `Broker` on RabbitMQ. `url` may name several addresses, separated by `;`.

    `prefetch`: messages (of up to 100 ids) that may wait here while others could take them.
    """

    def __init__(
        self,
        url: str,
        queue: str = "wegwijzer.effects",
        *,
        undecodable: str = "wegwijzer.undecodable",
        prefetch: int = 4,
        publish_timeout: float = 3.0,
        room: int = ROOM,
        ca_file: str = "",
    ) -> None:
        queues = Queues(work=queue, undecodable=undecodable)
        self._rabbit = RabbitMq(url=url, queues=queues, patience=publish_timeout, ca_file=ca_file)
        self._outbox = Outbox(room)
        self._inbox = Inbox(self._ring)
        self._stopping = threading.Event()
        self._arrived = asyncio.Event()
        self._outage = Outage(self._outbox)
        self._keeper = Keeper(self._rabbit, self._outage, self._stopping)
        self._publisher = Publisher(self._outbox, self._stopping)
        self._consumer = Consumer(self._inbox, prefetch, self._stopping)
        self._consuming = False
        self._running: set[asyncio.Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def reachable(self) -> bool:
        return not self._outage.on

    @property
    def dropped(self) -> int:
        return self._outbox.dropped

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(START_LIMIT):
                await in_thread("broker-check", self._rabbit.check)
        except LOST:
            log.info("broker_not_there_yet")  # the threads go on trying, and tell why
        self._launch("publisher", self._publisher.session)

    async def hand_out(self, ids: Sequence[str]) -> None:
        self._outbox.put(ids)

    async def take(self, limit: int, seconds: float) -> Sequence[str]:
        self._consume()
        try:
            async with asyncio.timeout(seconds):
                while not self._inbox:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return ()
        return self._inbox.take(limit)

    async def close(self) -> None:
        """Publish what waits if that goes quickly, and let go; at most 5 seconds, whatever the broker does."""
        self._stopping.set()
        self._outbox.wake()
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_LIMIT)

    def _consume(self) -> None:
        """From the first `take` on: a process that only hands out must not keep ids from the others."""
        if not self._consuming:
            self._consuming = True
            self._launch("consumer", self._consumer.session)

    def _launch(self, name: str, session: Session) -> None:
        if self._stopping.is_set():
            return
        thread = in_thread(f"broker-{name}", partial(self._keeper.keep, name, session))
        self._running.add(thread)
        thread.add_done_callback(partial(self._ended, name, session))

    def _ended(self, name: str, session: Session, thread: "asyncio.Future[None]") -> None:
        self._running.discard(thread)
        if thread.cancelled() or (error := thread.exception()) is None:
            return
        log.error("broker_thread_died", thread=name, exc_info=error)
        thread.get_loop().call_later(1, self._launch, name, session)

    def _ring(self) -> None:
        if self._loop is not None:
            in_loop(self._loop, self._arrived.set)


class Outage:
    """Tells once that the broker is lost and once that it is back, however many threads notice."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._lock = threading.Lock()
        self._lost: set[str] = set()
        self._since = 0.0
        self._dropped = 0

    @property
    def on(self) -> bool:
        """Whether a thread is without its connection."""
        return bool(self._lost)

    def began(self, thread: str, reason: str) -> None:
        """This thread has no connection. Told when it is the first."""
        with self._lock:
            first = not self._lost
            self._lost.add(thread)
            if first:
                self._since, self._dropped = time.monotonic(), self._outbox.dropped
        if first:
            log.warning("broker_lost", thread=thread, reason=reason)

    def ended(self, thread: str) -> None:
        """This thread's connection works. Told when it was the last one to come back."""
        with self._lock:
            last = self._lost == {thread}
            self._lost.discard(thread)
            seconds, dropped = time.monotonic() - self._since, self._outbox.dropped - self._dropped
        if last:
            log.info("broker_back", seconds=round(seconds, 1), dropped=dropped)


class Keeper:
    """Gives a session a connection, and a new one whenever it is lost, until all stops."""

    def __init__(self, rabbit: RabbitMq, outage: Outage, stopping: threading.Event) -> None:
        self._rabbit = rabbit
        self._outage = outage
        self._stopping = stopping

    def keep(self, thread: str, session: Session) -> None:
        """Until all stops; raises only what nobody foresaw."""
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with self._rabbit.link(failures) as link:
                    session(link, partial(self._outage.ended, thread))
            except MisconfiguredError as error:
                self._lost(thread, error.what)
            except LOST as error:
                self._lost(thread, f"{type(error).__name__}: {error}")
            failures = 1 if time.monotonic() - began > CALM else failures + 1
            self._stopping.wait(_pause(failures))

    def _lost(self, thread: str, reason: str) -> None:
        if not self._stopping.is_set():
            self._outage.began(thread, reason)


class Publisher:
    """Empties the outbox into the queue, as many ids per message as happen to wait."""

    def __init__(self, outbox: Outbox, stopping: threading.Event) -> None:
        self._outbox = outbox
        self._stopping = stopping

    def session(self, link: Link, works: Callable[[], None]) -> None:
        """Publish until all stops."""
        link.publish([])  # only a confirm proves that nothing is blocked, full or unroutable
        works()
        while not self._stopping.is_set():
            if ids := self._outbox.batch(BATCH, IDLE):
                self._publish(link, ids)
            else:
                link.heed(0.001)
        self._flush(link)

    def _flush(self, link: Link) -> None:
        end = time.monotonic() + FLUSH
        while time.monotonic() < end and (ids := self._outbox.batch(BATCH, 0)):
            self._publish(link, ids)

    def _publish(self, link: Link, ids: Sequence[str]) -> None:
        arrived = False
        try:
            link.publish(ids)
            arrived = True
        finally:
            if not arrived:
                self._outbox.lost(ids)


class Consumer:
    """Fills the inbox from the queue and acknowledges what was taken."""

    def __init__(self, inbox: Inbox, prefetch: int, stopping: threading.Event) -> None:
        self._inbox = inbox
        self._prefetch = prefetch
        self._stopping = stopping

    def session(self, link: Link, works: Callable[[], None]) -> None:
        """Consume until all stops."""
        self._inbox.renew()
        link.consume(self._prefetch, self._received)
        works()
        while not self._stopping.is_set():
            link.heed(SETTLING if self._inbox.open else IDLE)
            if tag := self._inbox.settled():
                link.acknowledge(tag)

    def _received(self, message: Message) -> None:
        try:
            ids = ids_in(message)
        except NotUnderstoodError as error:
            log.warning("broker_message_undecodable", reason=error.what, size=len(message.body))
            message.reject()  # the broker moves it to the queue of undecodable messages
            return
        if not ids:
            message.ack()
            return
        self._inbox.put(message.delivery_tag, ids)


def ids_in(message: Message) -> tuple[str, ...]:
    """The ids that a message carries. Raises `NotUnderstoodError` for anything but a JSON list of ids."""
    if message.content_type != "application/json":
        raise NotUnderstoodError("content type: expected application/json")
    if len(message.body) > LARGEST_BODY:
        raise NotUnderstoodError("body: too large")
    try:
        return tuple(_IDS.decode(message.body))
    except (msgspec.DecodeError, UnicodeError) as error:
        raise NotUnderstoodError("body: expected a JSON list of ids", detail=type(error).__name__) from error


_IDS = msgspec.json.Decoder(list[Annotated[str, msgspec.Meta(min_length=1)]])


def _pause(failures: int) -> float:
    longest = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**failures)
    return random.uniform(SHORTEST_PAUSE, longest)  # noqa: S311 - jitter, not a secret
