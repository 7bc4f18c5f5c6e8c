"""Pure functions: a delivery as a submission, and news about a case as a message."""

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from adapters.amqp.messages import Delivery, Outgoing
from adapters.amqp.settings import System
from canonical_model.commands import TellSystem
from ports.errors import NotUnderstoodError
from ports.files import FileRules
from ports.intake import File
from ports.submission import cloudevents
from ports.submission.answers import from_tree
from ports.submission.cloudevents import Ref
from ports.submission.contract import Submission
from ports.submission.errors import SubmissionError
from ports.submission.files import to_files, without_files
from ports.submission.mapping import FLAT, Plan, to_submission
from ports.submission.strict_json import decoded

REFUSED = f"{cloudevents.PREFIX}message.refused.v1"
"""The type of the message that tells a system why it was not understood."""

_TREE = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A submission with its files; `raw` is what will be kept of the message."""

    submission: Submission
    files: tuple[File, ...]
    raw: bytes


class Refusal(msgspec.Struct, frozen=True):
    """The data of a `message.refused` event. `receipt` is under what number the hub keeps the message."""

    about: cloudevents.About
    reason: str
    receipt: str


class RefusalEvent(msgspec.Struct, frozen=True):
    """Tells a system that its message was kept but not understood."""

    specversion: str
    id: str
    source: str
    type: str
    datacontenttype: str
    data: Refusal


def ref_of(delivery: Delivery, key: bytes) -> Ref:
    """What the sender calls this message: its CloudEvents name, else `message_id`, else a keyed hash of the content."""
    if is_event(delivery):
        try:
            event = cloudevents.structured(delivery.body)
            return Ref(source=event.source, id=event.id)
        except SubmissionError:
            return _named(delivery, key)
    return _named(delivery, key)


def is_event(delivery: Delivery) -> bool:
    """Whether it is a CloudEvent in structured mode."""
    return delivery.content_type.partition(";")[0].strip().lower() == cloudevents.STRUCTURED


def read(delivery: Delivery, ref: Ref, system: System, rules: FileRules) -> Understood:
    """What the system submits. Raises `NotUnderstoodError` or `NotSupportedError`."""
    if delivery.user_id != system.user:
        raise NotUnderstoodError("user_id: expected the system's own user, as RabbitMQ checks it")
    if is_event(delivery):
        submission = cloudevents.submission_of(cloudevents.structured(delivery.body))
    elif system.fields:
        return _own_shape(delivery, ref, system, rules)
    else:
        submission = cloudevents.submission_in(decoded(_TREE, delivery.body), ref.id)
    files = to_files(submission.attachments, rules)
    plain = msgspec.structs.replace(submission, attachments=())
    return Understood(
        submission=plain, files=files, raw=without_files(plain, files) if files else delivery.body
    )


def news(key: str, command: TellSystem, source: str) -> Outgoing:
    """What a system is told by the effect `key`."""
    event = cloudevents.news_of(key, command.origin, command, source)
    return Outgoing(
        id=event.id,
        type=event.type,
        correlation_id=event.data.about.id[:255],
        body=cloudevents.encoded(event),
        content_type=cloudevents.STRUCTURED,
    )


def refusal(ref: Ref, problem: str, receipt: str, source: str) -> Outgoing:
    """Tells a system what was wrong with its message; the same message, the same id."""
    event = RefusalEvent(
        specversion="1.0",
        id=f"refused-{receipt}",
        source=source,
        type=REFUSED,
        datacontenttype="application/json",
        data=Refusal(about=cloudevents.About(source=ref.source, id=ref.id), reason=problem, receipt=receipt),
    )
    return Outgoing(
        id=event.id,
        type=event.type,
        correlation_id=ref.id[:255],
        body=msgspec.json.encode(event),
        content_type=cloudevents.STRUCTURED,
    )


def _named(delivery: Delivery, key: bytes) -> Ref:
    id_ = delivery.message_id or f"content:{hmac.new(key, delivery.body, sha256).hexdigest()}"
    return Ref(source="", id=id_)


def _own_shape(delivery: Delivery, ref: Ref, system: System, rules: FileRules) -> Understood:
    tree: dict[str, Any] = decoded(_TREE, delivery.body)
    answers = from_tree(tree)
    taken = set(system.fields.values())
    usual = {name: path for name, path in FLAT.items() if path not in taken}
    plan = Plan(fields={**usual, **system.fields}, constants=system.constants, ignored=system.ignored)
    submission = to_submission(answers, plan, ref.id)
    files = to_files(answers.uploads, rules)
    plain = msgspec.structs.replace(submission, attachments=())
    return Understood(
        submission=plain,
        files=files,
        raw=without_files(dict(answers.texts), files) if files else delivery.body,
    )
