"""A connection to RabbitMQ for one thread, on which no call waits without a limit.

kombu and py-amqp wait for ever in many places, reconnect behind one's back, and take a late confirm for the next
message's. So: one connection per thread and direction; a time-out under every read and write; after any error
the connection is dropped, never closed politely, and everything is built anew.
"""

import ssl
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import TCP_USER_TIMEOUT, socket
from typing import Protocol
from urllib.parse import urlsplit

import kombu.connection
import kombu.entity
import kombu.messaging
from amqp.exceptions import AccessRefused, AMQPError, MessageNacked, NotAllowed, PreconditionFailed

from ports.errors import MisconfiguredError

LOST = (OSError, AMQPError, MessageNacked)
"""What a connection that is of no use any more raises."""
NEVER = (AccessRefused, NotAllowed, PreconditionFailed, ssl.SSLCertVerificationError)
"""What connecting raises when trying again will not help."""
GOODBYE = 1.0
"""Seconds that the server gets to answer our goodbye."""
LONGEST_QUEUE = 20_000
"""Messages. More is refused (and handed out again by the sweeper), so that no weekend fills the broker's disk."""


class BlockedError(ConnectionError):
    """The broker takes nothing from publishers now: its memory or disk alarm rings."""


class Message(Protocol):
    """What comes in, raw."""

    body: bytes | str
    content_type: str | None
    delivery_tag: int

    def ack(self) -> object: ...
    def reject(self) -> object: ...


class Channel(Protocol):
    """The little that we use of kombu's channel."""

    def queue_declare(
        self, *, queue: str, durable: bool, auto_delete: bool, arguments: dict[str, str | int]
    ) -> object: ...
    def basic_qos(self, prefetch_size: int, prefetch_count: int, a_global: bool) -> object: ...  # noqa: FBT001
    def basic_ack(self, delivery_tag: int, *, multiple: bool) -> object: ...


class Wire(Protocol):
    """The little that we use of py-amqp's connection."""

    sock: socket
    client_properties: dict[str, object]

    def channel(self) -> Channel: ...
    def drain_events(self, timeout: float) -> object: ...
    def heartbeat_tick(self) -> object: ...
    def close(self) -> object: ...


class Connection(Protocol):
    """The little that we use of kombu's connection: `connection` would reconnect, so it is asked for once."""

    @property
    def connection(self) -> Wire | None: ...
    def ensure_connection(self, *, max_retries: int, reraise_as_library_errors: bool) -> object: ...
    def collect(self) -> object: ...


class Producer(Protocol):
    """The little that we use of kombu's producer."""

    def publish(
        self,
        body: Sequence[str],
        *,
        exchange: str,
        routing_key: str,
        serializer: str,
        delivery_mode: int,
        mandatory: bool,
        timeout: float,
        confirm_timeout: float,
    ) -> object: ...


class Consumer(Protocol):
    """The little that we use of kombu's consumer."""

    def consume(self) -> object: ...


# kombu carries no types: here its classes get those that we count on.
_connection: Callable[..., Connection] = kombu.connection.Connection
_producer: Callable[..., Producer] = kombu.messaging.Producer
_consumer: Callable[..., Consumer] = kombu.messaging.Consumer
_queue: Callable[..., object] = kombu.entity.Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """The queue of ids, and the one in which messages end that nobody can read (Invalid Message Channel)."""

    work: str
    undecodable: str

    def declare(self, channel: Channel) -> None:
        """Make sure that both exist as we want them; may be repeated."""
        for name, arguments in ((self.undecodable, _QUORUM), (self.work, self._arguments())):
            channel.queue_declare(queue=name, durable=True, auto_delete=False, arguments=dict(arguments))

    def _arguments(self) -> dict[str, str | int]:
        return _QUORUM | {
            "x-delivery-limit": 100,
            "x-max-length": LONGEST_QUEUE,
            "x-overflow": "reject-publish",
            # the default exchange, which cannot be missing
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.undecodable,
            "x-dead-letter-strategy": "at-least-once",
        }


_QUORUM: dict[str, str | int] = {"x-queue-type": "quorum"}


class Link:
    """An open connection with one channel, and the queues in place. Belongs to the thread that opened it."""

    def __init__(self, wire: Wire, channel: Channel, queues: Queues, patience: float) -> None:
        self._wire, self._channel, self._queues, self._patience = wire, channel, queues, patience
        self._producer = _producer(channel, auto_declare=False)

    def publish(self, ids: Sequence[str]) -> None:
        """Return when the broker confirmed; raises one of `LOST` otherwise, and then nothing is known."""
        self._producer.publish(
            ids,
            exchange="",
            routing_key=self._queues.work,
            serializer="json",
            delivery_mode=2,
            mandatory=True,
            timeout=self._patience,
            confirm_timeout=self._patience,
        )

    def consume(self, prefetch: int, received: Callable[[Message], None]) -> None:
        """From now on, `heed` calls `received` with every message, raw and whatever it holds."""

        def unreadable(message: Message, _: Exception) -> None:
            received(message)

        self._channel.basic_qos(0, prefetch, False)
        _consumer(
            self._channel,
            queues=[_queue(self._queues.work)],
            auto_declare=False,
            accept=["json"],
            on_message=received,
            on_decode_error=unreadable,
        ).consume()

    def acknowledge(self, up_to: int) -> None:
        """This message and all before it were taken."""
        self._channel.basic_ack(up_to, multiple=True)

    def heed(self, seconds: float) -> None:
        """Let the broker speak, return after its first word or this long; show that we live."""
        try:
            self._wire.drain_events(timeout=seconds)
        except TimeoutError as error:
            if error.errno is not None:  # not our limit, but the kernel that gave up on the other side
                raise
        self._wire.heartbeat_tick()

    def part(self) -> None:
        """Say goodbye, so that the broker hands what we did not take to others at once."""
        self._wire.sock.settimeout(GOODBYE)
        self._wire.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitMq:
    """Where the broker is and what must exist there. `url`: one address or more, separated by `;`.

    `patience` in seconds limits every single wait for the broker. `ca_file` names the authority of its
    certificate (`amqps://` only); "" = those that the system trusts.
    """

    url: str = field(repr=False)
    queues: Queues
    patience: float
    ca_file: str = ""

    def check(self) -> None:
        """Connect once. Raises one of `LOST`, or `MisconfiguredError` when it never will."""
        if not all(map(_is_address, self._addresses())):
            raise MisconfiguredError(
                "the broker's address must look like amqp://user:password@host:5672/vhost"
            )
        with self.link():
            pass

    @contextmanager
    def link(self, attempt: int = 0) -> Generator[Link]:
        """A new connection, dropped at the end; successive attempts go round the addresses."""
        addresses = self._addresses()
        connection = self._prepared(addresses[attempt % len(addresses)])
        try:
            link = self._opened(connection)
            yield link
            link.part()
        finally:
            connection.collect()

    def _opened(self, connection: Connection) -> Link:
        try:
            connection.ensure_connection(max_retries=0, reraise_as_library_errors=False)
            wire = connection.connection
            if wire is None:
                raise ConnectionError("closed before it was open")
            wire.sock.settimeout(self.patience)
            # else every publish looks for news first, and py-amqp spins for ever on half a frame of it
            wire.client_properties["capabilities"] = {}
            channel = wire.channel()
            self.queues.declare(channel)
        except NEVER as error:
            raise MisconfiguredError(
                f"the broker refuses us: {error}; mend its users or queues, or our settings",
                detail=type(error).__name__,
            ) from error
        return Link(wire, channel, self.queues, self.patience)

    def _prepared(self, url: str) -> Connection:
        return _connection(
            url,
            ssl=self._ssl(url),
            connect_timeout=self.patience,
            # the broker's own heartbeats come twice per interval and must not keep a wait alive
            heartbeat=max(10.0, 4 * self.patience),
            transport_options={
                "confirm_publish": True,
                "read_timeout": self.patience,
                "write_timeout": self.patience,
                "socket_settings": {TCP_USER_TIMEOUT: 5000},
                "on_blocked": _refuse,
            },
        )

    def _ssl(self, url: str) -> dict[str, object] | bool:
        if urlsplit(url).scheme != "amqps":
            return False
        trusted = {"ca_certs": self.ca_file} if self.ca_file else {}
        return {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": urlsplit(url).hostname, **trusted}

    def _addresses(self) -> list[str]:
        return [url.strip() for url in self.url.split(";")]


def _refuse(_: str) -> None:
    raise BlockedError("memory or disk alarm")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"amqp", "amqps"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
