"""A work order: what a field team must do on site, and how it goes."""

import re
from datetime import datetime
from enum import StrEnum

from canonical_model.attachment import Attachment
from canonical_model.case import CaseRef
from canonical_model.location import NOWHERE, Location
from canonical_model.value import Hidden, Value

MOST_TRIPS = 99
"""How often a case may go to a field team."""

_ORDER_ID = re.compile(r"(?P<case>[A-Z]{2,5}-20[0-9]{2}-[0-9]{6,9})\.(?P<trip>[0-9]{2})")


class OrderState(StrEnum):
    """Where a work order stands, in the words of the field team."""

    ORDERED = "ordered"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    CANCELLED = "cancelled"
    NOT_FOUND = "not_found"


ENDED = frozenset({OrderState.DONE, OrderState.CANCELLED, OrderState.NOT_FOUND})
"""After these the field team does nothing more; the case may go out again on its next trip."""


class WorkOrder(Value, frozen=True, kw_only=True):
    """Work for a field team. `trip` counts how often this case went out, from 1; times are UTC."""

    case: CaseRef
    trip: int
    subject: Hidden[str]
    description: Hidden[str]
    category: str
    group: str
    location: Location = NOWHERE
    attachments: tuple[Attachment, ...] = ()
    due: datetime | None = None
    urgent: bool = False


def order_id(case: CaseRef, trip: int) -> str:
    """Our name of an order in every field system: `LEU-2026-000123.01`."""
    return f"{case}.{trip:02d}"


def parse_order_id(text: str) -> tuple[CaseRef, int] | None:
    """The case and trip that `order_id` named, or None when this is no such name."""
    found = _ORDER_ID.fullmatch(text.strip())
    return (CaseRef(found["case"]), int(found["trip"])) if found else None
