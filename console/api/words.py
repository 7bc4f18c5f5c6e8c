"""What the API answers, as Pydantic models: they are the OpenAPI description."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from canonical_model.case import CaseRef
from canonical_model.contact import Kind
from canonical_model.status import CaseStatus
from ports.cases import CaseSummary, CaseView, Outcome
from ports.submission.cloudevents import Ref


class _Words(BaseModel):
    model_config = ConfigDict(frozen=True)


class State(StrEnum):
    """What became of a submitted contact. All but `waiting` are final for now; a person may mend what is on hold."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    DROPPED = "dropped"
    QUARANTINED = "quarantined"
    ON_HOLD = "on_hold"


class EventName(_Words):
    """The CloudEvents `source` and `id` that you gave."""

    source: str
    id: str


class CaseBrief(_Words):
    """A case, without anything personal."""

    ref: str = Field(description="The case number, as the customer knows it.")
    status: CaseStatus
    group: str = Field(description="The handler group.")
    tracker_number: str = Field(default="", description="The number in the tracker, once it is there.")


class Receipt(_Words):
    """Your event is safe with the hub; `state` says how far the matter is."""

    receipt: str = Field(description="The hub's number of the message.")
    event: EventName
    state: State
    reason: str = Field(description="Why, in English, without personal data.")
    received_at: datetime
    duplicate: bool = Field(default=False, description="The event had come before; nothing new happened.")
    case: CaseBrief | None = None
    status_url: str


class Rejected(_Words):
    """An event of a batch that was not taken."""

    problem: str
    detail: str
    path: str = ""
    receipt: str = Field(default="", description="Under what number the hub kept it for a person, if it did.")


class BatchItem(_Words):
    """One event of a batch, in its order: a receipt or what was wrong."""

    receipt: Receipt | None = None
    rejected: Rejected | None = None


class BatchAnswer(_Words):
    """Every event of a batch is taken by itself."""

    events: list[BatchItem]


class Rehearsal(_Words):
    """What would become of the event. Nothing was stored and nothing follows."""

    would_accept: bool = Field(description="False: nobody could decide about it; `reason` says why.")
    reason: str
    fate: str = Field(default="", description="`routed`, `dropped` or `quarantined`.")
    seen_before: bool = Field(default=False, description="An event of this name was received already.")
    joins_case: str = Field(default="", description="The open case that it would be added to.")
    group: str = ""
    rule: str = Field(default="", description="The rule of the dispatch table that chooses the group.")
    kind: Kind | None = None
    category: str = ""
    area: str = ""
    due: datetime | None = None


class CaseList(_Words):
    """Cases that you brought, the oldest change first."""

    cases: list["CaseChange"]


class CaseChange(_Words):
    """A case in a list."""

    ref: str
    event: EventName
    status: CaseStatus
    group: str
    opened_at: datetime
    changed_at: datetime
    due: datetime | None


class Step(_Words):
    """A status that the case had, and since when."""

    status: CaseStatus
    at: datetime


class AnswerGiven(_Words):
    """An answer to the customer."""

    text: str
    at: datetime


class CaseDetail(_Words):
    """How a case of yours went."""

    case: CaseChange
    history: list[Step]
    answers: list[AnswerGiven]


def receipt_of(outcome: Outcome, own: Ref, source: str, *, duplicate: bool = False) -> Receipt:
    """The receipt that says how far a message is."""
    return Receipt(
        receipt=outcome.message_id,
        event=EventName(source=own.source, id=own.id),
        state=state_of(outcome, str(own), source),
        reason=outcome.refused or outcome.reason,
        received_at=outcome.received_at,
        duplicate=duplicate,
        case=_brief(outcome.case, outcome.in_tracker) if outcome.case else None,
        status_url=f"/api/v1/receipts/{outcome.message_id}",
    )


def state_of(outcome: Outcome, source_ref: str, source: str) -> State:
    """The business outcome. A contact that joined a case counts once everything about it is done."""
    if outcome.refused:
        return State.REFUSED
    opened = outcome.case and (outcome.case.origin, outcome.case.origin_ref) == (source, source_ref)
    if outcome.in_tracker and outcome.state != "dropped" and (opened or outcome.state == "done"):
        return State.ACCEPTED
    return _OF_STATE[outcome.state]


def change_of(summary: CaseSummary) -> CaseChange:
    """A case in a list."""
    own = Ref.parse(summary.origin_ref)
    return CaseChange(
        ref=summary.ref,
        event=EventName(source=own.source, id=own.id),
        status=summary.status,
        group=summary.group,
        opened_at=summary.opened_at,
        changed_at=summary.changed_at,
        due=summary.due,
    )


def detail_of(view: CaseView) -> CaseDetail:
    """A case with its history and answers."""
    return CaseDetail(
        case=change_of(view.summary),
        history=[Step(status=step.status, at=step.at) for step in view.history],
        answers=[AnswerGiven(text=one.text, at=one.at) for one in view.answers],
    )


def _brief(summary: CaseSummary, in_tracker: str) -> CaseBrief:
    return CaseBrief(
        ref=CaseRef(summary.ref), status=summary.status, group=summary.group, tracker_number=in_tracker
    )


_OF_STATE = {
    "waiting": State.WAITING,
    "done": State.ACCEPTED,
    "dropped": State.DROPPED,
    "quarantined": State.QUARANTINED,
    "parked": State.ON_HOLD,
}
