"""A connection to RabbitMQ in the event loop, on which no call waits without a limit.

After any doubt (a time-out, a closed channel) a link is lost for good and a new one is opened: so a late confirm
can never be counted for another message. What we publish is mandatory and confirmed, one future per delivery tag.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import pika
import pika.adapters.asyncio_connection
import pika.exceptions
import structlog

from adapters.amqp.messages import Delivery, Outgoing
from adapters.amqp.topology import Argument, Queue
from ports.errors import AdapterError, MisconfiguredError, TransientError, UncertainError
from ports.tracing import HEADER, current, valid

log = structlog.get_logger()
logging.getLogger("pika").propagate = False  # we tell what matters ourselves
logging.getLogger("pika").addHandler(logging.NullHandler())

Called = Callable[..., None]

GOODBYE = 1.0
"""Seconds that the server gets to answer our goodbye."""
_SPARE = 1.0
"""Seconds after which pika should have given up on connecting."""
_NEVER = (403, 406, 530)
"""Reply codes after which trying again does not help: no right, declared otherwise, no such virtual host."""


class Channel(Protocol):
    """The little that we use of pika's channel. Answers come through `callback`."""

    def add_on_close_callback(self, callback: Called) -> None: ...
    def add_on_cancel_callback(self, callback: Called) -> None: ...
    def add_on_return_callback(self, callback: Called) -> None: ...
    def confirm_delivery(self, ack_nack_callback: Called, *, callback: Called) -> None: ...
    def basic_qos(self, *, prefetch_count: int, callback: Called) -> None: ...
    def basic_consume(self, queue: str, on_message_callback: Called, *, callback: Called) -> object: ...
    def basic_ack(self, delivery_tag: int) -> None: ...
    def basic_reject(self, delivery_tag: int, *, requeue: bool) -> None: ...
    def basic_publish(
        self, exchange: str, routing_key: str, body: bytes, properties: object, *, mandatory: bool
    ) -> None: ...
    def exchange_declare(
        self, exchange: str, exchange_type: str, *, durable: bool, callback: Called
    ) -> None: ...
    def queue_declare(
        self,
        queue: str,
        *,
        passive: bool = False,
        durable: bool = False,
        arguments: Mapping[str, Argument] | None = None,
        callback: Called,
    ) -> None: ...
    def queue_bind(self, queue: str, exchange: str, *, routing_key: str, callback: Called) -> None: ...


class Connection(Protocol):
    """The little that we use of pika's connection."""

    @property
    def is_open(self) -> bool: ...
    def channel(self, *, on_open_callback: Called) -> Channel: ...
    def add_on_connection_blocked_callback(self, callback: Called) -> None: ...
    def add_on_connection_unblocked_callback(self, callback: Called) -> None: ...
    def close(self) -> None: ...


# pika carries no types: here its classes get those that we count on.
_connection: Callable[..., Any] = pika.adapters.asyncio_connection.AsyncioConnection
_parameters: Callable[..., Any] = pika.ConnectionParameters
_credentials: Callable[..., Any] = pika.PlainCredentials
_ssl_options: Callable[..., Any] = pika.SSLOptions
_properties: Callable[..., Any] = pika.BasicProperties
_WRONG_STATE: tuple[type[Exception], ...] = (
    pika.exceptions.ConnectionWrongStateError,
    pika.exceptions.ChannelWrongStateError,
)
_NOT_LET_IN: tuple[type[Exception], ...] = (
    pika.exceptions.AuthenticationError,
    pika.exceptions.ProbableAuthenticationError,
    pika.exceptions.ProbableAccessDeniedError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where RabbitMQ is and who we are there. `patience` in seconds limits every single wait."""

    host: str
    port: int
    vhost: str
    user: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None
    patience: float
    heartbeat: int

    def parameters(self) -> Any:
        """As pika wants it."""
        return _parameters(
            host=self.host,
            port=self.port,
            virtual_host=self.vhost,
            credentials=_credentials(self.user, self.password),
            ssl_options=_ssl_options(self.tls, self.host) if self.tls else None,
            heartbeat=self.heartbeat,
            socket_timeout=self.patience,
            stack_timeout=self.patience,
            connection_attempts=1,
            client_properties={"connection_name": "wegwijzer"},
        )


class Link:
    """One connection with one channel. `lost` says why it can't be used any more."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._asked: set[asyncio.Future[Any]] = set()
        self._unconfirmed: dict[int, asyncio.Future[bool]] = {}
        self._returned: set[str] = set()
        self._published = 0
        self._opened = False
        self._closed = asyncio.Event()
        self._blocked = False
        self._connection: Connection
        self._channel: Channel
        self.deliveries: deque[Delivery] = deque()
        self.arrived = asyncio.Event()
        self.lost: AdapterError | None = None

    @classmethod
    async def open(cls, server: Server) -> "Link":
        """Connected and logged in. Raises `TransientError`, or `MisconfiguredError` when it never will be."""
        link = cls(server)
        await link._ask(link._connect, server.patience + _SPARE)
        link._connection.add_on_connection_blocked_callback(link._on_blocked)
        link._connection.add_on_connection_unblocked_callback(link._on_unblocked)
        link._channel = await link._ask(lambda done: link._connection.channel(on_open_callback=done))
        link._channel.add_on_close_callback(link._on_channel_closed)
        link._channel.add_on_return_callback(link._on_return)
        await link._ask(lambda done: link._channel.confirm_delivery(link._on_confirm, callback=done))
        return link

    async def declare(self, queue: Queue) -> None:
        """Make sure that a queue exists and is led to; may be repeated."""
        channel = self._channel
        await self._ask(
            lambda done: channel.exchange_declare(queue.exchange, "direct", durable=True, callback=done)
        )
        await self._ask(
            lambda done: channel.queue_declare(
                queue.name, durable=True, arguments=queue.arguments, callback=done
            )
        )
        await self._ask(
            lambda done: channel.queue_bind(queue.name, queue.exchange, routing_key=queue.key, callback=done)
        )

    async def consume(self, queue: str, prefetch: int) -> None:
        """From now on its messages come into `deliveries`, at most so many that are not settled."""
        self._channel.add_on_cancel_callback(self._on_cancelled)
        await self._ask(lambda done: self._channel.basic_qos(prefetch_count=prefetch, callback=done))
        await self._ask(lambda done: self._channel.basic_consume(queue, self._on_message, callback=done))

    async def waiting(self, queue: str) -> int:
        """How many messages of a queue are with nobody."""
        answer = await self._ask(lambda done: self._channel.queue_declare(queue, passive=True, callback=done))
        return int(answer.method.message_count)

    def settle(self, delivery: Delivery, *, understood: bool) -> None:
        """Acknowledge a message, or let the broker move it to the dead letters."""
        try:
            if understood:
                self._channel.basic_ack(delivery.tag)
            else:
                self._channel.basic_reject(delivery.tag, requeue=False)
        except _WRONG_STATE as error:
            raise self._why() from error

    async def publish(self, exchange: str, key: str, message: Outgoing) -> None:
        """Return when the broker confirmed that the message is in a queue.

        Raises `TransientError` when it surely is not (refused, nowhere to go, broker in alarm), `UncertainError`
        when nobody knows.
        """
        if self._blocked:
            raise TransientError("RabbitMQ takes nothing now: its memory or disk alarm rings")
        confirmed = self._sent(exchange, key, message)
        try:
            async with asyncio.timeout(self._server.patience):
                taken = await confirmed
        except TimeoutError:
            self._lose(TransientError("RabbitMQ does not confirm"))
            raise UncertainError("RabbitMQ did not confirm in time") from None
        if message.id in self._returned:
            self._lose(TransientError("a queue is gone: it will be declared again"))
            raise TransientError(f"no queue takes messages for {key}: it will be declared again")
        if not taken:
            raise TransientError(f"the queue of {key} is full, or RabbitMQ could not keep the message")

    async def close(self) -> None:
        """Say goodbye; at most a second, whatever the server does."""
        self._lose(TransientError("closed by us"))
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE if self._opened else 0):
                await self._closed.wait()

    def _connect(self, done: Called) -> None:
        """pika itself gives up after `patience`; it does not survive being closed before that."""

        def opened(connection: Connection) -> None:
            self._opened = True
            if self.lost:
                connection.close()
            done()

        self._connection = _connection(
            self._server.parameters(),
            on_open_callback=opened,
            on_open_error_callback=self._on_closed,
            on_close_callback=self._on_closed,
        )

    async def _ask(self, begin: Callable[[Called], object], patience: float = 0) -> Any:
        """Begin something that answers by a callback, and wait for that."""
        if self.lost:
            raise self._why()
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._asked.add(answer)

        def done(*words: Any) -> None:
            if not answer.done():
                answer.set_result(words[-1] if words else None)

        try:
            async with asyncio.timeout(patience or self._server.patience):
                begin(done)
                return await answer
        except TimeoutError:
            self._lose(TransientError("RabbitMQ does not answer"))
            raise self._why() from None
        except _WRONG_STATE as error:
            raise self._why() from error
        finally:
            self._asked.discard(answer)

    def _sent(self, exchange: str, key: str, message: Outgoing) -> "asyncio.Future[bool]":
        properties = _properties(
            message_id=message.id,
            type=message.type,
            correlation_id=message.correlation_id,
            content_type=message.content_type,
            delivery_mode=2,
            headers={HEADER: trace} if (trace := current()) else None,
        )
        try:
            self._channel.basic_publish(exchange, key, message.body, properties, mandatory=True)
        except _WRONG_STATE as error:
            raise self._why() from error
        self._published += 1
        future: asyncio.Future[bool] = self._loop.create_future()
        self._unconfirmed[self._published] = future
        return future

    def _why(self) -> AdapterError:
        """Each raising gets an error of its own."""
        lost = self.lost or TransientError("the connection to RabbitMQ was lost")
        return type(lost)(lost.what, detail=lost.detail)

    def _lose(self, error: AdapterError) -> None:
        """From now on this link is of no use. Whoever waits for an answer hears why."""
        self.lost = self.lost or error
        for asked in self._asked:
            if not asked.done():
                asked.set_exception(self._why())
        for unconfirmed in self._unconfirmed.values():
            if not unconfirmed.done():
                unconfirmed.set_exception(UncertainError("RabbitMQ was lost before it confirmed"))
        self._unconfirmed.clear()
        self.arrived.set()
        if self._opened and self._connection.is_open:
            self._connection.close()

    def _on_closed(self, _connection: object, reason: BaseException) -> None:
        self._closed.set()
        self._lose(_in_our_words(reason))

    def _on_channel_closed(self, _channel: object, reason: BaseException) -> None:
        self._lose(_in_our_words(reason))

    def _on_cancelled(self, _frame: object) -> None:
        self._lose(TransientError("RabbitMQ took our queue away: it will be declared again"))

    def _on_blocked(self, _connection: object, _frame: object) -> None:
        self._blocked = True
        log.warning("rabbitmq_blocks_us", host=self._server.host)

    def _on_unblocked(self, _connection: object, _frame: object) -> None:
        self._blocked = False
        log.info("rabbitmq_unblocks_us", host=self._server.host)

    def _on_return(self, _channel: object, _method: object, properties: Any, _body: bytes) -> None:
        self._returned.add(properties.message_id)

    def _on_confirm(self, frame: Any) -> None:
        taken = "Ack" in type(frame.method).__name__
        last = int(frame.method.delivery_tag)
        tags = [tag for tag in self._unconfirmed if tag <= last] if frame.method.multiple else [last]
        for tag in tags:
            future = self._unconfirmed.pop(tag, None)
            if future and not future.done():
                future.set_result(taken)

    def _on_message(self, _channel: object, method: Any, properties: Any, body: bytes) -> None:
        self.deliveries.append(
            Delivery(
                tag=method.delivery_tag,
                body=body,
                content_type=properties.content_type or "",
                message_id=properties.message_id or "",
                user_id=properties.user_id or "",
                traceparent=_traceparent(properties.headers),
            )
        )
        self.arrived.set()


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Certificates are checked, always. Raises `OSError` when the file can't be read."""
    return ssl.create_default_context(cafile=ca_file or None)


def _in_our_words(reason: BaseException) -> AdapterError:
    causes = list(_causes(reason))
    detail = "; ".join(f"{type(cause).__name__}: {cause}" for cause in causes)
    if any(isinstance(cause, _NOT_LET_IN) for cause in causes):
        return MisconfiguredError(
            "RabbitMQ does not let us in: look at user, password and vhost", detail=detail
        )
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return MisconfiguredError("the certificate of RabbitMQ is not trusted: see ca_file", detail=detail)
    code = getattr(reason, "reply_code", 0)
    if code in _NEVER:
        text = getattr(reason, "reply_text", "")
        return MisconfiguredError(f"RabbitMQ refuses us: {text}; mend its users or queues, or our settings")
    return TransientError("RabbitMQ is not there", detail=detail)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and all that pika packed into it, however deep."""
    found = [error]
    for one in found:
        packed = (*one.args, *getattr(one, "exceptions", ()), getattr(one, "exception", None))
        found += [inner for inner in packed if isinstance(inner, BaseException) and inner not in found]
    return found


def _traceparent(headers: Mapping[str, object] | None) -> str:
    told = (headers or {}).get(HEADER, "")
    return valid(told.decode("latin-1") if isinstance(told, bytes) else str(told))
