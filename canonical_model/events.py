"""What happened: the bodies of messages, in the past tense."""

from dataclasses import dataclass, field
from datetime import datetime

from canonical_model.case import CaseRef
from canonical_model.contact import Contact
from canonical_model.status import CaseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactReceived:
    """Somebody knocked on one of our doors."""

    contact: Contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler wrote to the customer; `key` is the tracker's own id of the text."""

    key: str
    text: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChanged:
    """The tracker tells how a case stands now. `version` grows with every change of this case."""

    case: CaseRef
    tracker_id: str
    version: int
    status: CaseStatus
    group: str
    answers: tuple[Answer, ...] = ()
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MailBounced:
    """A mail of ours did not arrive. `permanent` = the address does not exist or refuses."""

    message_id: str
    permanent: bool
    diagnosis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """A date that we had noted has come; `name` says for what, `round` how many times before."""

    case: CaseRef
    name: str
    round: int = 0


Event = ContactReceived | CaseChanged | MailBounced | TimerFired
EVENTS: dict[str, type[Event]] = {
    "contact_received": ContactReceived,
    "case_changed": CaseChanged,
    "mail_bounced": MailBounced,
    "timer_fired": TimerFired,
}
"""Wire name of each event; never renamed, only added to (upcasters: `codec.py`)."""
