"""A change in the tracker reaches the customer: each answer once, and an honest word when a case is closed without."""

from datetime import datetime

from msgspec.structs import replace

from canonical_model.case import CaseRecord
from canonical_model.commands import AddNote
from canonical_model.decision import NO_ADDRESS, Decision, Fate, Intent, Known, Match, Timer
from canonical_model.events import CaseChanged
from canonical_model.public_status import PublicStatus, public_status
from canonical_model.standing import Standing
from canonical_model.status import OPEN, CaseStatus, may_follow
from routes import field_work, silence
from routes.chase import CHASE, chase_timer
from routes.configuration import RouteConfiguration
from routes.dispatch import crew_of
from routes.letters import answer, sent
from routes.standings import CUSTOMER, DIFFERENCE, last_order, order_after, standing_of, state_of
from routes.status_to_customer import Step, Told, answer_noticed, is_noticed, tell
from routes.systems import change_told
from routes.targets import TRACKER


def decide(change: CaseChanged, known: Known, configuration: RouteConfiguration) -> Decision:
    """What follows from a change. Older news than what is known only brings its answers along.

    Nor does the status count that the case had before the tracker did what the hub asked.
    """
    match = next(iter(known.matches), None)
    if match is None:
        return Decision(
            fate=Fate.DROPPED, reason=f"the tracker tells of {change.case}, which the hub never opened"
        )
    case, standings = match.case, match.standings
    overtaken = _overtaken(match, change)
    change = replace(change, changed_at=min(change.changed_at, known.now))  # its clock may be ahead
    newer = change.version > case.tracker_version
    now = _followed(case, change, case.status if overtaken else change.status) if newer else case
    order = last_order(standings, configuration)
    outside = (
        _told(case, now, change, standings, order, configuration)
        + _crew_asked(case, now, change.changed_at, order, known, configuration)
        if newer
        else Told()
    )
    answers = _answers(now, change, standings, configuration)
    waits_for = state_of(order_after(order, outside.standings, configuration))
    watch = silence.watch(now, waits_for, known, configuration) if newer else silence.Watch()
    return Decision(
        fate=Fate.ROUTED,
        reason=_reason(case, now, newer=newer),
        case=now,
        intents=(*answers.intents, *outside.intents, *change_told(case, now, change, configuration)),
        references=(*answers.references, *outside.references),
        timers=(*_chased_again(case, now, known, configuration), *watch.timers),
        cancelled_timers=(*(() if now.status in OPEN else (CHASE,)), *watch.cancelled),
        standings=(*answers.standings, *outside.standings),
        finished_items=(*watch.finished, *((f"{DIFFERENCE}{TRACKER}",) if newer else ())),
    )


def _overtaken(match: Match, change: CaseChanged) -> bool:
    """Whether the tracker said this before it did what the hub asked of it."""
    return (
        match.case.status is not CaseStatus.NEW  # it can't fall back
        and match.asked_until is not None
        and change.changed_at <= match.asked_until
    )


def _chased_again(
    case: CaseRecord, now: CaseRecord, known: Known, configuration: RouteConfiguration
) -> tuple[Timer, ...]:
    """A case that was over and is open again is watched from here on."""
    reopened = case.status not in OPEN and now.status in OPEN
    return (chase_timer(case.kind, known, configuration.dispatch.terms),) if reopened else ()


def _told(
    case: CaseRecord,
    now: CaseRecord,
    change: CaseChanged,
    standings: tuple[Standing, ...],
    order: Standing | None,
    configuration: RouteConfiguration,
) -> Told:
    """The new status reaches the customer; what was executed with evidence is not told again in lesser words."""
    if now.status is case.status or _is_late_echo(case, now):
        return Told()
    status = public_status(now.status, state_of(order))
    last = standing_of(CUSTOMER, standings)
    if last and last.state == PublicStatus.EXECUTED and now.status not in OPEN:
        return Told()
    step = Step(
        name=str(change.version),
        status=status,
        at=change.changed_at,
        detail="\n\n".join(each.text for each in change.answers),
        answered=bool(change.answers) and _is_reached(now, configuration),
    )
    return tell(now, step, standings, configuration)


def _is_late_echo(case: CaseRecord, now: CaseRecord) -> bool:
    """Whether the tracker still tells how it was before the end: a case is opened again by `in_progress` only.

    Of an end that the hub asked for, `asked_until` knows; this is for one that the reconciler found in the tracker.
    """
    return case.status not in OPEN and now.status in OPEN and not may_follow(now.status, case.status)


def _crew_asked(
    case: CaseRecord,
    now: CaseRecord,
    changed_at: datetime,
    order: Standing | None,
    known: Known,
    configuration: RouteConfiguration,
) -> Told:
    """A handler asks for the field team, or closes the case while it still is on its way.

    What the tracker showed before the last order ended asks for no other: it had not heard of that end. It may not have
    been asked anything then (`asked_until`): the case was in progress already.
    """
    if now.status is CaseStatus.CLOSED:
        return field_work.called_off(order, now, "de zaak is afgesloten", known.now)
    asks = now.status is CaseStatus.WAITING_FOR_FIELD_TEAM and may_follow(now.status, case.status)
    if not asks or now.status is case.status or (order and changed_at <= order.at):
        return Told()
    return field_work.ordered(now, crew_of(now, configuration.dispatch), order, known.now)


def _followed(case: CaseRecord, change: CaseChanged, status: CaseStatus) -> CaseRecord:
    return replace(
        case,
        status=status,
        group=change.group,
        tracker_id=change.tracker_id,
        tracker_version=change.version,
    )


def _is_reached(case: CaseRecord, configuration: RouteConfiguration) -> bool:
    return bool(case.card.party.email) or is_noticed(case, configuration)


def _answers(
    case: CaseRecord,
    change: CaseChanged,
    standings: tuple[Standing, ...],
    configuration: RouteConfiguration,
) -> Told:
    """A change brings all answers of its case along; their keys see to it that each goes out once."""
    if case.card.party.email:
        letters = tuple(answer(case, each.key, each.text, configuration) for each in change.answers)
        return Told(intents=letters, references=tuple(sent(letter) for letter in letters))
    if is_noticed(case, configuration):
        told = sum(
            (answer_noticed(case, each, change.changed_at, configuration) for each in change.answers), Told()
        )
        before = standing_of(configuration.notices, standings)
        is_new = before is None or any(each.at > before.at for each in change.answers)
        return told if is_new else replace(told, standings=())
    return Told(intents=_nobody_to_mail(case, change))


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
