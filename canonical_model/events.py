"""What happened: the bodies of messages, in the past tense."""

from datetime import datetime

from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef
from canonical_model.contact import Contact
from canonical_model.status import CaseStatus
from canonical_model.value import Hidden, Value
from canonical_model.work_order import OrderState


class ContactReceived(Value, frozen=True, kw_only=True):
    """Somebody knocked on one of our doors."""

    contact: Contact


class Answer(Value, frozen=True, kw_only=True):
    """What a handler wrote to the customer; `key` is the tracker's own id of the text."""

    key: str
    text: Hidden[str]
    at: datetime


class CaseChanged(Value, frozen=True, kw_only=True):
    """The tracker tells how a case stands now. `version` grows with every change of this case."""

    case: CaseRef
    tracker_id: str
    version: int
    status: CaseStatus
    group: str
    answers: tuple[Answer, ...] = ()
    changed_at: datetime


class MailBounced(Value, frozen=True, kw_only=True):
    """A mail of ours did not arrive. `permanent` = the address does not exist or refuses."""

    message_id: str
    permanent: bool
    diagnosis: str = ""


class TimerFired(Value, frozen=True, kw_only=True):
    """A date that we had noted has come; `name` says for what, `round` how many times before."""

    case: CaseRef
    name: str
    round: int = 0


class WorkOrderChanged(Value, frozen=True, kw_only=True):
    """A field team tells how an order goes, at `at` (UTC).

    `system` is the adapter instance; `outside_id` its own id of the order. `case` and `trip` are None and 0 when only
    that id is known. `update` is its id of this very change. `evidence`: photos of the work.
    """

    system: str
    outside_id: str
    case: CaseRef | None = None
    trip: int = 0
    update: str
    state: OrderState
    text: Hidden[str] = ""
    at: datetime
    evidence: tuple[Attachment, ...] = ()


class WorkShown(Value, frozen=True, kw_only=True):
    """A field team shows photos of its work, apart from how the order stands; the fields as in `WorkOrderChanged`."""

    system: str
    outside_id: str
    case: CaseRef | None = None
    trip: int = 0
    update: str
    at: datetime
    evidence: tuple[Attachment, ...]


class DeliveryRefused(Value, frozen=True, kw_only=True):
    """A system that had taken what we sent refused it later. `problems` name fields and rules, never values."""

    case: CaseRef
    system: str
    delivery: str
    problems: tuple[str, ...]


class DifferenceFound(Value, frozen=True, kw_only=True):
    """A case stands otherwise in `system` than the hub knows; "" = it is not known there. Seen at `at` (UTC).

    The same status for both = it stands there more than once. `told_again`: what went there last was meant to heal a difference already, and did not. `text` and `evidence`: what a field team wrote and showed.
    """

    case: CaseRef
    system: str
    theirs: str
    ours: str
    outside_id: str = ""
    text: Hidden[str] = ""
    at: datetime
    told_again: bool = False
    evidence: tuple[Attachment, ...] = ()


class CaseRedispatched(Value, frozen=True, kw_only=True):
    """The contact centre took a case back from its group and gave it to another.

    `by` is the employee's pseudonym; `reason` is for the groups and must not name the customer.
    """

    case: CaseRef
    group: str
    reason: str
    by: str
    tell_customer: bool = False


class CaseErased(Value, frozen=True, kw_only=True):
    """A case is about to be erased here: what others show of it must go as well."""

    case: CaseRef


Event = (
    ContactReceived
    | CaseChanged
    | MailBounced
    | TimerFired
    | WorkOrderChanged
    | WorkShown
    | DeliveryRefused
    | DifferenceFound
    | CaseRedispatched
    | CaseErased
)
EVENTS: dict[str, type[Event]] = {
    "contact_received": ContactReceived,
    "case_changed": CaseChanged,
    "mail_bounced": MailBounced,
    "timer_fired": TimerFired,
    "work_order_changed": WorkOrderChanged,
    "work_shown": WorkShown,
    "delivery_refused": DeliveryRefused,
    "difference_found": DifferenceFound,
    "case_redispatched": CaseRedispatched,
    "case_erased": CaseErased,
}
"""Wire name of each event; never renamed, only added to (upcasters: `codec.py`)."""
