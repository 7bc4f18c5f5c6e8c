"""The door of the peers that publish from threads: checked, logged, published with a confirm, then answered."""

from collections.abc import Callable

from contacts import validated
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from message_log import URL, Log
from pydantic import ValidationError
from sqlalchemy import create_engine
from standardwebhooks.webhooks import WebhookVerificationError

Publish = Callable[[bytes], None]


def door(publish: Publish) -> FastAPI:
    """An application that answers 202 when the message is in the log and the broker has confirmed it."""
    app = FastAPI()
    log = Log(create_engine(URL, pool_size=20, max_overflow=20))

    def take(id_: str, body: bytes) -> None:
        if log.accept(id_, body):
            publish(body)

    @app.post("/in/website/json")
    async def accept(request: Request) -> Response:
        body = await request.body()
        try:
            contact = validated(body, dict(request.headers))
        except (WebhookVerificationError, ValidationError):
            return Response(status_code=400)
        await run_in_threadpool(take, contact.id, body)
        return Response(status_code=202)

    return app
