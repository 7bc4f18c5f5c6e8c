"""A contact moment: one mail, form, call, counter visit or portal submission."""

from datetime import datetime
from enum import StrEnum

from canonical_model.attachment import Attachment
from canonical_model.location import NOWHERE, Location
from canonical_model.party import ANONYMOUS, Party
from canonical_model.value import Hidden, Value


class Channel(StrEnum):
    """The door that was knocked on."""

    MAIL = "mail"
    WEB_FORM = "web_form"
    PHONE = "phone"
    COUNTER = "counter"
    MIJN_BURGERPROFIEL = "mijn_burgerprofiel"
    ELOKET = "eloket"
    VERENIGINGSLOKET = "verenigingsloket"
    ASSISTANT = "assistant"
    REPORT_APP = "report_app"
    SYSTEM = "system"


class Kind(StrEnum):
    """What the customer wants: vraag, melding, suggestie, klacht."""

    QUESTION = "question"
    REPORT = "report"
    SUGGESTION = "suggestion"
    COMPLAINT = "complaint"


class Language(StrEnum):
    """The language to answer in."""

    NL = "nl"
    EN = "en"
    FR = "fr"
    DE = "de"


class Automatic(StrEnum):
    """Why a machine, not a person, must be assumed behind this contact."""

    AUTO_REPLY = "auto_reply"
    BULK = "bulk"
    OWN_MAIL = "own_mail"


class Thread(Value, frozen=True, kw_only=True):
    """How a contact hangs together with earlier ones; ids without angle brackets.

    `verified_case` comes from a reply address that the hub signed; `claimed_case` was merely written
    somewhere (a subject line): it proves nothing by itself.
    """

    message_id: str = ""
    in_reply_to: tuple[str, ...] = ()
    verified_case: str = ""
    claimed_case: str = ""


NEW_THREAD = Thread()


class AnswerSource(Value, frozen=True, kw_only=True):
    """Which text of the product catalogue an answer was given from: `version` of `product`, of the moment `modified` (UTC)."""

    product: str
    version: str
    modified: datetime


class Contact(Value, frozen=True, kw_only=True):
    """One contact moment, whatever the door.

    `text` is what the customer wrote now; `full_text` everything that came, quoted history included.
    `fingerprint` is equal for copies of the same contact that arrive by several ways ("" = no copies known).
    `suspicions` are signs of spam: they lead to quarantine, never to silence.
    `answered`: an employee answered at once, at the phone or the counter, with `answer` when it was written
    down, and `answer_source` when it came from the product catalogue; the case is registered and closed in one go.
    `callback_by`: the contact centre must call the customer before then (UTC).
    """

    channel: Channel
    subject: Hidden[str]
    text: Hidden[str]
    full_text: Hidden[str] = ""
    kind: Kind | None = None
    category: str = ""
    product: str = ""
    language: Language = Language.NL
    party: Party = ANONYMOUS
    location: Location = NOWHERE
    attachments: tuple[Attachment, ...] = ()
    addressed_to: str = ""
    thread: Thread = NEW_THREAD
    fingerprint: str = ""
    automatic: Automatic | None = None
    suspicions: tuple[str, ...] = ()
    occurred_at: datetime | None = None
    answered: bool = False
    answer: Hidden[str] = ""
    answer_source: AnswerSource | None = None
    callback_by: datetime | None = None
