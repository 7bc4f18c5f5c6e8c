"""What shall be done: the bodies of effects, in the imperative."""

from datetime import date, datetime
from enum import StrEnum

from canonical_model.attachment import Attachment
from canonical_model.case import CanonicalCase, CaseRef
from canonical_model.contact import Channel, Kind, Language
from canonical_model.party import Party
from canonical_model.public_status import PublicStatus
from canonical_model.status import CaseStatus
from canonical_model.value import Hidden, Value
from canonical_model.work_order import WorkOrder


class OpenCase(Value, frozen=True, kw_only=True):
    """Make the case in the tracker, with its attachments."""

    case: CanonicalCase


class AddContact(Value, frozen=True, kw_only=True):
    """Put a further contact of the customer on the case; `reopen` when the case was already answered."""

    case: CaseRef
    channel: Channel
    subject: Hidden[str]
    text: Hidden[str]
    attachments: tuple[Attachment, ...] = ()
    reopen: bool = False


class AddNote(Value, frozen=True, kw_only=True):
    """Tell the handlers something that the customer does not see, with photos when there are any."""

    case: CaseRef
    text: Hidden[str]
    attachments: tuple[Attachment, ...] = ()


class ChangeCase(Value, frozen=True, kw_only=True):
    """Move a case to another group or status; None leaves a field as it is."""

    case: CaseRef
    status: CaseStatus | None = None
    group: str | None = None
    due: datetime | None = None


class SendMail(Value, frozen=True, kw_only=True):
    """A mail to the customer or to a handler group.

    `message_id` is fixed once and for all, so that a second try is recognised as the same mail.
    `automatic` mails say so in their headers and are never answered by machines. `case` signs the reply
    address; "" = replies need not come back to the case. `opt_out`: it comes in place of a notification, so it offers to
    end those.
    """

    message_id: str
    to: Hidden[str]
    subject: Hidden[str]
    text: Hidden[str]
    case: str = ""
    language: Language = Language.NL
    automatic: bool = True
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    opt_out: bool = False


class News(StrEnum):
    """What an existing system is told about a case that it brought."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    CHANGED = "changed"
    ANSWERED = "answered"


class TellSystem(Value, frozen=True, kw_only=True):
    """Tell the system that brought a case how it goes.

    `origin` and `origin_ref` are the source and the system's own id of the contact that opened the case.
    `text` is the answer, or why the tracker refused; `at` is UTC. `REFUSED` may be followed by `ACCEPTED` when
    a person mended it.
    """

    origin: str
    origin_ref: str
    case: CaseRef
    news: News
    status: CaseStatus
    text: Hidden[str] = ""
    at: datetime


class PublishStatus(Value, frozen=True, kw_only=True):
    """Show on the status board of the authorities how a case stands, to the customer that it is about.

    `detail` is for the customer; `action` says what he must do, "" = nothing. `changed_at` grows with every
    publication of a case. Times are UTC.
    """

    case: CaseRef
    kind: Kind
    subject: Hidden[str]
    party: Party
    group: str
    product: str = ""
    status: PublicStatus
    detail: Hidden[str] = ""
    action: Hidden[str] = ""
    opened_at: datetime
    changed_at: datetime
    due: datetime | None = None


class WithdrawStatus(Value, frozen=True, kw_only=True):
    """Take a case off the status board: it was erased, or shown to the wrong person."""

    case: CaseRef
    reason: str


class Notify(Value, frozen=True, kw_only=True):
    """Draw the customer's attention to a change, by the authorities' notification service.

    After `expires` (a date in Belgium) it is no use any more.
    """

    case: CaseRef
    party: Party
    language: Language = Language.NL
    subject: Hidden[str]
    product: str = ""
    status: PublicStatus
    detail: Hidden[str] = ""
    changed_at: datetime
    expires: date | None = None


class WithdrawNotice(Value, frozen=True, kw_only=True):
    """Call back a notification; `notice` is the service's own id of it, or the key of its effect while that is unknown."""

    case: CaseRef
    notice: str


class OrderWork(Value, frozen=True, kw_only=True):
    """Ask a field team to do work on site."""

    order: WorkOrder


class CancelWork(Value, frozen=True, kw_only=True):
    """Tell a field team that an order is not needed any more. `outside_id` is its own id, "" when it never told."""

    case: CaseRef
    trip: int
    outside_id: str = ""
    reason: str


class ForgetWork(Value, frozen=True, kw_only=True):
    """Remove what a field team has of an order, however it stands: its case was erased. `outside_id` as in `CancelWork`."""

    case: CaseRef
    trip: int
    outside_id: str = ""


Command = (
    OpenCase
    | AddContact
    | AddNote
    | ChangeCase
    | SendMail
    | TellSystem
    | PublishStatus
    | WithdrawStatus
    | Notify
    | WithdrawNotice
    | OrderWork
    | CancelWork
    | ForgetWork
)
COMMANDS: dict[str, type[Command]] = {
    "open_case": OpenCase,
    "add_contact": AddContact,
    "add_note": AddNote,
    "change_case": ChangeCase,
    "send_mail": SendMail,
    "tell_system": TellSystem,
    "publish_status": PublishStatus,
    "withdraw_status": WithdrawStatus,
    "notify": Notify,
    "withdraw_notice": WithdrawNotice,
    "order_work": OrderWork,
    "cancel_work": CancelWork,
    "forget_work": ForgetWork,
}
"""Wire name of each command; never renamed, only added to."""
