"""Silence detector: what should have happened to a case by now, and did not, is told before the customer calls."""

import msgspec

from canonical_model.case import CaseRecord
from canonical_model.decision import Decision, Fate, Known, Timer, WorkItem
from canonical_model.events import TimerFired
from canonical_model.work_order import OrderState
from routes.calendar import working_days_later
from routes.configuration import Expectation, RouteConfiguration
from routes.standings import last_order, state_of

SILENCE = "silence"
"""Name of the timer that waits for the next event of a case, and of the work item when none came."""


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """The timer for the next event, or which one is not needed any more; and the work items that this event settled."""

    timers: tuple[Timer, ...] = ()
    cancelled: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()


def watch(
    case: CaseRecord, order: OrderState | None, known: Known, configuration: RouteConfiguration
) -> Watch:
    """From now on, the next event of this case is waited for; whatever was silent is so no more."""
    if not configuration.dispatch.expect:
        return Watch()
    expected = _expectation(case, order, configuration)
    if expected is None:
        return Watch(cancelled=(SILENCE,), finished=(SILENCE,))
    due = working_days_later(known.now, expected.within)
    return Watch(timers=(Timer(name=SILENCE, due=due),), finished=(SILENCE,))


def decide(timer: TimerFired, known: Known, configuration: RouteConfiguration) -> Decision:
    """Nothing came in time: the contact centre hears it, with what was expected."""
    match = next(iter(known.matches), None)
    if match is None:
        return Decision(fate=Fate.DROPPED, reason=f"a timer for {timer.case}, which is gone")
    case = match.case
    order = state_of(last_order(match.standings, configuration))
    expected = _expectation(case, order, configuration)
    if expected is None:
        return Decision(fate=Fate.ROUTED, reason=f"{case.ref}: nothing is expected any more", case=case)
    days = expected.within * (timer.round + 1)
    what = f"{case.group}: {expected.what} bleef {days} werkdagen uit."
    return Decision(
        fate=Fate.ROUTED,
        reason=f"{case.ref}: silent for {days} working days",
        case=case,
        timers=(
            Timer(
                name=SILENCE,
                round=timer.round + 1,
                due=working_days_later(known.now, expected.within),
            ),
        ),
        work_items=(WorkItem(name=SILENCE, what=what),),
    )


def _expectation(
    case: CaseRecord, order: OrderState | None, configuration: RouteConfiguration
) -> Expectation | None:
    return next((one for one in configuration.dispatch.expect if _fits(one, case, order)), None)


def _fits(one: Expectation, case: CaseRecord, order: OrderState | None) -> bool:
    return (
        (not one.kind or case.kind in one.kind)
        and (not one.category or case.category in one.category)
        and (not one.group or case.group in one.group)
        and (not one.status or case.status in one.status)
        and (not one.order or order in one.order)
    )
