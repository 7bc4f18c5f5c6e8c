"""What the customer may see of a case: simpler than the status that handlers work with, and never ahead of it."""

from enum import StrEnum

from canonical_model.status import CaseStatus
from canonical_model.work_order import OrderState


class PublicStatus(StrEnum):
    """Where a case stands, for the customer. `EXECUTED`: work on site was done, with evidence of it."""

    RECEIVED = "received"
    IN_PROGRESS = "in_progress"
    WAITING_FOR_CUSTOMER = "waiting_for_customer"
    PLANNED = "planned"
    EXECUTED = "executed"
    ANSWERED = "answered"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    TRANSFERRED = "transferred"


_OF_CASE: dict[CaseStatus, PublicStatus] = {
    CaseStatus.NEW: PublicStatus.RECEIVED,
    CaseStatus.IN_PROGRESS: PublicStatus.IN_PROGRESS,
    CaseStatus.WAITING_FOR_CUSTOMER: PublicStatus.WAITING_FOR_CUSTOMER,
    CaseStatus.WAITING_FOR_FIELD_TEAM: PublicStatus.IN_PROGRESS,
    CaseStatus.ANSWERED: PublicStatus.ANSWERED,
    CaseStatus.CLOSED: PublicStatus.CLOSED,
}


def public_status(status: CaseStatus, order: OrderState | None = None) -> PublicStatus:
    """What a customer sees of a case with this status, of which the field team says this (None: it has no order)."""
    if status is CaseStatus.WAITING_FOR_FIELD_TEAM and order is OrderState.PLANNED:
        return PublicStatus.PLANNED
    return _OF_CASE[status]
