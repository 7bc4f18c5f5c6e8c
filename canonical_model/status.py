"""The life of a case: a history of statuses with a table of what may follow what."""

from datetime import datetime
from enum import StrEnum

from canonical_model.value import Value


class CaseStatus(StrEnum):
    """Where a case stands, for the people who handle it."""

    NEW = "new"
    IN_PROGRESS = "in_progress"
    WAITING_FOR_CUSTOMER = "waiting_for_customer"
    WAITING_FOR_FIELD_TEAM = "waiting_for_field_team"
    ANSWERED = "answered"
    CLOSED = "closed"


OPEN = frozenset(
    {
        CaseStatus.NEW,
        CaseStatus.IN_PROGRESS,
        CaseStatus.WAITING_FOR_CUSTOMER,
        CaseStatus.WAITING_FOR_FIELD_TEAM,
    }
)

_WORK = frozenset(
    {
        CaseStatus.IN_PROGRESS,
        CaseStatus.WAITING_FOR_CUSTOMER,
        CaseStatus.WAITING_FOR_FIELD_TEAM,
        CaseStatus.ANSWERED,
        CaseStatus.CLOSED,
    }
)
TRANSITIONS: dict[CaseStatus, frozenset[CaseStatus]] = {
    CaseStatus.NEW: _WORK,
    CaseStatus.IN_PROGRESS: _WORK | {CaseStatus.NEW},
    CaseStatus.WAITING_FOR_CUSTOMER: _WORK,
    CaseStatus.WAITING_FOR_FIELD_TEAM: _WORK,
    CaseStatus.ANSWERED: frozenset({CaseStatus.IN_PROGRESS, CaseStatus.CLOSED}),
    CaseStatus.CLOSED: frozenset({CaseStatus.IN_PROGRESS}),
}
"""What may follow what; a closed case comes back only through `in_progress` (reopened)."""

OSLO_STATUS: dict[CaseStatus, int] = {
    CaseStatus.NEW: 511,
    CaseStatus.IN_PROGRESS: 496,
    CaseStatus.WAITING_FOR_CUSTOMER: 496,
    CaseStatus.WAITING_FOR_FIELD_TEAM: 496,
    CaseStatus.ANSWERED: 956,
    CaseStatus.CLOSED: 250,
}
"""Number in `https://data.vlaanderen.be/id/concept/MeldingStatuswaarde/<n>` (OSLO-Melding)."""


class StatusChange(Value, frozen=True, kw_only=True):
    """One step in the history of a case, with who took it and when (UTC)."""

    status: CaseStatus
    at: datetime
    by: str


def may_follow(new: CaseStatus, old: CaseStatus) -> bool:
    """Whether `new` is a step that the table allows after `old`; staying put is always allowed."""
    return new is old or new in TRANSITIONS[old]
