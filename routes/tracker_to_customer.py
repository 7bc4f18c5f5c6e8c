"""A change in the tracker reaches the customer: each answer once, and an honest word when a case is closed without."""

from dataclasses import replace

from canonical_model.case import CaseRecord
from canonical_model.commands import AddNote
from canonical_model.decision import NO_ADDRESS, Decision, Fate, Intent, Known
from canonical_model.events import CaseChanged
from canonical_model.status import OPEN, CaseStatus, may_follow
from routes.configuration import RouteConfiguration
from routes.contact_to_case import CHASE, TRACKER, chase_timer
from routes.letters import answer, closed_without_answer, sent
from routes.systems import change_told


def decide(change: CaseChanged, known: Known, configuration: RouteConfiguration) -> Decision:
    """What follows from a change. Older news than what is known only brings its answers along."""
    case = next((match.case for match in known.matches), None)
    if case is None:
        return Decision(
            fate=Fate.DROPPED, reason=f"the tracker tells of {change.case}, which the hub never opened"
        )
    newer = change.version > case.tracker_version
    now = _followed(case, change) if newer else case
    closes = now.status is CaseStatus.CLOSED and case.status is not CaseStatus.CLOSED
    letters = _letters(now, change, configuration, closes=closes) if case.card.party.email else ()
    notes = () if case.card.party.email else _nobody_to_mail(now, change)
    settled = now.status not in OPEN
    return Decision(
        fate=Fate.ROUTED,
        reason=_reason(case, now, newer=newer),
        case=now,
        intents=(*letters, *notes, *change_told(case, now, change, configuration)),
        references=tuple(sent(letter) for letter in letters),
        timers=()
        if settled or case.status in OPEN
        else (chase_timer(case.kind, known, configuration.dispatch.terms),),
        cancelled_timers=(CHASE,) if settled else (),
    )


def _followed(case: CaseRecord, change: CaseChanged) -> CaseRecord:
    return replace(
        case,
        status=change.status,
        group=change.group,
        tracker_id=change.tracker_id,
        tracker_version=change.version,
    )


def _letters(
    case: CaseRecord, change: CaseChanged, configuration: RouteConfiguration, *, closes: bool
) -> tuple[Intent, ...]:
    letters = [answer(case, each.key, each.text, configuration) for each in change.answers]
    if closes and not change.answers:
        letters.append(closed_without_answer(case, configuration))
    return tuple(letters)


def _nobody_to_mail(case: CaseRecord, change: CaseChanged) -> tuple[Intent, ...]:
    return tuple(
        Intent(
            target=TRACKER,
            discriminator=f"{NO_ADDRESS}{each.key}",
            blocking=False,
            command=AddNote(
                case=case.ref,
                text="Dit antwoord kon niet gemaild worden: van deze klant is geen mailadres bekend.",
            ),
        )
        for each in change.answers
    )


def _reason(case: CaseRecord, now: CaseRecord, *, newer: bool) -> str:
    if not newer:
        return f"{case.ref}: nothing newer than what is known"
    if now.status is case.status and now.group == case.group:
        return f"{case.ref}: still {now.status} with {now.group}"
    unusual = "" if may_follow(now.status, case.status) else " (an unusual step)"
    return f"{case.ref}: from {case.status} with {case.group} to {now.status} with {now.group}{unusual}"
