"""A message: an event on its way through the hub, with where it came from."""

from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from canonical_model.events import Event

MessageId = NewType("MessageId", str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Envelope and body. `source` and `source_ref` (the sender's own id) make it unique; times are UTC."""

    id: MessageId
    source: str
    source_ref: str
    received_at: datetime
    body: Event
