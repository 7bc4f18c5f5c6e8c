"""Events that come in: read, stored, and only then answered; or only looked at."""

from dataclasses import dataclass

import msgspec
import structlog
from starlette.requests import Request

from canonical_model.contact import Channel
from canonical_model.decision import Decision
from canonical_model.events import ContactReceived
from console.api.door import Back, Caller
from console.api.problems import (
    CONFLICT,
    MALFORMED,
    NOT_UNDERSTOOD,
    WRONG_TYPE,
    Problem,
    RefusedError,
)
from console.api.words import BatchAnswer, BatchItem, Receipt, Rehearsal, Rejected, receipt_of
from ports.errors import MessageError, RejectedError
from ports.intake import Inbound
from ports.submission import cloudevents
from ports.submission.cloudevents import CloudEvent, Ref
from ports.submission.errors import Flaw, SubmissionError
from ports.submission.files import to_files, without_files
from ports.submission.own_case import with_own_case
from ports.submission.translate import to_contact

log = structlog.get_logger()

_OF_FLAW = {
    Flaw.MALFORMED: MALFORMED,
    Flaw.WRONG_TYPE: WRONG_TYPE,
    Flaw.NOT_UNDERSTOOD: NOT_UNDERSTOOD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One event as it was sent: in binary mode with its headers, or as a document."""

    body: bytes
    headers: dict[str, str] | None = None

    def event(self) -> CloudEvent:
        """Raises `SubmissionError`."""
        if self.headers is None:
            return cloudevents.structured(self.body)
        return cloudevents.binary(self.headers, self.body)

    def raw(self, event: CloudEvent) -> bytes:
        """What is kept of it; equal for a second sending."""
        return self.body if self.headers is None else msgspec.json.encode(event)


def one_sent(request: Request, body: bytes) -> Sent:
    """The event in a request. Raises `RefusedError` for a content type that is not taken."""
    headers = dict(request.headers)
    if _media_type(request) == cloudevents.STRUCTURED:
        return Sent(body=body)
    if cloudevents.is_binary(headers) and _media_type(request) == "application/json":
        return Sent(body=body, headers=headers)
    raise RefusedError(
        WRONG_TYPE,
        f"send {cloudevents.STRUCTURED}, {cloudevents.BATCH}, or application/json with ce- headers",
    )


def is_batch(request: Request) -> bool:
    """Whether a request carries several events."""
    return _media_type(request) == cloudevents.BATCH


async def taken(sent: Sent, caller: Caller, back: Back) -> Receipt:
    """Store one event; its receipt. Raises `RefusedError`, and `TransientError` when nothing can be stored now."""
    try:
        ref, inbound = await _understood(sent, caller, back)
    except MessageError as problem:
        raise await _kept(sent, problem, caller, back) from None
    try:
        stored = await back.accept(inbound)
    except RejectedError as error:
        raise RefusedError(
            CONFLICT, "the first event with this source and id is kept: give a new event a new id"
        ) from error
    outcome = await back.journal.cases.outcome(inbound.source, inbound.source_ref)
    assert outcome is not None  # noqa: S101 - it was stored a moment ago
    return receipt_of(outcome, ref, caller.source, duplicate=stored.duplicate)


async def all_taken(body: bytes, caller: Caller, back: Back) -> BatchAnswer:
    """Store every event of a batch by itself. Raises `RefusedError` when it is no batch at all."""
    try:
        events = cloudevents.batch(body)
    except SubmissionError as error:
        raise _refused(error) from None
    return BatchAnswer(events=[await _item(Sent(body=event), caller, back) for event in events])


async def rehearsed(sent: Sent, caller: Caller, back: Back) -> Rehearsal:
    """What would become of an event; stores nothing. Raises `RefusedError` as the real thing would."""
    try:
        ref, inbound = await _understood(sent, caller, back)
    except MessageError as error:
        raise _refused(error) from None
    seen = await back.journal.cases.outcome(inbound.source, str(ref))
    if isinstance(inbound.event, ContactReceived):
        completed = await back.complete(inbound.event.contact)
        inbound = msgspec.structs.replace(inbound, event=ContactReceived(contact=completed))
    decision, problem = await back.journal.foresee(inbound)
    return _foretold(decision, problem, seen_before=seen is not None)


async def _understood(sent: Sent, caller: Caller, back: Back) -> tuple[Ref, Inbound]:
    event = sent.event()
    ref = Ref(source=event.source, id=event.id)
    submission = cloudevents.submission_of(event)
    files = to_files(submission.attachments, back.rules)
    plain = msgspec.structs.replace(submission, attachments=())
    contact = to_contact(
        plain,
        tuple(file.attachment for file in files),
        channel=Channel.SYSTEM,
        source=f"{caller.source} {event.source}",
        allow_test_numbers=back.settings.allow_test_numbers,
    )
    contact = await with_own_case(contact, caller.source, back.journal.cases)
    return ref, Inbound(
        source=caller.source,
        source_ref=str(ref),
        raw=without_files(plain, files) if files else sent.raw(event),
        media_type=cloudevents.STRUCTURED,
        event=ContactReceived(contact=contact),
        files=files,
    )


async def _kept(sent: Sent, problem: MessageError, caller: Caller, back: Back) -> RefusedError:
    """What was not understood is kept under a name of its own, so its id stays free for the mended event."""
    if isinstance(problem, SubmissionError) and problem.flaw is Flaw.WRONG_TYPE:
        return _refused(problem)
    name = back.journal.keyring.content_hash(sent.body)
    stored = await back.accept(
        Inbound(
            source=caller.source,
            source_ref=f"unreadable:{name}",
            raw=sent.body,
            media_type=cloudevents.STRUCTURED if sent.headers is None else "application/json",
            problem=problem,
        )
    )
    log.info("event_not_understood", source=caller.source, message_id=stored.message_id)
    return _refused(problem, stored.message_id)


async def _item(sent: Sent, caller: Caller, back: Back) -> BatchItem:
    try:
        return BatchItem(receipt=await taken(sent, caller, back))
    except RefusedError as error:
        document = error.document
        return BatchItem(
            rejected=Rejected(
                problem=error.problem.name,
                detail=document.detail,
                path=document.path,
                receipt=document.receipt,
            )
        )


def _refused(error: MessageError, receipt: str = "") -> RefusedError:
    problem: Problem = NOT_UNDERSTOOD
    path = "$.type"
    if isinstance(error, SubmissionError):
        problem, path = _OF_FLAW[error.flaw], error.path
    return RefusedError(problem, error.what, path=path, receipt=receipt)


def _foretold(decision: Decision | None, problem: str, *, seen_before: bool) -> Rehearsal:
    if decision is None:
        return Rehearsal(would_accept=False, reason=problem, seen_before=seen_before)
    case = decision.case
    opens = bool(decision.rule and case)
    return Rehearsal(
        would_accept=True,
        fate=decision.fate.value,
        reason=f"opens a case for {case.group}" if opens and case else decision.reason,
        seen_before=seen_before,
        joins_case=case.ref if case and not opens else "",
        group=case.group if case else "",
        rule=decision.rule,
        kind=case.kind if case else None,
        category=case.category if case else "",
        area=case.area if case else "",
        due=case.due if case else None,
    )


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
