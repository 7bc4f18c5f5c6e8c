"""A message on its way in: all that can be known of it before its transaction, so that the transaction is short.

On SQLite everybody waits while a transaction is open, so what needs no row of it is done here: the names under which
the message's case may be known, their hashes, and what is sealed.
"""

from dataclasses import dataclass
from typing import Any

import structlog

from canonical_model.codec import SCHEMA_VERSION, encode
from canonical_model.decision import Reference, Router
from canonical_model.events import Event
from canonical_model.message import Message, MessageId
from canonical_model.value import Hidden, Value
from journal.claims import Ticket
from journal.crypto import DataKey, Keyring
from journal.instants import moment, new_id
from journal.new_rows import NewBody, NewFile
from ports.intake import File, Inbound

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rules:
    """The routes, and the version of the configuration they were made from: replaced together, never one alone."""

    router: Router
    config_version: str = ""


class Arrival(Value, frozen=True, kw_only=True):
    """A message, the rules that decide about it, and what was prepared for its transaction.

    `message` is None for what was not understood. `names`: under which its case may be known, best evidence first, each
    with its hash. `problem`: why nobody can decide about it. `body` and `files`: sealed, as they will be stored.
    """

    inbound: Inbound
    rules: Rules
    id: str
    identity: str
    content_hash: str
    key: DataKey
    message: Message | None = None
    names: tuple[tuple[Reference, str], ...] = ()
    problem: str = ""
    traceparent: str = ""
    ticket: Ticket | None = None
    body: Hidden[NewBody | None] = None
    files: Hidden[tuple[NewFile, ...]] = ()

    @property
    def event(self) -> Event | None:
        """What the message tells."""
        return self.message.body if self.message else None


def arrived(
    keyring: Keyring,
    rules: Rules,
    inbound: Inbound,
    now: int,
    traceparent: str = "",
    ticket: Ticket | None = None,
) -> Arrival:
    """A new message: its id, its key, its hashes, its sealed bodies."""
    id_ = new_id(now)
    key = keyring.new_key(id_)
    message = _message(id_, inbound, now, inbound.event) if inbound.event else None
    names, problem = _named(keyring, rules.router, message) if message else ((), _not_understood(inbound))
    return Arrival(
        inbound=inbound,
        rules=rules,
        id=id_,
        identity=keyring.find_hash(f"identity/{inbound.source}", inbound.source_ref),
        content_hash=keyring.content_hash(inbound.raw),
        key=key,
        message=message,
        names=names,
        problem=problem,
        traceparent=traceparent,
        ticket=ticket,
        body=NewBody(
            owner=id_,
            key_id=id_,
            media_type=inbound.media_type,
            raw=key.seal(id_, "raw", inbound.raw),
            canonical=key.seal(id_, "canonical", encode(inbound.event)) if inbound.event else None,
            schema_version=SCHEMA_VERSION,
        ),
        files=_sealed_files(id_, key, inbound.files),
    )


def arrived_before(keyring: Keyring, rules: Rules, row: Any, key: DataKey, event: Event) -> Arrival:
    """A message that is stored already, to be decided about once more."""
    inbound = Inbound(source=row.source, source_ref=row.source_ref, raw=b"", media_type="")
    message = _message(row.id, inbound, row.received_at, event)
    names, problem = _named(keyring, rules.router, message)
    return Arrival(
        inbound=inbound,
        rules=rules,
        id=row.id,
        identity=row.identity,
        content_hash=row.content_hash,
        key=key,
        message=message,
        names=names,
        problem=problem,
    )


def route_failed(message_id: str, error: Exception) -> str:
    """Tell the log, with its trace; the words for people."""
    kind = type(error).__name__
    log.error("route_failed", message_id=message_id, error=kind, exc_info=error)
    return f"a route failed on this message ({kind}): an administrator must look"


def _message(id_: str, inbound: Inbound, received_at: int, event: Event) -> Message:
    return Message(
        id=MessageId(id_),
        source=inbound.source,
        source_ref=inbound.source_ref,
        received_at=moment(received_at),
        body=event,
    )


def _named(
    keyring: Keyring, router: Router, message: Message
) -> tuple[tuple[tuple[Reference, str], ...], str]:
    try:
        names = router.references(message)
    except Exception as error:  # noqa: BLE001 - a broken route must not lose a message: it is parked
        return (), route_failed(message.id, error)
    return tuple((name, keyring.find_hash(name.system, name.value)) for name in names), ""


def _not_understood(inbound: Inbound) -> str:
    return inbound.problem.what if inbound.problem else "not understood"


def _sealed_files(id_: str, key: DataKey, files: tuple[File, ...]) -> tuple[NewFile, ...]:
    if not files:
        return ()
    contents = {file.attachment.claim: file.content for file in files}
    return tuple(NewFile(id_, claim, key.seal(id_, claim, content)) for claim, content in contents.items())
