"""kombu: a confirmed producer behind the door, and a ConsumerMixin that delivers.

uvicorn kombu_peer:app          python -m kombu_peer
"""

import os

from delivery import deliver
from door import door
from kombu import Connection, Exchange, Queue
from kombu.mixins import ConsumerMixin
from kombu.pools import producers

BROKER = os.environ["PEER_BROKER"]
NAME = os.environ["PEER_QUEUE"]
QUEUE = Queue(NAME, Exchange(NAME, durable=True), NAME, queue_arguments={"x-queue-type": "quorum"})
connection = Connection(BROKER, transport_options={"confirm_publish": True})


with Connection(BROKER) as first:  # once, before anybody publishes
    QUEUE(first.default_channel).declare()


def publish(body: bytes) -> None:
    """Persistent, and confirmed by the broker before this returns."""
    with producers[connection].acquire(block=True) as producer:
        producer.publish(
            body,
            exchange=QUEUE.exchange,
            routing_key=NAME,
            delivery_mode=2,
            content_type="application/octet-stream",
            content_encoding="binary",
        )


class Worker(ConsumerMixin):
    """Takes what the queue holds, one after another; acknowledged when delivered."""

    def __init__(self) -> None:
        self.connection = Connection(BROKER)

    def get_consumers(self, Consumer, channel):  # noqa: N803 - kombu's name
        return [Consumer([QUEUE], callbacks=[self.take], prefetch_count=50)]

    def take(self, body, message) -> None:
        """Deliver one; what fails goes back to the queue."""
        try:
            deliver(bytes(body))
        except Exception:
            message.requeue()
            raise
        message.ack()


app = door(publish)

if __name__ == "__main__":
    Worker().run()
