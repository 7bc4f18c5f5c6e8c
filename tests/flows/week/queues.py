"""What lies in the queues of a broker: everything that it wrote to its disk, looked through again and again while a hub works."""

import json
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import pika

from demo.engines.rabbitmq import Node

MARKED = "week.marked"


class Queues:
    """All queues of a node. A quorum queue has each of its messages on the disk before anybody hears that it was taken.

    `mark` puts a word into a queue of the same kind as the hub's: who does not find it there would find nobody else either.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._mark = f"kenteken-{secrets.token_hex(8)}"
        self.looks = 0
        self.found: set[str] = set()
        """Words that lay there and may not."""
        self.blind = 0
        """Looks that did not even find the mark."""
        self.names: Sequence[str] = ()
        self.elsewhere: Sequence[str] = ()
        """Queues that may keep messages in memory only, so that a look misses them."""

    def mark(self) -> None:
        """Leave a word that must be found."""
        self.put(MARKED, self._mark)

    def put(self, queue: str, text: str) -> None:
        """A message that nobody fetches."""
        connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", self._node.port, "/"))
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
            channel.basic_publish(
                "", queue, text.encode(), pika.BasicProperties(delivery_mode=2), mandatory=True
            )
        finally:
            connection.close()

    def look(self, named: Callable[[str], Sequence[str]]) -> None:
        """Search everything for words that `named` knows."""
        said = "".join(_text_of(file) for file in (self._node.folder / "data").rglob("*") if file.is_file())
        self.looks += 1
        self.blind += self._mark not in said
        self.found.update(named(said))

    def list(self) -> None:
        """Ask the node for all its queues."""
        told = self._node.ctl("list_queues", "--formatter", "json", "name", "type")
        kinds = {one["name"]: one["type"] for one in json.loads(told)}
        self.names = [name for name in kinds if name != MARKED]
        self.elsewhere = [name for name, kind in kinds.items() if kind != "quorum"]


def _text_of(file: Path) -> str:
    try:
        return file.read_text("latin-1")
    except FileNotFoundError:  # the node is just done with it
        return ""
