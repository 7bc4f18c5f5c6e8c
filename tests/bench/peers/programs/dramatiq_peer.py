"""Dramatiq: an actor behind the door, delivered by two processes of eight threads.

uvicorn dramatiq_peer:app          dramatiq dramatiq_peer --processes 2 --threads 8
"""

import os

import dramatiq
from delivery import deliver
from door import door
from dramatiq.brokers.rabbitmq import RabbitmqBroker

broker = RabbitmqBroker(url=os.environ["PEER_BROKER"], confirm_delivery=True)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=os.environ["PEER_QUEUE"])
def deliver_contact(body: str) -> None:
    """Acknowledged when delivered; tried again when not."""
    deliver(body.encode())


def publish(body: bytes) -> None:
    """To a durable queue, persistent, and confirmed by the broker before this returns."""
    deliver_contact.send(body.decode())


app = door(publish)
