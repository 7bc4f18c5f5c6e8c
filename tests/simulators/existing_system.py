"""An existing system behind RabbitMQ, as a city has them: it publishes, reads its own queues, and dedupes.

It knows nothing of the hub but the names it was given and its own user. Every call opens a connection of its own,
so a test may kill the server between two calls.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pika


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingSystem:
    """One system. `url` holds its own user and password."""

    name: str
    url: str = field(repr=False)
    prefix: str

    @property
    def user(self) -> str:
        """Its user at RabbitMQ."""
        return urlsplit(self.url).username or ""

    def submit(self, *bodies: bytes, content_type: str = "application/json", **properties: Any) -> None:
        """Publish, mandatory and confirmed; returns when the broker has all of it."""
        with self.channel() as channel:
            channel.confirm_delivery()
            for body in bodies:
                channel.basic_publish(
                    f"{self.prefix}.in.{self.name}",
                    self.name,
                    body,
                    pika.BasicProperties(
                        content_type=content_type, delivery_mode=2, **{"user_id": self.user, **properties}
                    ),
                    mandatory=True,
                )

    def read(self, kind: str = "out") -> list[tuple[pika.BasicProperties, bytes]]:
        """Take everything that waits in its queue of news (`out`) or of refused messages (`refused`)."""
        taken = []
        with self.channel() as channel:
            while True:
                method, properties, body = channel.basic_get(f"{self.prefix}.{kind}.{self.name}")
                if method is None:
                    return taken
                taken.append((properties, body))
                channel.basic_ack(method.delivery_tag)

    @contextmanager
    def channel(self) -> Iterator[Any]:
        """A channel, for what a test wants to do beside that."""
        connection = pika.BlockingConnection(pika.URLParameters(self.url))
        try:
            yield connection.channel()
        finally:
            if connection.is_open:
                connection.close()
