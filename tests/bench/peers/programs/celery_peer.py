"""Celery: a task behind the door, delivered by two prefork processes.

uvicorn celery_peer:app          celery -A celery_peer:tasks worker --concurrency 2
"""

import os

from celery import Celery
from delivery import deliver
from door import door

tasks = Celery("peer", broker=os.environ["PEER_BROKER"])
tasks.conf.update(
    broker_transport_options={"confirm_publish": True},
    broker_pool_limit=40,
    task_default_queue=os.environ["PEER_QUEUE"],
    task_default_queue_type="quorum",
    task_default_exchange_type="topic",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=25,
)


@tasks.task(name="deliver", autoretry_for=(OSError,), max_retries=None)
def deliver_contact(body: str) -> None:
    """Acknowledged when delivered."""
    deliver(body.encode())


def publish(body: bytes) -> None:
    """Persistent, and confirmed by the broker before this returns."""
    deliver_contact.delay(body.decode())


app = door(publish)
