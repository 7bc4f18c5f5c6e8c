"""A message: an event on its way through the hub, with where it came from."""

from datetime import datetime
from typing import NewType

from canonical_model.events import Event
from canonical_model.value import Value

MessageId = NewType("MessageId", str)


class Message(Value, frozen=True, kw_only=True):
    """Envelope and body. `source` and `source_ref` (the sender's own id) make it unique; times are UTC."""

    id: MessageId
    source: str
    source_ref: str
    received_at: datetime
    body: Event
