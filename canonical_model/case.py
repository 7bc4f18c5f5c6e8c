"""A case: the question, report, suggestion or complaint that must be answered.

The tracker owns it. The hub keeps this much: an index to route by, and an encrypted card with what is
needed to write back to the customer.
"""

import re
from datetime import datetime
from typing import NewType

from canonical_model.attachment import Attachment
from canonical_model.contact import Channel, Kind, Language
from canonical_model.location import NOWHERE, Location
from canonical_model.party import ANONYMOUS, Party
from canonical_model.status import CaseStatus
from canonical_model.value import Hidden, Value

CaseRef = NewType("CaseRef", str)
"""Our reference, as the customer sees it: `LEU-2026-000123`."""

CASE_REF = re.compile(r"\b[A-Z]{2,5}-20[0-9]{2}-[0-9]{6,9}\b")


def case_ref(prefix: str, year: int, number: int) -> CaseRef:
    """`case_ref("LEU", 2026, 123)` is `LEU-2026-000123`."""
    return CaseRef(f"{prefix}-{year}-{number:06d}")


class FieldWork(Value, frozen=True, kw_only=True):
    """What a field team must know to work on site."""

    description: Hidden[str]
    location: Location = NOWHERE
    attachments: tuple[Attachment, ...] = ()


class CaseCard(Value, frozen=True, kw_only=True):
    """What the hub must know to write to the customer and to send a field team. Personal data: encrypted at rest.

    `field_work` is None for a case that no field team can do anything about.
    """

    subject: Hidden[str] = ""
    party: Party = ANONYMOUS
    language: Language = Language.NL
    last_message_id: str = ""
    references: tuple[str, ...] = ()
    product: str = ""
    field_work: FieldWork | None = None


EMPTY_CARD = CaseCard()


class CaseRecord(Value, frozen=True, kw_only=True):
    """The hub's index entry of a case. Times are UTC. `tracker_id` is "" until the tracker accepted it.

    `origin` and `origin_ref` are the source and source reference of the contact that opened it.
    `answered_at_once`: an employee answered while the customer was still there (first-line resolution).
    """

    ref: CaseRef
    kind: Kind
    channel: Channel
    group: str
    status: CaseStatus
    opened_at: datetime
    due: datetime | None = None
    category: str = ""
    area: str = ""
    tracker_id: str = ""
    tracker_version: int = 0
    origin: str = ""
    origin_ref: str = ""
    answered_at_once: bool = False
    card: CaseCard = EMPTY_CARD


class CanonicalCase(Value, frozen=True, kw_only=True):
    """A case as it is handed to a tracker. `party_ref` is a pseudonym, never a national number."""

    ref: CaseRef
    kind: Kind
    channel: Channel
    group: str
    subject: Hidden[str]
    description: Hidden[str]
    party_ref: str
    party: Party = ANONYMOUS
    language: Language = Language.NL
    location: Location = NOWHERE
    category: str = ""
    product: str = ""
    due: datetime | None = None
    attachments: tuple[Attachment, ...] = ()
