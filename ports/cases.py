"""What the hub knows of cases, for adapters whose customers, clerks or systems may ask.

The adapter has made sure who asks and what they may see; the journal only answers. Nothing here changes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from canonical_model.case import CaseRef
from canonical_model.contact import Channel, Kind, Language
from canonical_model.decision import Reference
from canonical_model.events import Answer
from canonical_model.status import CaseStatus, StatusChange

MOST = 100
"""Cases in one answer, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSummary:
    """A case in a list. `subject` is personal data, and "" when the case was erased."""

    ref: CaseRef
    kind: Kind
    channel: Channel
    group: str
    status: CaseStatus
    category: str
    area: str
    origin: str
    origin_ref: str
    opened_at: datetime
    changed_at: datetime
    due: datetime | None
    subject: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """A case as its customer may see it: how it went, and the answers that were given (oldest first)."""

    summary: CaseSummary
    language: Language
    history: tuple[StatusChange, ...] = ()
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a message: `waiting`, `done`, `parked`, `quarantined` or `dropped`, and its case when it has one.

    `reason` is for people, in English, without personal data. `in_tracker` is the tracker's own number of the
    case, "" until the tracker accepted it; `refused` is why the tracker refused it, "" when it did not.
    """

    message_id: str
    state: str
    reason: str
    received_at: datetime
    case: CaseSummary | None = None
    in_tracker: str = ""
    refused: str = ""


class Cases(Protocol):
    """Questions about cases. All may raise `TransientError`: the journal can't be read now."""

    async def known_under(
        self, names: Sequence[Reference], *, only_open: bool = False, limit: int = MOST
    ) -> tuple[CaseSummary, ...]:
        """Cases that carry any of these references (a customer's phone number, INSZ, mail address ...), newest first.

        Open ones may be missing beyond the newest thousands of one reference: a switchboard's number, not a person's.
        """
        ...

    async def brought_by(
        self, origin: str, *, since: datetime | None = None, limit: int = MOST
    ) -> tuple[CaseSummary, ...]:
        """Cases that this source opened and that changed since then (UTC), the oldest change first."""
        ...

    async def view(self, ref: CaseRef) -> CaseView | None:
        """One case with its history and answers; None when there is none, or when it was erased."""
        ...

    async def belongs_to(self, ref: CaseRef, names: Sequence[Reference]) -> bool:
        """Whether the case carries one of these references: ask before showing it to somebody."""
        ...

    async def outcome(self, source: str, source_ref: str) -> Outcome | None:
        """What became of the message that this source handed over under its own id."""
        ...
