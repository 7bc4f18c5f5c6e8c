"""What shall be done: the bodies of effects, in the imperative."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from canonical_model.attachment import Attachment
from canonical_model.case import CanonicalCase, CaseRef
from canonical_model.contact import Channel, Language
from canonical_model.status import CaseStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """Make the case in the tracker, with its attachments."""

    case: CanonicalCase


@dataclass(frozen=True, slots=True, kw_only=True)
class AddContact:
    """Put a further contact of the customer on the case; `reopen` when the case was already answered."""

    case: CaseRef
    channel: Channel
    subject: str = field(repr=False)
    text: str = field(repr=False)
    attachments: tuple[Attachment, ...] = ()
    reopen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddNote:
    """Tell the handlers something that the customer does not see."""

    case: CaseRef
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCase:
    """Move a case to another group or status; None leaves a field as it is."""

    case: CaseRef
    status: CaseStatus | None = None
    group: str | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMail:
    """A mail to the customer or to a handler group.

    `message_id` is fixed once and for all, so that a second try is recognised as the same mail.
    `automatic` mails say so in their headers and are never answered by machines. `case` signs the reply
    address; "" = replies need not come back to the case.
    """

    message_id: str
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    case: str = ""
    language: Language = Language.NL
    automatic: bool = True
    in_reply_to: str = ""
    references: tuple[str, ...] = ()


class News(StrEnum):
    """What an existing system is told about a case that it brought."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    CHANGED = "changed"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True, kw_only=True)
class TellSystem:
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
    text: str = field(default="", repr=False)
    at: datetime


Command = OpenCase | AddContact | AddNote | ChangeCase | SendMail | TellSystem
COMMANDS: dict[str, type[Command]] = {
    "open_case": OpenCase,
    "add_contact": AddContact,
    "add_note": AddNote,
    "change_case": ChangeCase,
    "send_mail": SendMail,
    "tell_system": TellSystem,
}
"""Wire name of each command; never renamed, only added to."""
