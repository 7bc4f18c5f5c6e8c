"""The durable log: a row for each message, unique by its id, and when it was delivered."""

import os
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, Engine, LargeBinary, MetaData, String, Table, func, select, update
from sqlalchemy.dialects.postgresql import insert

URL = os.environ["PEER_LOG"]
metadata = MetaData()
messages = Table(
    "message_log",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("delivered_at", DateTime(timezone=True)),
)


class Log:
    """The log for programs with threads or processes; every call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def accept(self, id_: str, body: bytes) -> bool:
        """Store it; whether it still has to be delivered (a message that came before may have been)."""
        with self._engine.begin() as connection:
            if connection.execute(stored(id_, body)).rowcount:
                return True
            return connection.execute(undelivered(id_)).scalar_one()

    def delivered(self, id_: str) -> None:
        """Note that the sink has it."""
        with self._engine.begin() as connection:
            connection.execute(marked(id_))


def stored(id_: str, body: bytes) -> Any:
    """The row, unless the message is there already."""
    return insert(messages).values(id=id_, body=body).on_conflict_do_nothing()


def undelivered(id_: str) -> Any:
    """Whether a message that is there was not delivered yet."""
    return select(messages.c.delivered_at.is_(None)).where(messages.c.id == id_)


def marked(id_: str) -> Any:
    """The message, delivered now."""
    return update(messages).where(messages.c.id == id_).values(delivered_at=datetime.now(UTC))
