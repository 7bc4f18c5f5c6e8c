"""Puts AMQP together: a source per system, and one way to tell them all their news."""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import msgspec
import structlog

from adapters.amqp import translate
from adapters.amqp.client import Link, Server, tls_context
from adapters.amqp.messages import Delivery, Outgoing
from adapters.amqp.settings import Settings, System
from adapters.amqp.topology import Topology
from canonical_model.commands import Command, TellSystem
from canonical_model.contact import Channel
from canonical_model.events import ContactReceived
from ports.adapter import Adapter, Tools
from ports.errors import (
    AdapterError,
    MessageError,
    MisconfiguredError,
    NotSupportedError,
    NotUnderstoodError,
    RejectedError,
)
from ports.files import FileRules
from ports.intake import Inbound, Receipt
from ports.settings import parsed
from ports.submission.cloudevents import Ref
from ports.submission.own_case import with_own_case
from ports.submission.translate import to_contact
from ports.target import Fetch, Idempotency

log = structlog.get_logger()

AT_ONCE = 500
"""Messages that one round takes at most: then the hub may look up, or stop."""
GRACE = 0.3
"""Seconds in which a message that just left the queue is still on its way to us."""
LATE = 1.0
"""Seconds in which RabbitMQ should deliver what it says is there."""
_HEAD = 64_000
"""Bytes that are kept of a message that is too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hall:
    """What all systems of one instance share."""

    settings: Settings
    tools: Tools
    server: Server
    topology: Topology
    key: bytes

    @property
    def rules(self) -> FileRules:
        """Which files may come along."""
        return self.settings.file_rules()


class Outbox:
    """Tells systems their news, each through its own queue: a `Target`. One link for all, opened when needed.

    `find` never knows: what may have arrived is sent again under the same `message_id`.
    """

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._link: Link | None = None
        self._opening = asyncio.Lock()

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATIVE_KEY

    async def apply(self, key: str, command: Command, fetch: Fetch) -> str:
        """See `ports.target.Target`; the `message_id`."""
        if not isinstance(command, TellSystem):
            raise NotSupportedError("systems behind AMQP are told news of their cases, and nothing else")
        system = command.origin.partition("/")[2]
        if system not in self._hall.settings.systems:
            raise RejectedError(f"{command.origin} is not in the settings: add it, or give this news up")
        message = translate.news(key, command, self._hall.settings.event_source)
        await self.send(system, message)
        return message.id

    async def find(self, key: str, command: Command) -> str | None:
        """See `ports.target.Target`."""
        return None

    async def send(self, system: str, message: Outgoing) -> None:
        """Return when the message is in the system's queue. Raises as `Link.publish`."""
        link = await self._opened()
        await link.publish(self._hall.topology.out, system, message)

    async def close(self) -> None:
        """Let go; the next message opens anew."""
        link, self._link = self._link, None
        if link:
            await link.close()

    async def _opened(self) -> Link:
        async with self._opening:
            if self._link is None or self._link.lost:
                self._link = await self._new()
            return self._link

    async def _new(self) -> Link:
        link = await Link.open(self._hall.server)
        for system in self._hall.settings.systems:
            await link.declare(self._hall.topology.outgoing(system))
        return link


class SystemSource:
    """What one system submits. A message is settled only after it was accepted, in the order in which it came."""

    def __init__(self, hall: Hall, name: str, outbox: Outbox) -> None:
        self._hall = hall
        self._system_name = name
        self._system: System = hall.settings.systems[name]
        self._queue = hall.topology.incoming(name).name
        self._outbox = outbox
        self._link: Link | None = None

    @property
    def name(self) -> str:
        return f"{self._hall.tools.name}/{self._system_name}"

    async def poll(self) -> int:
        """See `ports.source.Source`."""
        link = await self._opened()
        new = 0
        for _ in range(AT_ONCE):
            if not await self._something(link):
                break
            new += await self._take(link, link.deliveries[0])
        return new

    async def wait(self, seconds: float) -> None:
        """See `ports.source.Source`."""
        link = self._link
        if link is None or link.lost:
            return
        await _within(seconds, link.arrived)

    async def close(self) -> None:
        """See `ports.source.Source`."""
        link, self._link = self._link, None
        if link:
            await link.close()

    async def _opened(self) -> Link:
        if self._link and not self._link.lost:
            return self._link
        if self._link and self._link.lost:
            log.info("amqp_link_lost", source=self.name, reason=self._link.lost.what)
        self._link = None
        link = await Link.open(self._hall.server)
        try:
            for queue in self._hall.topology.of(self._system_name):
                await link.declare(queue)
            await link.consume(self._queue, self._hall.settings.prefetch)
        except BaseException:
            await link.close()
            raise
        self._link = link
        return link

    async def _something(self, link: Link) -> bool:
        """Whether a message is here, or comes right away because it waits in the queue."""
        if not link.deliveries:
            link.arrived.clear()
            coming = await link.waiting(self._queue)
            await _within(LATE if coming else GRACE, link.arrived)
        return bool(link.deliveries)

    async def _take(self, link: Link, delivery: Delivery) -> int:
        ref = translate.ref_of(delivery, self._hall.key)
        inbound = await self._inbound(delivery, ref)
        inbound, receipt = await self._accepted(inbound)
        if inbound.problem:
            why = translate.refusal(
                ref, inbound.problem.what, receipt.message_id, self._hall.settings.event_source
            )
            await self._outbox.send(self._system_name, why)
            log.info("amqp_not_understood", source=self.name, message_id=receipt.message_id)
        link.settle(delivery, understood=inbound.problem is None)
        link.deliveries.popleft()
        return 0 if receipt.duplicate else 1

    async def _inbound(self, delivery: Delivery, ref: Ref) -> Inbound:
        settings = self._hall.settings
        if len(delivery.body) > settings.max_message_bytes:
            problem = NotUnderstoodError(
                f"message: {len(delivery.body)} bytes, at most {settings.max_message_bytes} are taken over; "
                "the whole message is in the queue of refused messages"
            )
            return self._unread(replace(delivery, body=delivery.body[:_HEAD]), ref, problem)
        try:
            understood = translate.read(delivery, ref, self._system, self._hall.rules)
            contact = to_contact(
                understood.submission,
                tuple(file.attachment for file in understood.files),
                channel=Channel.SYSTEM,
                source=f"{self.name} {ref.source}",
                allow_test_numbers=settings.allow_test_numbers,
            )
        except MessageError as problem:
            return self._unread(delivery, ref, problem)
        contact = await with_own_case(contact, self.name, self._hall.tools.cases)
        return Inbound(
            source=self.name,
            source_ref=str(ref),
            raw=understood.raw,
            media_type=_media_type(delivery),
            event=ContactReceived(contact=contact),
            files=understood.files,
            traceparent=delivery.traceparent,
        )

    async def _accepted(self, inbound: Inbound) -> tuple[Inbound, Receipt]:
        """Stored; another content under an id that was used before is kept beside it, as a problem."""
        try:
            return inbound, await self._hall.tools.accept(inbound)
        except RejectedError as error:
            aside = msgspec.structs.replace(
                inbound,
                source_ref=self._beside(inbound.source_ref, inbound.raw),
                event=None,
                files=(),
                problem=NotUnderstoodError(error.what),
            )
            return aside, await self._hall.tools.accept(aside)

    def _beside(self, ref: object, content: bytes) -> str:
        return f"{ref}#{hmac.new(self._hall.key, content, sha256).hexdigest()[:16]}"

    def _unread(self, delivery: Delivery, ref: Ref, problem: MessageError) -> Inbound:
        """Kept under a name of its own: the id stays free for the mended message."""
        return Inbound(
            source=self.name,
            source_ref=self._beside(ref, delivery.body),
            raw=delivery.body,
            media_type=_media_type(delivery),
            problem=problem,
            traceparent=delivery.traceparent,
        )


def build(settings: Mapping[str, Any], tools: Tools) -> Adapter:
    """The adapter for one `[adapters.<name>]` section. Raises `MisconfiguredError` naming the setting."""
    checked = parsed(Settings, settings, tools.name)
    hall = Hall(
        settings=checked,
        tools=tools,
        server=_server(checked, tools.name),
        topology=Topology(prefix=checked.prefix, max_waiting=checked.max_waiting),
        key=hmac.new(tools.secrets.get("hash_key").encode(), b"amqp content", sha256).digest(),
    )
    outbox = Outbox(hall)
    sources = tuple(SystemSource(hall, name, outbox) for name in checked.systems)

    async def check() -> tuple[str, ...]:
        return await _findings(hall)

    async def close() -> None:
        for source in sources:
            await source.close()
        await outbox.close()

    return Adapter(check=check, close=close, sources=sources, informed=outbox)


async def _findings(hall: Hall) -> tuple[str, ...]:
    """Log in without changing anything."""
    found = [] if hall.settings.systems else ["no system is set: add `systems.<name>`"]
    users = [system.user for system in hall.settings.systems.values()]
    if len({*users, hall.settings.user}) < len(users) + 1:
        found.append("a RabbitMQ user is set twice: give every system, and the hub, its own")
    try:
        link = await Link.open(hall.server)
        await link.close()
    except AdapterError as error:
        found.append(error.what)
    return tuple(found)


def _server(settings: Settings, name: str) -> Server:
    try:
        context = tls_context(settings.ca_file) if settings.tls else None
    except OSError as error:
        raise MisconfiguredError(f"{name}: ca_file cannot be read") from error
    return Server(
        host=settings.host,
        port=settings.port,
        vhost=settings.vhost,
        user=settings.user,
        password=settings.password.get_secret_value(),
        tls=context,
        patience=settings.patience,
        heartbeat=settings.heartbeat,
    )


async def _within(seconds: float, event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _media_type(delivery: Delivery) -> str:
    return delivery.content_type.partition(";")[0].strip().lower()[:100] or "application/octet-stream"
