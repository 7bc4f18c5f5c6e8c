"""What must exist at RabbitMQ, by name and argument. Quorum queues only: they survive a crash of the server."""

from collections.abc import Mapping
from dataclasses import dataclass

Argument = str | int

_QUORUM: Mapping[str, Argument] = {"x-queue-type": "quorum"}
_NEVER = 1_000_000
"""Deliveries after which RabbitMQ 4 would give up on a message: we count for ourselves, in the journal."""
_COPIES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A queue, and the exchange and key that lead to it."""

    name: str
    exchange: str
    key: str
    arguments: Mapping[str, Argument]


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The names for one hub; all begin with `prefix`."""

    prefix: str
    max_waiting: int

    @property
    def out(self) -> str:
        """The exchange through which the hub tells systems their news."""
        return f"{self.prefix}.out"

    @property
    def refused(self) -> str:
        """The dead-letter exchange."""
        return f"{self.prefix}.refused"

    def incoming(self, system: str) -> Queue:
        """What a system submits; it writes to the exchange of the same name."""
        arguments = {
            **_QUORUM,
            "x-dead-letter-exchange": self.refused,
            "x-dead-letter-routing-key": system,
            "x-delivery-limit": _NEVER,
        }
        name = f"{self.prefix}.in.{system}"
        return Queue(name=name, exchange=name, key=system, arguments=arguments)

    def outgoing(self, system: str) -> Queue:
        """What a system reads. Full: the hub is told so and keeps the rest."""
        arguments = {**_QUORUM, "x-max-length": self.max_waiting, "x-overflow": "reject-publish"}
        return Queue(name=f"{self.out}.{system}", exchange=self.out, key=system, arguments=arguments)

    def dead(self, system: str) -> Queue:
        """Copies of what was not understood."""
        arguments = {**_QUORUM, "x-max-length": _COPIES}
        return Queue(name=f"{self.refused}.{system}", exchange=self.refused, key=system, arguments=arguments)

    def of(self, system: str) -> tuple[Queue, ...]:
        """All that one system needs."""
        return (self.dead(system), self.incoming(system), self.outgoing(system))
