"""FastStream: everything asynchronous; RabbitMQ between the door and the subscriber, aiohttp to the sink.

uvicorn faststream_peer:app          python -m faststream_peer
"""

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvloop
from contacts import SINK, Contact, case, validated
from fastapi import FastAPI, Request, Response
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from message_log import URL, marked, stored, undelivered
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import create_async_engine
from standardwebhooks.webhooks import WebhookVerificationError

QUEUE = RabbitQueue(os.environ["PEER_QUEUE"], durable=True, queue_type=QueueType.QUORUM)
engine = create_async_engine(URL, pool_size=20, max_overflow=20)


def connected() -> RabbitBroker:
    """With publisher confirms, and fifty messages at a time for the subscriber."""
    return RabbitBroker(
        os.environ["PEER_BROKER"],
        default_channel=Channel(prefetch_count=50, publisher_confirms=True),
        log_level=logging.DEBUG,  # of a line for each message: below what is written
    )


# --- the door ----------------------------------------------------------------------------------------------

publisher = connected()


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Connected as long as the door stands open."""
    await publisher.start()
    await publisher.declare_queue(QUEUE)
    yield
    await publisher.stop()


app = FastAPI(lifespan=lifespan)


@app.post("/in/website/json")
async def accept(request: Request) -> Response:
    """202 when the message is in the log and the broker has confirmed it."""
    body = await request.body()
    try:
        contact = validated(body, dict(request.headers))
    except (WebhookVerificationError, ValidationError):
        return Response(status_code=400)
    if await logged(contact.id, body):
        await publisher.publish(body, queue=QUEUE, persist=True, content_type="application/json")
    return Response(status_code=202)


async def logged(id_: str, body: bytes) -> bool:
    """Store it; whether it still has to be delivered (a message that came before may have been)."""
    async with engine.begin() as connection:
        if (await connection.execute(stored(id_, body))).rowcount:
            return True
        return (await connection.execute(undelivered(id_))).scalar_one()


# --- the subscriber ----------------------------------------------------------------------------------------


async def work() -> None:
    """Deliver until told to stop."""
    broker = connected()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as sink:

        @broker.subscriber(QUEUE, ack_policy=AckPolicy.NACK_ON_ERROR)
        async def deliver(contact: Contact) -> None:
            async with sink.post(f"{SINK}/cases", json=case(contact)) as answer:
                answer.raise_for_status()
            async with engine.begin() as connection:
                await connection.execute(marked(contact.id))

        await FastStream(broker).run()


if __name__ == "__main__":
    uvloop.run(work())
