"""A case stands otherwise over there than the hub knows: it is told again, or a person looks; never overwritten in silence."""

from typing import Final

from msgspec.structs import replace

from canonical_model.case import CaseRecord
from canonical_model.decision import AGAIN, Decision, Fate, Known, Match, WorkItem
from canonical_model.events import DeliveryRefused, DifferenceFound, WorkOrderChanged
from canonical_model.message import MessageId
from canonical_model.public_status import PublicStatus, public_status
from canonical_model.standing import Standing
from canonical_model.status import OPEN, CaseStatus
from canonical_model.work_order import ENDED, OrderState
from routes import field_work
from routes.chase import CHASE, chase_timer
from routes.configuration import RouteConfiguration
from routes.silence import SILENCE
from routes.standings import CUSTOMER, DIFFERENCE, last_order, standing_of, state_of
from routes.status_to_customer import Step, Told, published, tell
from routes.systems import status_told
from routes.targets import TRACKER

_REOPENED: Final = "de zaak ging weer open zonder dat de hub het hoorde: kijk na of de klant dat weet."


def decide(
    event: DifferenceFound, message_id: MessageId, known: Known, configuration: RouteConfiguration
) -> Decision:
    """What heals a difference; one that is gone meanwhile changes nothing."""
    match = next(iter(known.matches), None)
    if match is None:
        return Decision(fate=Fate.DROPPED, reason=f"{event.case} is not known")
    if event.system == TRACKER:
        return _tracker_moved(event, match, message_id, known, configuration)
    if event.system == CUSTOMER:
        return _told_late(event, match, message_id, configuration)
    return _system_differs(event, match, message_id, known, configuration)


def refused(event: DeliveryRefused, known: Known) -> Decision:
    """Taken first and refused later: a person must mend what is wrong with it."""
    match = next(iter(known.matches), None)
    if match is None:
        return Decision(fate=Fate.DROPPED, reason=f"{event.case} is not known")
    what = f"{event.system} weigerde achteraf wat gestuurd was: {'; '.join(event.problems)}"
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{match.case.ref}: {event.system} refused a delivery after it was taken",
        case=match.case,
        work_items=(WorkItem(name=f"refused-{event.system}", what=what),),
    )


def _tracker_moved(
    event: DifferenceFound,
    match: Match,
    message_id: MessageId,
    known: Known,
    configuration: RouteConfiguration,
) -> Decision:
    """The tracker owns the case: its status counts. That we had not heard of it, a person must know."""
    case = match.case
    if event.theirs == event.ours:
        return _asked(case, event, "de zaak staat er meer dan eens.")
    if event.theirs == case.status:
        return _nothing(case, "the tracker was heard meanwhile")
    if not event.theirs:
        return _asked(case, event, "de zaak is er niet meer.")
    now = replace(case, status=CaseStatus(event.theirs))
    order = state_of(last_order(match.standings, configuration))
    status = public_status(now.status, order)
    closing = now.status not in OPEN
    reopened = case.status not in OPEN and not closing
    # an answer that we missed is looked for by a person, not told in other words
    todo = _REOPENED if reopened else "kijk na of de klant zijn antwoord kreeg."
    step = Step(name=message_id, status=status, at=event.at, answered=True)
    told = tell(now, step, match.standings, configuration)
    return replace(
        _asked(now, event, todo, told),
        intents=(*told.intents, *status_told(case, now, f"found-{message_id}", event.at, configuration)),
        timers=(chase_timer(now.kind, known, configuration.dispatch.terms),) if reopened else (),
        cancelled_timers=(CHASE, SILENCE) if closing else (),
    )


def _system_differs(
    event: DifferenceFound,
    match: Match,
    message_id: MessageId,
    known: Known,
    configuration: RouteConfiguration,
) -> Decision:
    standing = standing_of(event.system, match.standings)
    if standing is None or standing.state != event.ours:
        return _nothing(match.case, f"{event.system} was told something else meanwhile")
    if event.system in configuration.crews:
        return _order_differs(event, match, standing, message_id, known, configuration)
    if event.told_again or event.system != configuration.board:
        return _asked(match.case, event, "kijk het na en breng het daar zelf in orde.")
    return _shown_again(event, match, message_id, configuration)


def _shown_again(
    event: DifferenceFound, match: Match, message_id: MessageId, configuration: RouteConfiguration
) -> Decision:
    forgotten = tuple(
        replace(one, state="") if one.system == configuration.board else one for one in match.standings
    )
    step = Step(name=message_id, status=PublicStatus(event.ours), at=event.at)
    told = published(match.case, step, forgotten, configuration)
    return _healed(match.case, event, _again(told, message_id))


def _order_differs(
    event: DifferenceFound,
    match: Match,
    order: Standing,
    message_id: MessageId,
    known: Known,
    configuration: RouteConfiguration,
) -> Decision:
    if event.theirs and order.state == OrderState.CANCELLED and OrderState(event.theirs) not in ENDED:
        todo = "de ploeg weet niet dat het niet meer hoeft: spreek ze zelf aan."
        return _asked(match.case, event, todo, name=field_work.ITEM)
    if event.theirs:
        news = WorkOrderChanged(
            system=event.system,
            outside_id=event.outside_id or order.outside_id,
            case=event.case,
            trip=order.trip,
            update=message_id,
            state=OrderState(event.theirs),
            text=event.text,
            at=event.at,
            evidence=event.evidence,
        )
        return field_work.decide(news, message_id, replace(known, matches=(match,)), configuration)
    if OrderState(order.state) in ENDED:
        return _nothing(match.case, "the order had ended: a team may clear its list")
    if order.state != OrderState.ORDERED or event.told_again:
        return _asked(match.case, event, "de werkopdracht staat er niet meer: spreek de ploeg zelf aan.")
    before = replace(order, trip=order.trip - 1, state=OrderState.CANCELLED)
    told = field_work.ordered(match.case, event.system, before, event.at)
    return _healed(match.case, event, _again(told, message_id))


def _again(told: Told, message_id: MessageId) -> Told:
    """The same under another name, so that it is not taken for what was done before."""
    intents = (replace(one, discriminator=f"{AGAIN}{one.discriminator}-{message_id}") for one in told.intents)
    return replace(told, intents=tuple(intents))


def _told_late(
    event: DifferenceFound, match: Match, message_id: MessageId, configuration: RouteConfiguration
) -> Decision:
    step = Step(name=f"late-{message_id}", status=PublicStatus(event.ours), at=event.at)
    if public_status(match.case.status) != event.ours:
        return _nothing(match.case, "the case went on meanwhile")
    told = tell(match.case, step, match.standings, configuration)
    if told.intents:
        return _healed(match.case, event, told)
    return _asked(match.case, event, "verwittig de klant zelf.")


def _healed(case: CaseRecord, event: DifferenceFound, told: Told) -> Decision:
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{case.ref}: {event.system} had {event.theirs or 'nothing'}, should have {event.ours}: told again",
        case=case,
        intents=told.intents,
        references=told.references,
        standings=told.standings,
        finished_items=(f"{DIFFERENCE}{event.system}",),
    )


def _asked(
    case: CaseRecord, event: DifferenceFound, todo: str, told: Told | None = None, *, name: str = ""
) -> Decision:
    what = f"{event.system} zegt {event.theirs or 'niets'}, de hub {event.ours}: {todo}"
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{case.ref}: {event.system} has {event.theirs or 'nothing'}, the hub {event.ours}",
        case=case,
        intents=told.intents if told else (),
        references=told.references if told else (),
        standings=told.standings if told else (),
        work_items=(WorkItem(name=name or f"{DIFFERENCE}{event.system}", what=what),),
    )


def _nothing(case: CaseRecord, why: str) -> Decision:
    return Decision(fate=Fate.ROUTED, reason=f"{case.ref}: {why}", case=case)
