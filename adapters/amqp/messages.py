"""Messages as they travel: what came in, and what goes out."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A message as it came. `traceparent` is the header of that name (W3C Trace Context: AMQP), "" = none."""

    tag: int
    body: bytes = field(repr=False)
    content_type: str
    message_id: str
    user_id: str
    traceparent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to send. `id` is what the receiver recognises a second one by."""

    id: str
    type: str
    correlation_id: str
    body: bytes = field(repr=False)
    content_type: str
